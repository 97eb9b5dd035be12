"""Trained networks as safetensors files: weights, and one metadata key with all that is needed to use them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import nn

from aepsl.compute import MEAN, STD
from aepsl.data.manifest import Classes, MeanPixel
from aepsl.errors import InputError
from aepsl.files import canonical, regular, replacing
from aepsl.settings.base import Section
from aepsl.settings.sections import Network
from aepsl.settings.settings import validate

FORMAT = "aepsl model 1"


@dataclass(frozen=True)
class Card:
    """What a model file says of its network.

    task: classifier or segmenter. method: a classifier's attention. longest_side: of the photographs that a segmenter
    was trained on, in pixels, their median.
    """

    task: Literal["classifier", "segmenter"]
    method: str | None
    classes: tuple[str, ...]
    mean_pixel: tuple[float, float, float]
    network: Network
    settings: dict[str, Any]
    longest_side: int | None = None


class _Card(Section):
    """A card as it stands in a file."""

    format: str
    task: Literal["classifier", "segmenter"]
    method: Literal["cam"] | None
    classes: Annotated[Classes, Field(min_length=1)]
    mean_pixel: MeanPixel
    network: Network
    normalisation: dict[str, Any] = {}
    settings: dict[str, Any]
    longest_side: Annotated[int, Field(ge=1)] | None = None


def save(path: Path, network: nn.Module, card: Card) -> None:
    """Write the network's weights (float32) and its card, atomically; equal networks give equal bytes."""
    about = {
        "format": FORMAT,
        "task": card.task,
        "method": card.method,
        "classes": card.classes,
        "mean_pixel": card.mean_pixel,
        "network": card.network.model_dump(),
        "normalisation": {"mean": MEAN, "std": STD, "channels": "RGB", "range": [0, 1]},
        "settings": card.settings,
        "longest_side": card.longest_side,
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with replacing(path) as temporary:  # safetensors' own `save_file` makes a file that only its owner can read
        temporary.write_bytes(serialised(weights, metadata={"aepsl": canonical(about)}))


def read_card(path: Path, task: str) -> Card:
    """The card of a model file. Raises InputError when the file is missing, broken, or of another task."""
    try:
        with safe_open(regular(path), "pt") as file:
            about = json.loads((file.metadata() or {}).get("aepsl", "{}"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such model") from None
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("task") != task:
        found = f"{about.get('format')}, {about.get('task')}" if isinstance(about, dict) else "no card"
        raise InputError(f"{path}: expected a {task} of format {FORMAT!r}. Got: {found}")
    try:
        card = validate(_Card, about, source="")
    except InputError as error:
        why = str(error).splitlines()[0].removeprefix(": ")
        raise InputError(f"{path}: not a whole card ({why}); make the model again") from None
    return Card(
        task=card.task,
        method=card.method,
        classes=tuple(card.classes),
        mean_pixel=tuple(card.mean_pixel),  # type: ignore[arg-type]
        network=card.network,
        settings=card.settings,
        longest_side=card.longest_side,
    )


def load_weights(path: Path, network: nn.Module) -> nn.Module:
    """Fill a network built after the file's card. Raises InputError where names or shapes do not fit."""
    own = network.state_dict()
    try:
        with safe_open(regular(path), "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(weights)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path}: weights do not fit the network ({' '.join(str(error).split())[:160]})") from None
    for name, value in weights.items():
        if value.dtype != own[name].dtype:
            raise InputError(f"{path}: {name} is {value.dtype}, expected {own[name].dtype}; make the model again")
        if not torch.isfinite(value).all():
            raise InputError(f"{path}: {name} is not finite; make the model again, with a smaller learning rate")
    return network.eval()


def generator_of(seed: int) -> torch.Generator:
    """A torch generator of that seed, on the CPU."""
    return torch.Generator().manual_seed(seed)
