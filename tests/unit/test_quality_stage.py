"""The stage around the counts: each round, each merge and its control of equal area, on two photographs by hand.

Saliency is low at (0, 3) and (0, 4) of the first, and at (0, 1) of the second.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.settings.stages import QualitySettings
from aepsl.stages import quality

Pictures = dict[str, dict[str, list[list[int]]]]
LABELS = {"one": ("cat", "dog"), "two": ("cat",)}
TRUTH = {"one": [[1, 1, 0, 0, 0], [1, 2, 2, 0, 255]], "two": [[1, 0], [1, 0]]}
SALIENCY: Pictures = {
    "one": {"saliency": [[200, 200, 200, 0, 0], [200, 200, 200, 200, 200]]},
    "two": {"saliency": [[200, 0], [200, 200]]},
}
MINED: list[Pictures] = [
    {
        "one": {"cat": [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], "dog": [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]},
        "two": {"cat": [[1, 1], [0, 0]]},
    },
    {
        "one": {"cat": [[0, 0, 1, 0, 0], [1, 0, 0, 0, 0]], "dog": [[0, 0, 0, 0, 0], [1, 1, 0, 0, 0]]},
        "two": {"cat": [[0, 0], [1, 0]]},
    },
]
# The first round's. Above 0.624 of the maximum are 3 of 10 pixels and 2 of 4, above 0.249 6 of 10 and 3 of 4: the areas
# of the first round's regions and of both rounds' together.
CAMS: Pictures = {
    "one": {"cat": [[240, 150, 60, 0, 0], [0, 60, 0, 0, 0]], "dog": [[0, 0, 0, 0, 0], [0, 60, 240, 60, 0]]},
    "two": {"cat": [[120, 30], [90, 0]]},
}


def regions(precision: float, recall: float, area: float, conflict: float) -> dict[str, float]:
    values = {"precision": precision, "recall": recall, "area": area, "conflict": conflict}
    return {name: round(value, 6) for name, value in values.items()}


def labels(miou: list[float], miou_labelled: list[float], labelled: float) -> dict[str, float]:
    """miou, miou_labelled: each class's IoU, ignored pixels as background, and of labelled pixels alone."""
    return {
        "miou": round(sum(miou) / 3, 6),
        "miou_labelled": round(sum(miou_labelled) / 3, 6),
        "labelled": round(labelled, 6),
    }


# Precision is of all mined pixels that are not void, recall of 7 pixels of objects; an image's area counts once.
ROUNDS = [
    {"round": 1, "loss": 0.1, "constant_loss": 0.9, **regions(4 / 5, 4 / 7, (3 / 10 + 2 / 4) / 2, 0)},
    {"round": 2, "loss": 0.7, "constant_loss": 0.9, **regions(3 / 5, 3 / 7, (3 / 10 + 1 / 4) / 2, (1 / 10) / 2)},
]
MERGES = [
    {
        "rounds": 1,
        "mined": regions(4 / 5, 4 / 7, (3 / 10 + 2 / 4) / 2, 0),
        "pseudo_labels": labels([6 / 9, 3 / 5, 1 / 2], [1, 1, 1], (5 / 10 + 1 / 4) / 2),
        "control": {
            "fraction_of_max": 0.624,
            "mined": regions(5 / 5, 5 / 7, (3 / 10 + 2 / 4) / 2, 0),
            "pseudo_labels": labels([6 / 8, 4 / 5, 1 / 2], [1, 1, 1], (5 / 10 + 3 / 4) / 2),
        },
    },
    {
        "rounds": 2,
        "mined": regions(7 / 10, 7 / 7, (6 / 10 + 3 / 4) / 2, (1 / 10) / 2),
        "pseudo_labels": labels([5 / 7, 4 / 6, 2 / 2], [2 / 3, 4 / 5, 2 / 2], (7 / 10 + 2 / 4) / 2),
        "control": {
            "fraction_of_max": 0.249,
            "mined": regions(6 / 10, 6 / 7, (6 / 10 + 3 / 4) / 2, (1 / 10) / 2),
            "pseudo_labels": labels([4 / 8, 4 / 6, 1 / 3], [2 / 4, 4 / 5, 1 / 2], (7 / 10 + 2 / 4) / 2),
        },
    },
]


def store(path: Path, kind: str, pictures: Pictures, *, factor: int = 1) -> Path:
    with stores.create(path, kind, {}) as file:
        for image_id, named in pictures.items():
            arrays = {name: np.array(rows, np.uint8) * np.uint8(factor) for name, rows in named.items()}
            file.add(image_id, arrays, size=next(iter(arrays.values())).shape)
    return path


@pytest.mark.parametrize(("given", "found"), [(0.5, {}), ("mined", {"background_threshold": round(0.5 / 255, 6)})])
def test_rounds_merges_and_controls_by_hand(
    tmp_path: Path, given: float | Literal["mined"], found: dict[str, Any]
) -> None:
    for name, rows in TRUTH.items():
        save_label_map(tmp_path / "truth" / f"{name}.png", np.array(rows, np.uint8))
    entries = tuple(Entry(id=name, path=f"{name}.jpg", labels=of_image, sha256="") for name, of_image in LABELS.items())
    Manifest(("cat", "dog"), None, ".", entries).write(tmp_path / "train.json")
    for number, loss in ((1, 0.1), (2, 0.7)):
        record = {"epoch": 9, "converged_loss": loss, "constant_loss": 0.9}
        (tmp_path / f"{number}.jsonl").write_text(canonical(record) + "\n")
    quality.run(
        QualitySettings(background_threshold=given, jump=0.6),
        images=tmp_path / "train.json",
        cams=store(tmp_path / "cams.h5", "cams", CAMS),
        masks=[store(tmp_path / f"masks{n}.h5", "masks", mined, factor=255) for n, mined in enumerate(MINED)],
        histories=[tmp_path / "1.jsonl", tmp_path / "2.jsonl"],
        saliency=store(tmp_path / "saliency.h5", "saliency", SALIENCY),
        truth=tmp_path / "truth",
        parts=None,
        output=tmp_path / "quality.json",
        machine=Machine(workers=1),
    )
    written = json.loads((tmp_path / "quality.json").read_text())
    assert written["rounds"] == ROUNDS
    assert written["merges"] == MERGES
    assert written["auto"] == 1, "0.7 is more than 0.6 of the way from 0.1 to 0.9"
    assert {key: value for key, value in written.items() if key == "background_threshold"} == found
