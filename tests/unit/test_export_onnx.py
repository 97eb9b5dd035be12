"""The ONNX file gives what torch gives, by onnxruntime."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from aepsl.cli import main
from aepsl.compute import Compute
from aepsl.models import Card, generator_of, save
from aepsl.networks.build import backbone
from aepsl.networks.segmenter import Segmenter
from aepsl.segmenting import Segmenting
from aepsl.settings.sections import Network

pytestmark = pytest.mark.usefixtures("workplace")
CLASSES = ("cat", "dog", "ära")
MODEL, EXPORT = Path("model.safetensors"), ("export-onnx", "--model", "model.safetensors", "--output", "model.onnx")
ROOT = Path(__file__).parents[2]


def saved(settings: Network, *, longest_side: int | None = None, **segmentation: str) -> Segmenting:
    """A network of random weights, in its file, as if trained so."""
    draw = generator_of(0)
    network = Segmenter(backbone(settings, draw), len(CLASSES), generator=draw)
    card = Card("segmenter", None, CLASSES, (0.0, 0.0, 0.0), settings, {"segmentation": segmentation})
    save(MODEL, network, replace(card, longest_side=longest_side))
    return Segmenting.load(MODEL, Compute(torch.device("cpu"), "float32"))


@pytest.mark.parametrize(
    ("name", "stride", "sizes", "form"),
    [
        ("vgg16", 8, [(33, 65), (41, 41)], "softmax"),
        ("mobilenet_v2", 16, [(33, 97), (49, 49)], "sigmoid"),
        ("squeezenet", 4, [(33, 65), (41, 41)], "sigmoid"),
    ],
)
def test_onnx_equals_torch_for_any_batch_and_size(
    name: str, stride: int, sizes: list[tuple[int, int]], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = saved(Network(backbone=name, weights=None, width=0.05, stride=stride), class_scores=form)
    main([*EXPORT])
    assert capsys.readouterr().out == f"model.onnx: 3 classes and the background, stride {stride}\n"
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == ["background", *CLASSES] and about["stride"] == str(stride)
    assert about.get("longest_side") == (str(segment.card.longest_side) if segment.card.longest_side else None)
    assert str(ROOT).encode() not in Path("model.onnx").read_bytes(), "no path of this machine"
    for number, size in enumerate(sizes, start=1):
        photographs = np.random.default_rng(number).integers(0, 256, (number, *size, 3), np.uint8)
        scores, class_scores = session.run(["scores", "class_scores"], {"photographs": photographs})
        assert scores.shape[2:] == tuple((side - 1) // stride + 1 for side in size)
        for index, photograph in enumerate(photographs):
            expected, branch = segment(photograph)
            np.testing.assert_allclose(scores[index], expected, atol=1e-3 * np.abs(expected).max())
            np.testing.assert_allclose(class_scores[index], branch, atol=1e-5)


SMALL = Network(backbone="vgg16", weights=None, width=0.05, blocks=3, stride=4, dilation=1)


@pytest.mark.parametrize(
    ("segmentation", "summed"),
    [
        ({"class_scores": "softmax"}, 1.0),
        ({"class_scores": "labels", "branch_loss": "squared"}, 1.0),
        ({"class_scores": "labels", "branch_loss": "bce"}, None),
        ({"class_scores": "sigmoid", "branch_loss": "squared"}, None),
        ({"class_scores": "an unknown one"}, None),
    ],
)
def test_v_has_the_form_that_the_network_was_trained_with(segmentation: dict[str, str], summed: float | None) -> None:
    segment = saved(SMALL, **segmentation)
    _, v = segment(np.random.default_rng(0).integers(0, 256, (33, 33, 3), np.uint8))
    assert v.sum() == pytest.approx(summed) if summed else abs(v.sum() - 1) > 0.1


def test_a_branch_that_was_not_trained_is_left_out() -> None:
    saved(SMALL, loss="cross_entropy")
    main([*EXPORT])
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["scores"]


def test_the_lines_of_the_documentation_work() -> None:
    segment = saved(SMALL, longest_side=64)
    main([*EXPORT])
    noise = np.random.default_rng(0).integers(0, 256, (50, 71, 3), np.uint8)
    Image.fromarray(noise).save("photo.jpg", quality=95)
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/use.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(lines, names)
    view = segment.view(np.asarray(Image.open("photo.jpg").convert("RGB")), longest_side=64)
    expected, _ = segment(view)
    assert names["classes"] == ["background", *CLASSES]
    assert names["scores"][0].shape == expected.shape == (4, 12, 17)
    np.testing.assert_allclose(names["scores"][0], expected, atol=1e-3 * np.abs(expected).max())


def test_without_the_exporters_packages_one_line_says_what_to_install(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "the package onnxscript is missing: pip install onnxscript" in refusal(*EXPORT)


def test_a_missing_model_is_named_and_nothing_written(refusal: Callable[..., str]) -> None:
    assert "model.safetensors: no such model" in refusal(*EXPORT)
    assert not Path("model.onnx").exists()
