"""Backbones as the configuration describes them."""

import torch

from aepsl.networks.backbone import Backbone
from aepsl.networks.registry import build_backbone, options_of
from aepsl.networks.weights import load_imagenet
from aepsl.settings.sections import Network


def backbone(settings: Network, generator: torch.Generator) -> Backbone:
    """The backbone with random weights from the generator; no file is read. Options it does not take are left out."""
    options = settings.model_dump(include=set(options_of(settings.backbone)))
    return build_backbone(settings.backbone, generator=generator, **options)


def initialised(settings: Network, generator: torch.Generator) -> Backbone:
    """The backbone as training starts from it: with `network.weights` where they are given."""
    network = backbone(settings, generator)
    if settings.weights is not None:
        load_imagenet(network, settings.weights)
    return network
