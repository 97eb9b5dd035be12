"""Each round's classifier, judged by its ranking of whole photographs."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from aepsl.compute import Compute
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.models import Card, generator_of, save
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.settings.sections import Network
from aepsl.settings.stages import JudgeClassifiersSettings
from aepsl.stages import judge_classifiers

NETWORK = Network(weights=None, width=0.02, blocks=3, stride=4, dilation=1, dropout=0.0)
LABELS = {"red": ("warm",), "dim": ("warm",), "blue": ("cold",)}
COLOURS = {"red": (250, 0, 0), "dim": (120, 0, 0), "blue": (0, 0, 250)}


def classifier(path: Path, *, upside_down: bool = False) -> Path:
    """A classifier that finds red warm and blue cold, or the other way round: it scores by their difference."""
    network = Classifier(backbone(NETWORK, generator_of(3)), torch.zeros(2), generator=generator_of(3))
    compute = Compute.on(Machine(workers=1), cpu_threads=1)
    with torch.no_grad():
        pictures = [torch.tensor(COLOURS[name], dtype=torch.uint8).view(1, 3, 1, 1) for name in ("red", "blue")]
        views = [compute.normalised(picture.expand(1, 3, 33, 33)) for picture in pictures]
        red, blue = (network.eval().backbone(view).mean((2, 3))[0] for view in views)
        towards = red - blue
        sign = -1.0 if upside_down else 1.0
        network.score.weight.copy_(sign * torch.stack([towards, -towards]))
    card = Card("classifier", "cam", ("warm", "cold"), (0.0, 0.0, 0.0), NETWORK, {"loss": "squared"})
    save(path, network, card)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        Image.new("RGB", (33, 25), colour).save(tmp_path / f"{name}.png")
    entries = tuple(Entry(id=name, path=f"{name}.png", labels=labels, sha256="") for name, labels in LABELS.items())
    Manifest(("warm", "cold"), None, ".", entries).write(tmp_path / "val.json")
    return tmp_path / "val.json"


def judged(images: Path, classifiers: list[Path]) -> dict[str, object]:
    output = images.with_name("classifiers.json")
    machine = Machine(workers=1)
    judge_classifiers.run(
        JudgeClassifiersSettings(cpu_threads=1), images=images, classifiers=classifiers, output=output, machine=machine
    )
    found: dict[str, object] = json.loads(output.read_text())
    return found


def test_each_round_is_judged_by_how_it_ranks_the_photographs(images: Path, tmp_path: Path) -> None:
    right, wrong = classifier(tmp_path / "1.safetensors"), classifier(tmp_path / "2.safetensors", upside_down=True)
    found = judged(images, [right, wrong])
    assert found == {
        "images": 3,
        "rounds": [
            {"round": 1, "map": 1.0, "average_precision": {"warm": 1.0, "cold": 1.0}},
            # the two warm ones come second and third, the cold one last: 2/3 by the envelope, and 1/3
            {"round": 2, "map": 0.5, "average_precision": {"warm": round(2 / 3, 6), "cold": round(1 / 3, 6)}},
        ],
    }


def test_photographs_without_labels_cannot_judge(images: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(images)
    bare = tuple(Entry(id=e.id, path=e.path, labels=(), sha256="") for e in manifest.entries)
    Manifest(manifest.classes, None, ".", bare).write(images)
    with pytest.raises(InputError, match="no image has a label"):
        judged(images, [classifier(tmp_path / "1.safetensors")])
    assert not images.with_name("classifiers.json").exists()
