"""A trained segmenter, ready for photographs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from aepsl.compute import Compute
from aepsl.data.images import aligned_size, resize, shrinkage
from aepsl.models import Card, generator_of, load_weights, read_card
from aepsl.networks.build import backbone
from aepsl.networks.heads import class_probabilities
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
        """uint8 (H, W, 3) → score maps float32 (C+1, h, w), background first, and the branch's v (C,) in 0..1."""
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
        return scores[0].float().cpu().numpy(), self.v(class_scores[0]).cpu().numpy()

    def v(self, class_scores: Tensor) -> Tensor:
        """v in 0..1 of the branch's scores (..., C), in the form that the network was trained with."""
        form, loss = self._trained_with("class_scores"), self._trained_with("branch_loss")
        softmax = form == "softmax" or (form == "labels" and loss == "squared")  # labels: as the loss reads the scores
        return class_probabilities(class_scores, form="softmax" if softmax else "sigmoid")

    @property
    def has_branch(self) -> bool:
        """Whether the branch was trained: cross-entropy alone does not reach it."""
        return self._trained_with("loss") != "cross_entropy"

    def _trained_with(self, setting: str) -> object:
        """Of the section `segmentation`, where the card tells it: a model's file may come from anywhere."""
        section = self.card.settings.get("segmentation")
        return section.get(setting) if isinstance(section, dict) else None
