"""The classification network: global average pooling and one fully connected layer (paper, section 3.1)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aepsl.networks.backbone import Backbone
from aepsl.networks.heads import average_pooled, full_precision, fully_connected


class Classifier(nn.Module):
    """Class scores of images, and the maps of where each class's score comes from."""

    def __init__(self, backbone: Backbone, first_scores: Tensor, *, generator: torch.Generator) -> None:
        """The fully connected layer starts from the generator, its biases as `first_scores` (C,)."""
        super().__init__()
        self.backbone = backbone
        self.score = fully_connected(backbone.channels, len(first_scores), generator)
        with torch.no_grad():
            self.score.bias.copy_(first_scores)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) → class scores float32 (B, C), before softmax or sigmoid."""
        features = self.backbone(images).float()
        with full_precision(features):
            scores: Tensor = self.score(average_pooled(features))
        return scores

    def cams(self, images: Tensor) -> Tensor:
        """H^c = Σ_k w_k^c f_k, float32 (B, C, h, w): no bias, no ReLU (Zhou et al., CVPR 2016; paper, section 3.1).

        In evaluation mode its mean over the cells is the score without its bias.
        """
        features = self.backbone(images).float()
        with full_precision(features):
            return F.conv2d(features, self.score.weight[:, :, None, None])
