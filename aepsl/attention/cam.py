"""Class activation maps (Zhou et al., CVPR 2016; the paper's section 3.1): H^c = Σ_k w_k^c f_k."""

from torch import Generator, Tensor, nn

from aepsl.losses import classification_loss
from aepsl.networks.backbone import Backbone
from aepsl.networks.classifier import Classifier


def network(backbone: Backbone, first_scores: Tensor, generator: Generator) -> Classifier:
    """Global average pooling and one fully connected layer on the backbone."""
    return Classifier(backbone, first_scores, generator=generator)


def loss(network: nn.Module, images: Tensor, labels: Tensor, *, form: str) -> dict[str, Tensor]:
    """The classification loss of the scores."""
    return {"loss": classification_loss(network(images), labels, form=form)}


def maps(network: Classifier, images: Tensor) -> Tensor:
    """(B, C, h, w) float32: the fully connected layer's weights applied to the last features."""
    return network.cams(images)
