"""Backbones as the configuration describes them: each a module of this package, by its name."""

import inspect
from collections.abc import Callable
from importlib import import_module

import torch

from aepsl.networks.backbone import Backbone
from aepsl.networks.weights import load_imagenet
from aepsl.settings.sections import Network


def backbone(settings: Network, generator: torch.Generator) -> Backbone:
    """The backbone with random weights from the generator; no file is read. Options it does not take are left out."""
    build: Callable[..., Backbone] = import_module(f"aepsl.networks.{settings.backbone}").build
    options = settings.model_dump(include=set(inspect.signature(build).parameters))
    return build(generator=generator, **options)


def initialised(settings: Network, generator: torch.Generator) -> Backbone:
    """The backbone as training starts from it: with `network.weights` where they are given."""
    network = backbone(settings, generator)
    if settings.weights is not None:
        load_imagenet(network, settings.weights)
    return network
