"""The segmentation stage: where its weights start, and from which label maps it learns."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.models import read_card
from aepsl.settings.sections import Network, Segmentation, Training
from aepsl.settings.stages import TrainSegmentationSettings
from aepsl.stages import train_segmentation

NETWORK = Network(weights=None, width=0.125, blocks=3, norm="batch", stride=4, dilation=1, dropout=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photographs, and their label maps in the folder `labels`."""
    rng, entries = np.random.default_rng(0), []
    for name in "ab":
        Image.fromarray(rng.integers(256, size=(33, 33, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
        save_label_map(tmp_path / "labels" / f"{name}.png", rng.integers(2, size=(33, 33), dtype=np.uint8))
        entries.append(Entry(id=name, path=f"{name}.png", labels=("cat",), sha256=""))
    for place in (tmp_path, tmp_path / "labels"):
        Manifest(("cat",), (9.0, 9.0, 9.0), ".", tuple(entries)).write(place / "index.json")
    return tmp_path


def trained(
    folder: Path, name: str, *, lr: float, start: list[Path], seed: int = 0, **segmentation: Any
) -> dict[str, Tensor]:
    recipe = Training(epochs=1, batch=2, crop=33, lr=lr, optimizer="adamw", weight_decay=0.0, steps=[1])
    settings = TrainSegmentationSettings(
        seed=seed, cpu_threads=1, network=NETWORK, segmentation=Segmentation(training=recipe, **segmentation)
    )
    model = folder / f"{name}.safetensors"
    train_segmentation.run(
        settings,
        images=folder / "index.json",
        labels=[folder / "labels" / "index.json"],
        start=start,
        truth=None,
        model=model,
        history=folder / f"{name}.jsonl",
        machine=Machine(device="cpu", precision="float32", workers=1),
        key="",
    )
    assert [json.loads(line)["epoch"] for line in (folder / f"{name}.jsonl").read_text().splitlines()] == [1]
    return load_file(model)


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one if name.endswith("weight"))


def test_training_goes_on_from_the_weights_it_is_given(folder: Path) -> None:
    teacher = trained(folder, "teacher", lr=0.01, start=[])
    further = trained(folder, "further", lr=1e-9, start=[folder / "teacher.safetensors"], seed=5)
    afresh = trained(folder, "afresh", lr=1e-9, start=[], seed=5)
    assert distance(teacher, further) < 1e-6
    assert distance(teacher, afresh) > 0.1


@pytest.mark.parametrize(("branch_loss", "expected"), [("bce", math.log(2)), ("balanced", math.log(6 / 5))])
def test_a_balanced_branch_starts_from_how_frequent_its_classes_are(
    folder: Path, branch_loss: str, expected: float
) -> None:
    trained(folder, "model", lr=1e-9, start=[], branch_loss=branch_loss)
    record = json.loads((folder / "model.jsonl").read_text())
    assert record["branch"] == pytest.approx(expected, abs=0.05), "both of two photographs have the class: odds of 5"


def test_background_is_as_frequent_as_among_all_pixels(folder: Path) -> None:
    """Of each map a fifth is background, two fifths are the class, and two fifths are ignored: a third is labelled."""
    for name in "ab":
        labels = np.array([0, 1, 1, 255, 255], np.uint8).repeat(33 * 33 // 5 + 1)[: 33 * 33].reshape(33, 33)
        save_label_map(folder / "labels" / f"{name}.png", labels)
    maps = [folder / "labels" / f"{name}.png" for name in "ab"]
    for workers in (1, 2):
        assert train_segmentation.labelled_background(maps, workers=workers) == pytest.approx(1 / 3, abs=0.01)
    labelled, all_ = (
        trained(folder, share, lr=0.01, start=[], loss="cross_entropy", background_share=share)
        for share in ("labelled", "all")
    )
    raised = all_.pop("score.bias") - labelled.pop("score.bias")
    assert raised.tolist() == pytest.approx([math.log(3), 0], abs=0.03)
    assert all(torch.equal(all_[name], labelled[name]) for name in labelled), "training is the same"


def test_a_raised_background_is_as_likely_as_it_is_frequent() -> None:
    """Of 1000 pixels 600 are background, 150 of them labelled, and of the two classes 300 and 100: all labelled."""
    score = torch.nn.Conv2d(1, 3, 1)
    assert score.bias is not None
    with torch.no_grad():
        score.bias[:] = torch.tensor([150.0, 300.0, 100.0]).log()
    train_segmentation.raise_background(score, 150 / 600)
    assert score.bias.softmax(0).tolist() == pytest.approx([0.6, 0.3, 0.1])


def test_where_no_background_is_labelled_its_share_is_not_zero(folder: Path) -> None:
    save_label_map(folder / "labels" / "a.png", np.full((33, 33), 255, np.uint8))
    assert 0 < train_segmentation.labelled_background([folder / "labels" / "a.png"], workers=1) < 0.001


def test_a_model_knows_how_large_the_photographs_were(folder: Path) -> None:
    sizes = {"a": (33, 33), "b": (50, 40), "c": (70, 90)}
    for name, (height, width) in sizes.items():
        Image.new("RGB", (width, height)).save(folder / f"{name}.png")
        save_label_map(folder / "labels" / f"{name}.png", np.zeros((height, width), np.uint8))
    entries = tuple(Entry(id=name, path=f"{name}.png", labels=("cat",), sha256="") for name in sizes)
    for place in (folder, folder / "labels"):
        Manifest(("cat",), (9.0, 9.0, 9.0), ".", entries).write(place / "index.json")
    trained(folder, "model", lr=0.01, start=[])
    assert read_card(folder / "model.safetensors", "segmenter").longest_side == 50, "the median of 33, 50 and 90"


def test_a_start_that_does_not_fit_is_named(folder: Path) -> None:
    trained(folder, "teacher", lr=0.01, start=[])
    content = (folder / "teacher.safetensors").read_bytes()
    (folder / "half.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"half\.safetensors: weights do not fit"):
        trained(folder, "further", lr=0.01, start=[folder / "half.safetensors"])
    assert not list(folder.glob("further*"))
