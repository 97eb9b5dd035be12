"""A trained classifier, ready for photographs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from aepsl.attention.protocol import Method, method
from aepsl.compute import Compute
from aepsl.data.images import aligned_size, resize
from aepsl.models import Card, generator_of, load_weights, read_card
from aepsl.networks.build import backbone
from aepsl.networks.heads import class_probabilities


@dataclass(frozen=True)
class Classifying:
    """Maps photographs to class scores and to maps of where they come from."""

    network: nn.Module
    attention: Method
    card: Card
    compute: Compute

    @classmethod
    def load(cls, model: Path, compute: Compute) -> "Classifying":
        """The classifier in a model file. Raises InputError when it is not one."""
        card, unset = read_card(model, "classifier"), generator_of(0)
        attention = method(card.method or "cam")
        network = attention.network(backbone(card.network, unset), torch.zeros(len(card.classes)), unset)
        return cls(compute.move(load_weights(model, network)), attention, card, compute)

    @torch.no_grad()
    def maps(self, views: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) → maps of all classes, float32 (B, C, h, w)."""
        with self.compute.autocast():
            return self.attention.maps(self.network, self.compute.normalised(views))

    @torch.no_grad()
    def class_scores(self, photograph: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) → class scores float32 (C,) as the loss saw them: after the softmax, or a sigmoid, 0..1."""
        view = resize(photograph, aligned_size(photograph.shape[:2], self.card.network.stride))
        with self.compute.autocast():
            found: Tensor = self.network(self.compute.normalised(torch.tensor(view).permute(2, 0, 1)[None]))
        form = "softmax" if self.card.settings.get("loss") == "squared" else "sigmoid"
        return class_probabilities(found[0], form=form).cpu().numpy()
