"""Model files: equal bytes for equal networks, and every way in which a file can be wrong."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from aepsl.errors import InputError
from aepsl.models import Card, generator_of, load_weights, read_card, save
from aepsl.networks.build import backbone
from aepsl.networks.classifier import Classifier
from aepsl.networks.segmenter import Segmenter
from aepsl.settings.sections import Network

CLASSES = ("dog", "cat, black", "ära")
SMALL = Network(weights=None, width=0.125, blocks=3, stride=4, dilation=1, norm="batch")
CARD = Card(
    task="segmenter",
    method=None,
    classes=CLASSES,
    mean_pixel=(104.25, 116.5, 1 / 3),
    network=SMALL,
    settings={"seed": 3, "b": {"z": [1, 2.5], "a": None}, "a": "é"},
)


def segmenter(seed: int = 1, *, settings: Network = SMALL, classes: int = len(CLASSES)) -> Segmenter:
    draw = generator_of(seed)
    return Segmenter(backbone(settings, draw), classes, generator=draw).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(path, segmenter(), CARD)
    return path


def refused(path: Path, task: str = "segmenter") -> str:
    """The one line with which the file is refused, by its card or by its weights."""

    def read() -> None:
        card = read_card(path, task)
        load_weights(path, segmenter(settings=card.network))

    with pytest.raises(InputError) as caught:
        read()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def with_card(path: Path, about: Any) -> None:
    """The same weights under another card."""
    text = about if isinstance(about, str) else json.dumps(about)
    save_file(load_file(path), path, metadata={"aepsl": text})


def card_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["aepsl"])
    assert isinstance(about, dict)
    return about


def test_a_network_comes_back_as_it_was(saved: Path) -> None:
    card = read_card(saved, "segmenter")
    assert card == CARD
    network = load_weights(saved, segmenter(seed=2, settings=card.network, classes=len(card.classes)))
    assert not network.training
    images = torch.randn(1, 3, 33, 65, generator=generator_of(0))
    with torch.no_grad():
        for found, expected in zip(network(images), segmenter()(images), strict=True):
            assert torch.equal(found, expected)


def test_a_classifiers_card_names_its_method(tmp_path: Path) -> None:
    draw = generator_of(1)
    card = Card("classifier", "cam", CLASSES, (1.0, 2.0, 3.0), SMALL, {})
    path = tmp_path / "deep" / "er" / "classifier.safetensors"
    save(path, Classifier(backbone(SMALL, draw), torch.zeros(len(CLASSES)), generator=draw), card)
    assert read_card(path, "classifier") == card


def test_equal_networks_give_equal_bytes(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    shuffled = {"a": "é", "b": {"a": None, "z": [1, 2.5]}, "seed": 3}
    again = Card("segmenter", None, CLASSES, CARD.mean_pixel, SMALL, shuffled)
    for card, memory in ((CARD, torch.contiguous_format), (again, torch.channels_last)):
        save(tmp_path / "again", segmenter().to(memory_format=memory), card)  # type: ignore[call-overload]
        assert (tmp_path / "again").read_bytes() == content
    save(tmp_path / "again", segmenter(seed=2), CARD)
    assert (tmp_path / "again").read_bytes() != content


def test_a_file_says_what_is_needed_to_use_it_and_nothing_of_its_making(saved: Path) -> None:
    with safe_open(saved, "pt") as file:
        assert list(file.metadata()) == ["aepsl"]
        assert {file.get_tensor(name).dtype for name in file.keys()} <= {torch.float32, torch.int64}  # noqa: SIM118
    about = card_of(saved)
    assert about["normalisation"] == {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "channels": "RGB",
        "range": [0, 1],
    }
    assert str(saved.parent) not in json.dumps(about)


def test_a_model_can_be_read_by_whom_other_files_can(saved: Path) -> None:
    other = saved.with_name("other")
    other.touch()
    assert saved.stat().st_mode == other.stat().st_mode


def test_an_interrupted_save_leaves_the_former_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("no space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="no space"):
        save(saved, segmenter(seed=2), CARD)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_model_of_another_task_is_refused(saved: Path) -> None:
    assert "expected a classifier" in refused(saved, "classifier")
    assert "segmenter" in refused(saved, "classifier")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    assert "no such model" in refused(tmp_path / "absent.safetensors")
    assert refused(tmp_path)  # a folder


@pytest.mark.parametrize("length", [0, 4, 8, 100])
def test_a_model_cut_in_its_header_is_refused(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    assert "not a readable safetensors file" in refused(saved)


@pytest.mark.parametrize("missing", [1, 1000])
def test_a_model_cut_in_its_weights_is_refused(saved: Path, missing: int) -> None:
    saved.write_bytes(saved.read_bytes()[:-missing])
    assert "not a readable safetensors file" in refused(saved)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a pickle in a zip", b"a" * 4096, bytes(4096)])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert "not a readable safetensors file" in refused(path)


@pytest.mark.parametrize("length", [2**63 - 1, 2**64 - 1, 2**40, 10**8])
def test_an_absurd_header_length_is_refused(saved: Path, length: int) -> None:
    saved.write_bytes(struct.pack("<Q", length) + saved.read_bytes()[8:])
    assert "not a readable safetensors file" in refused(saved)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(segmenter().state_dict(), path)
    assert "'aepsl model 1'" in refused(path)
    for about in ({"format": "aepsl model 2", "task": "segmenter"}, [], None, 3):
        with_card(path, about)
        assert "'aepsl model 1'" in refused(path)
    for about in ("{", "[" * 100_000):
        with_card(path, about)
        assert "not a readable" in refused(path)


@pytest.mark.parametrize("key", ["method", "classes", "mean_pixel", "network", "settings"])
def test_a_card_that_lacks_a_key_is_refused(saved: Path, key: str) -> None:
    about = card_of(saved)
    del about[key]
    with_card(saved, about)
    assert key in refused(saved)


def test_a_card_with_a_network_that_is_none_is_refused(saved: Path) -> None:
    with_card(saved, {**card_of(saved), "network": {"backbone": "resnet"}})
    assert "backbone" in refused(saved)
    with_card(saved, {**card_of(saved), "classes": None})
    assert "not a whole card" in refused(saved)


def test_weights_of_other_shapes_are_refused(saved: Path) -> None:
    for network in (segmenter(settings=SMALL.model_copy(update={"width": 0.25})), segmenter(classes=20)):
        with pytest.raises(InputError, match="do not fit the network") as caught:
            load_weights(saved, network)
        assert str(saved) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_weights_of_other_names_are_refused(saved: Path, change: str) -> None:
    weights = load_file(saved)
    if change == "missing":
        del weights["score.weight"]
    else:
        weights["spare"] = nn.Parameter(torch.zeros(3)).detach()
    about = card_of(saved)
    save_file(weights, saved, metadata={"aepsl": json.dumps(about)})
    assert ("score.weight" if change == "missing" else "spare") in refused(saved)


def test_weights_that_are_not_finite_or_of_another_type_are_refused(saved: Path) -> None:
    weights, about = load_file(saved), card_of(saved)
    for value, said in ((weights["score.bias"] * torch.nan, "not finite"), (weights["score.bias"].double(), "float64")):
        save_file({**weights, "score.bias": value}, saved, metadata={"aepsl": json.dumps(about)})
        assert f"score.bias is {'torch.' if said == 'float64' else ''}{said}" in refused(saved)
