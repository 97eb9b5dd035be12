"""The segmentation network with the classification branch of prohibitive learning (paper, section 3.2, figure 3b)."""

import torch
from torch import Tensor, nn

from aepsl.networks.backbone import Backbone
from aepsl.networks.heads import average_pooled, full_precision, fully_connected, pointwise


class Segmenter(nn.Module):
    """Score maps of the classes and the background, and class scores of the whole image from the same features."""

    def __init__(self, backbone: Backbone, classes: int, *, generator: torch.Generator) -> None:
        """classes: without the background. The score layer and the branch start from the generator."""
        super().__init__()
        self.backbone = backbone
        self.score = pointwise(backbone.channels, classes + 1, generator)
        self.branch = fully_connected(backbone.channels, classes, generator)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images (B, 3, H, W) → score maps float32 (B, C+1, h, w) and class scores (B, C).

        Both before softmax or sigmoid; background is the first map. The branch averages the very features that the
        score layer reads.
        """
        features = self.backbone(images).float()
        with full_precision(features):
            return self.score(features), self.branch(average_pooled(features))
