"""Runs side by side: means, spreads and differences paired by seed; label maps judged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.pixel_counts import PixelCounts
from aepsl.settings.stages import Compared, ComparisonSettings, JudgeLabelsSettings
from aepsl.stages import comparison, judge_labels

MIOU = {("", 1): 0.6, ("plain", 1): 0.5, ("ceiling", 1): 0.8, ("", 2): 0.5, ("plain", 2): 0.5, ("ceiling", 2): 0.8}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def counts(path: Path, miou: float) -> Path:
    """Three photographs, each of this mIoU: however they are drawn, their mIoU is that."""
    pixels = np.array([[[1000]] * 3, [[round(1000 * miou)]] * 3, [[round(1000 * miou)]] * 3])
    PixelCounts(("a", "b", "c"), ("cat",), pixels).write(path)
    return path


CLASSIFIERS = {"rounds": [{"map": 0.8}, {"map": 0.6}]}


def quality(losses: list[float]) -> dict[str, Any]:
    judged = {"miou": 0.4}
    return {
        "rounds": [{"loss": loss, "precision": 0.7} for loss in losses],
        "merges": [{"pseudo_labels": judged, "control": {"pseudo_labels": judged}} for _ in losses],
        "auto": 1,
    }


def compared(folder: Path, miou: dict[tuple[str, int], float] = MIOU) -> dict[str, Any]:
    runs = [Compared(variant=v, seed=s, labels="truth" if v == "ceiling" else "pseudo") for v, s in miou]
    results = [
        write(folder / f"{v}{s}.json", {"miou": m, "without_crf": {"miou": m - 0.1}, "iou": {"cat": m, "dog": None}})
        for (v, s), m in miou.items()
    ]
    labels = [write(folder / f"{v}{s}.labels", {"miou": m / 2}) for (v, s), m in miou.items() if v != "ceiling"]
    seeds = sorted(s for v, s in miou if not v)
    judged = [write(folder / f"{s}.quality", quality([0.1, 0.1 * s])) for s in seeds]
    comparison.run(
        ComparisonSettings(runs=runs),
        miou=results,
        counts=[counts(folder / f"{v}{s}.csv", m) for (v, s), m in miou.items()],
        classifiers=[write(folder / f"{s}.classifiers", CLASSIFIERS) for s in seeds],
        labels=labels,
        quality=judged,
        output=folder / "c.json",
        table=folder / "c.md",
        figure=folder / "c.png",
    )
    found: dict[str, Any] = json.loads((folder / "c.json").read_text())
    return found


def test_variants_are_paired_with_base_and_ceiling_by_seed(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert found["seeds"] == [1, 2]
    base, plain, ceiling = (found["variants"][name] for name in ("base", "plain", "ceiling"))
    spread = round(0.1 / 2**0.5, 6)
    assert base["miou"] == {"mean": 0.55, "spread": spread, "values": [0.6, 0.5], "interval": [0.55, 0.55]}
    assert plain["over_base"]["values"] == [-0.1, 0.0] and plain["over_base"]["interval"] == [-0.05, -0.05]
    assert base["share"]["values"] == [0.75, 0.625]
    assert base["labels"]["mean"] == 0.275 and "labels" not in ceiling
    assert base["iou"] == {"cat": 0.55, "dog": None}
    assert [one["loss"] for one in found["rounds"]] == [[0.1, 0.1], [0.1, 0.2]]
    table = (tmp_path / "c.md").read_text()
    assert (
        "| plain | 50.0 ± 0.0 [50.0, 50.0] | 40.0 ± 0.0 | 25.0 ± 0.0 | 62.5 ± 0.0 | -5.0 ± 7.1 [-5.0, -5.0] |" in table
    )
    assert "| val mAP of the round's classifier | 80.0 ± 0.0 | 60.0 ± 0.0 |" in table
    assert "| converged loss, to the first's | 1.00 | 1.50 |" in table
    with Image.open(tmp_path / "c.png") as figure:
        assert figure.size[0] == 900


def test_one_seed_has_no_spread_and_no_ceiling_no_share(tmp_path: Path) -> None:
    found = compared(tmp_path, {("", 0): 0.5, ("own", 3): 0.6})
    assert found["variants"]["base"]["miou"]["spread"] is None
    assert "share" not in found["variants"]["base"]
    assert "over_base" not in found["variants"]["own"], "another seed is no pair"


def test_runs_that_judge_other_photographs_are_no_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def others(path: Path, miou: float) -> Path:
        pixels = np.array([[[500]] * 3, [[round(500 * miou)]] * 3, [[round(500 * miou)]] * 3])
        PixelCounts(("a", "b", "c"), ("cat",), pixels if "own" in path.name else 2 * pixels).write(path)
        return path

    monkeypatch.setitem(globals(), "counts", others)
    variants = compared(tmp_path, {("", 1): 0.5, ("own", 1): 0.6, ("ceiling", 1): 0.8})["variants"]
    assert "over_base" not in variants["own"] and "share" not in variants["own"]
    assert variants["own"]["miou"]["interval"] == [0.6, 0.6] and variants["base"]["share"]["mean"] == 0.625


def test_what_cannot_be_measured_is_left_out(tmp_path: Path) -> None:
    """A base that learned from the truth; no masks of the training images; an empty region; a loss of zero."""
    runs = [Compared(variant="", seed=0, labels="truth"), Compared(variant="weak", seed=0, labels="pseudo")]
    result = {"miou": 0.5, "without_crf": {"miou": 0.4}, "iou": {"cat": 0.5}}
    miou = [write(tmp_path / f"{n}.json", result) for n in range(2)]
    out = {"output": tmp_path / "c.json", "table": tmp_path / "c.md", "figure": tmp_path / "c.png"}
    seen = {"counts": [counts(tmp_path / "n", 0.5)] * 2, "classifiers": [write(tmp_path / "k", CLASSIFIERS)]}
    comparison.run(ComparisonSettings(runs=runs), miou=miou, labels=[], quality=[], **seen, **out)
    assert json.loads((tmp_path / "c.json").read_text())["rounds"] == [{"seed": 0, "map": [0.8, 0.6]}]
    table = (tmp_path / "c.md").read_text()
    assert "mAP" in table and "precision" not in table and "loss" not in table and "auto" not in table
    empty = quality([0.0, 0.1])
    empty["rounds"][1]["precision"] = None
    paths = {"labels": [write(tmp_path / "l", {"miou": 0.3})], "quality": [write(tmp_path / "q", empty)]}
    comparison.run(ComparisonSettings(runs=runs), miou=miou, **paths, **seen, **out)
    assert "| precision of the round's own region | 70.0 | – |" in (tmp_path / "c.md").read_text()
    assert json.loads((tmp_path / "c.json").read_text())["variants"]["weak"]["labels"]["mean"] == 0.3


@pytest.mark.parametrize(
    ("value", "said"), [({"iou": {}}, "has no miou"), ({"iou": {}, "miou": None}, "no pixel of the masks is judged")]
)
def test_a_result_without_its_figure_is_named(tmp_path: Path, value: dict[str, Any], said: str) -> None:
    compared(tmp_path)
    runs = [Compared(variant="", seed=1, labels="truth")]
    broken = write(tmp_path / "broken.json", value)
    out = {"output": tmp_path / "o.json", "table": tmp_path / "o.md", "figure": tmp_path / "o.png"}
    with pytest.raises(InputError, match=rf"broken\.json: {said}"):
        comparison.run(
            ComparisonSettings(runs=runs), miou=[broken], counts=[broken], classifiers=[], labels=[], quality=[], **out
        )
    assert not any(path.exists() for path in out.values())


def test_label_maps_are_judged_with_ignored_pixels_as_background(tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    save_label_map(truth / "a.png", np.array([[0, 0, 1, 1]], np.uint8))
    save_label_map(tmp_path / "a.png", np.array([[0, 255, 255, 1]], np.uint8))
    manifest = Manifest(("cat",), None, ".", (Entry(id="a", path="a.png", labels=("cat",), sha256=""),))
    manifest.write(tmp_path / "images.json")

    def judge(labels: list[Path]) -> None:
        judge_labels.run(
            JudgeLabelsSettings(),
            images=tmp_path / "images.json",
            labels=labels,
            truth=truth,
            output=tmp_path / "labels.json",
            machine=Machine(workers=1),
        )

    judge([tmp_path / "images.json"])
    found = json.loads((tmp_path / "labels.json").read_text())
    assert found == {"miou": round((2 / 3 + 1 / 2) / 2, 6), "miou_labelled": 1.0, "labelled": 0.5}
    with pytest.raises(InputError, match="there are no label maps to judge"):
        judge([])
    save_label_map(truth / "a.png", np.zeros((2, 4), np.uint8))
    with pytest.raises(InputError, match="pixels, expected"):
        judge([tmp_path / "images.json"])
