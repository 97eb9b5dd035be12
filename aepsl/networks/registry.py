"""Backbones by name."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from aepsl.errors import InputError
from aepsl.networks.backbone import Backbone

BACKBONES = ("vgg16", "mobilenet_v2", "squeezenet")


def build_backbone(name: str, *, generator: torch.Generator, **options: Any) -> Backbone:
    """The backbone with fresh weights from the generator; no file is read.

    Raises InputError for a name that is none, or for options that the backbone does not take.
    """
    known = options_of(name)
    if spare := sorted(options.keys() - known):
        raise InputError(f"network: {name} takes no {', '.join(spare)}; its options are {', '.join(known)}")
    return _builder(name)(generator=generator, **options)


def options_of(name: str) -> list[str]:
    """Names of the options that `build_backbone` takes for this backbone. Raises InputError for a name that is none."""
    return [option for option in inspect.signature(_builder(name)).parameters if option != "generator"]


def _builder(name: str) -> Callable[..., Backbone]:
    if name not in BACKBONES:
        raise InputError(f"network: backbone is one of {', '.join(BACKBONES)}. Got: {name!r}")
    build: Callable[..., Backbone] = import_module(f"aepsl.networks.{name}").build
    return build
