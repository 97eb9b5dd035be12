"""The classification stage: what it says of its classifier after the last epoch."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
import torch
from PIL import Image
from torch import Generator, Tensor, nn

from aepsl.compute import MEAN, STD
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.settings.sections import Network, Training
from aepsl.settings.stages import TrainClassifierSettings
from aepsl.stages import train_classifier

NETWORK = Network(weights=None, width=0.02, blocks=3, stride=4, dilation=1)
LABELS = {"half": ("light",), "white": ("dark",), "grey": ("dark",)}


class Brightness(nn.Module):
    """The mean of all pixels in 0..1, and 100 more in training; it notes what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = SimpleNamespace(stride=4)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        return (images * std + mean).mean((1, 2, 3)) + (100 if self.training else 0)


class Method:
    """An attention method whose loss is how far the brightness is from 1 where `light` is a label, else from 0."""

    def __init__(self) -> None:
        self.made = Brightness()

    def network(self, backbone: nn.Module, first_scores: Tensor, generator: Generator) -> Brightness:
        self.first_scores = first_scores.tolist()
        return self.made

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, *, form: str) -> dict[str, Tensor]:
        return {"loss": (network(images) - labels[:, 0]).abs().mean()}


def untrained(network: nn.Module, *_arguments: object, **_options: object) -> list[dict[str, float]]:
    network.train()
    return [{"epoch": 1}, {"epoch": 2}]


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, *, loss: Literal["squared", "bce"]) -> Method:
    """Run the stage, the training itself left out."""
    pictures = {name: Image.new("RGB", (9, 5)) for name in LABELS}
    pictures["half"].paste((255, 255, 255), (5, 0, 9, 5))  # 4 of 9 columns
    pictures["white"] = Image.new("RGB", (5, 13), (255, 255, 255))
    pictures["grey"] = Image.new("RGB", (15, 10), (51, 51, 51))
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    entries = tuple(Entry(id=name, path=f"{name}.png", labels=labels, sha256="") for name, labels in LABELS.items())
    Manifest(("light", "dark"), (90.0, 90.0, 90.0), ".", entries).write(folder / "train.json")
    method = Method()
    monkeypatch.setattr(train_classifier, "method", lambda _name: method)
    monkeypatch.setattr(train_classifier, "train", untrained)
    train_classifier.run(
        TrainClassifierSettings(
            seed=0, round=1, cpu_threads=1, network=NETWORK, attention="cam", loss=loss, training=Training(crop=33)
        ),
        images=folder / "train.json",
        model=folder / "model.safetensors",
        history=folder / "history.jsonl",
        machine=Machine(device="cpu", precision="float32", workers=1),
        key="",
    )
    return method


def test_the_converged_loss_is_that_of_whole_photographs_in_evaluation_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = trained(tmp_path, monkeypatch, loss="squared")
    first, last = map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines())
    assert first == {"epoch": 1}
    assert last["converged_loss"] == pytest.approx((5 / 9 + 1 + 0.2) / 3, abs=2e-6), "whatever the photographs' sizes"
    # Targets are (1, 0), (0, 1), (0, 1), their mean (1/3, 2/3): squared distances 8/9, 2/9, 2/9.
    assert last["constant_loss"] == pytest.approx(4 / 9, abs=1e-6)
    assert method.made.seen == [(1, 3, 5, 9), (1, 3, 13, 5), (1, 3, 9, 17)], "the nearest of sides 4·a + 1"


@pytest.mark.parametrize(("loss", "first"), [("squared", 0), ("bce", math.log(2.5 / 1.5))])
def test_scores_begin_as_the_loss_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: Literal["squared", "bce"], first: float
) -> None:
    """One of three photographs is light, two are dark; half a photograph is added to either."""
    assert trained(tmp_path, monkeypatch, loss=loss).first_scores == pytest.approx([-first, first])


@pytest.mark.parametrize(
    ("classes", "labels", "loss", "said"),
    [
        (("cat",), [("cat",), ("cat",)], "bce", "have the same labels"),
        (("cat", "dog"), [("cat", "dog")] * 2, "squared", "have the same labels"),
    ],
)
def test_labels_that_tell_nothing_apart_are_refused(
    tmp_path: Path, classes: tuple[str, ...], labels: list[tuple[str, ...]], loss: Literal["squared", "bce"], said: str
) -> None:
    entries = tuple(Entry(str(n), f"{n}.png", own, "") for n, own in enumerate(labels))
    Manifest(classes, (9.0, 9.0, 9.0), ".", entries).write(tmp_path / "train.json")
    settings = TrainClassifierSettings(
        seed=0, round=1, cpu_threads=1, network=NETWORK, attention="cam", loss=loss, training=Training(crop=33)
    )
    with pytest.raises(InputError, match=said):
        train_classifier.run(
            settings, images=tmp_path / "train.json", model=tmp_path / "m", history=tmp_path / "h",
            machine=Machine(device="cpu"), key="",
        )  # fmt: skip
