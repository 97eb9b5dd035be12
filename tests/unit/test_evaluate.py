"""The headline: label maps against the truth, over all photographs, by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.files import sha256
from aepsl.machine import Machine
from aepsl.settings.stages import EvaluateSettings
from aepsl.stages import evaluate

TRUTH = {"a": [[0, 1, 1], [0, 1, 255]], "b": [[0, 0, 2, 2]]}
OWN = {"a": [[0, 1, 0], [0, 1, 1]], "b": [[0, 0, 2, 0]]}
REFINED = {"a": [[0, 1, 1], [1, 1, 2]], "b": [[0, 0, 2, 2]]}

# Of 9 pixels that are not void, truth has 4, 3 and 2 of each class.
OF_OWN = {
    "miou": round((4 / 6 + 2 / 3 + 1 / 2) / 3, 6),
    "iou": {"background": round(4 / 6, 6), "cat": round(2 / 3, 6), "dog": 0.5},
    "pixel_accuracy": round(7 / 9, 6),
    "images": 2,
    "skipped": 5,
    "confusion": [[4, 0, 0], [1, 2, 0], [1, 0, 1]],
}
OF_REFINED = {
    "miou": round((3 / 4 + 3 / 4 + 1) / 3, 6),
    "iou": {"background": 0.75, "cat": 0.75, "dog": 1.0},
    "pixel_accuracy": round(8 / 9, 6),
    "images": 2,
    "skipped": 5,
    "confusion": [[3, 1, 0], [0, 3, 0], [0, 0, 2]],
}
PIXELS_OF_OWN = ["a,background,2,3,2", "a,cat,3,2,2", "b,background,2,3,2", "b,dog,2,1,1"]
PIXELS_OF_REFINED = ["a,background,2,1,1", "a,cat,3,4,3", "b,background,2,2,2", "b,dog,2,2,2"]


def written(folder: Path, maps: dict[str, Any]) -> Path:
    for name, rows in maps.items():
        save_label_map(folder / f"{name}.png", np.array(rows, np.uint8))
    entries = tuple(Entry(id=name, path=f"{name}.png", labels=(), sha256="") for name in maps)
    Manifest(("cat", "dog"), None, ".", entries, skipped=5).write(folder / "index.json")
    return folder / "index.json"


@pytest.mark.parametrize(
    ("refined", "headline", "pixels"),
    [({}, OF_OWN, PIXELS_OF_OWN), (REFINED, OF_REFINED, PIXELS_OF_REFINED)],
    ids=["own", "crf"],
)
def test_the_headline_is_after_the_crf_and_the_networks_own_stands_beside_it(
    tmp_path: Path, refined: dict[str, Any], headline: dict[str, Any], pixels: list[str]
) -> None:
    images = written(tmp_path / "truth", TRUTH)
    evaluate.run(
        EvaluateSettings(chosen_on_ground_truth=["crf"]),
        images=images,
        predictions=written(tmp_path / "own", OWN),
        refined=[written(tmp_path / "refined", refined)] if refined else [],
        truth=images.parent,
        output=tmp_path / "miou.json",
        counts=tmp_path / "pixels.csv",
        machine=Machine(workers=1),
    )
    found = json.loads((tmp_path / "miou.json").read_text())
    judged = sha256(tmp_path / ("refined" if refined else "own") / "index.json")
    assert found.pop("predictions") == judged
    assert found == {"rule": "voc", **headline, "without_crf": OF_OWN, "chosen_on_ground_truth": ["crf"]}
    assert (tmp_path / "pixels.csv").read_text().splitlines() == ["image,class,truth,predicted,both", *pixels]
