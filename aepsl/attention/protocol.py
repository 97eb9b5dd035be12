"""What an attention method is: it makes a network, says its loss, and maps where each class's evidence lies."""

from importlib import import_module
from typing import Protocol

from torch import Generator, Tensor, nn

from aepsl.networks.backbone import Backbone


class Method(Protocol):
    """A module of this folder with these three functions; `erasing` knows no more of it than its maps."""

    def network(self, backbone: Backbone, first_scores: Tensor, generator: Generator) -> nn.Module:
        """The classifier on a backbone, its new layers initialised from the generator and its biases as `first_scores`.

        first_scores: (C,), one a class (`losses.first_scores`).
        """

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, *, form: str) -> dict[str, Tensor]:
        """`loss`, and its terms, for normalised images (B, 3, H, W) and labels (B, C) of 0 and 1."""

    def maps(self, network: nn.Module, images: Tensor) -> Tensor:
        """H (B, C, h, w) float32, one map a class, cell j at pixel stride·j; before any cut or scaling."""


def method(name: str) -> Method:
    """The method of that name."""
    return import_module(f"aepsl.attention.{name}")  # type: ignore[return-value]
