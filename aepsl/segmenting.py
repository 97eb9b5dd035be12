"""A trained segmenter, ready for photographs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aepsl.compute import Compute
from aepsl.data.images import aligned_size, resize, shrinkage
from aepsl.models import Card, generator_of, load_weights, read_card
from aepsl.networks.build import backbone
from aepsl.networks.segmenter import Segmenter


@dataclass(frozen=True)
class Segmenting:
    """Maps a photograph to its scores."""

    network: nn.Module
    card: Card
    compute: Compute

    @classmethod
    def load(cls, model: Path, compute: Compute) -> "Segmenting":
        """The segmenter in a model file. Raises InputError when it is not one."""
        card, unset = read_card(model, "segmenter"), generator_of(0)
        network = Segmenter(backbone(card.network, unset), len(card.classes), generator=unset)
        return cls(compute.move(load_weights(model, network)), card, compute)

    def __call__(self, photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (H, W, 3) → score maps float32 (C+1, h, w), background first, and the branch's scores (C,) in 0..1."""
        return self.scores(self.view(photograph))

    def view(self, photograph: np.ndarray, *, longest_side: int | None = None) -> np.ndarray:
        """What the network sees of uint8 (H, W, 3): resized so that cells and pixels meet, and to `longest_side`."""
        size = photograph.shape[:2]
        return resize(photograph, aligned_size(size, self.card.network.stride, shrinkage(size, longest_side)))

    @torch.no_grad()
    def scores(self, view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A `view` → what calling gives."""
        image = torch.tensor(view).permute(2, 0, 1)[None]
        with self.compute.autocast():
            scores, class_scores = self.network(self.compute.normalised(image))
        return scores[0].float().cpu().numpy(), class_scores[0].float().sigmoid().cpu().numpy()
