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
from aepsl.erasing import mine, union
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.settings.stages import QualitySettings
from aepsl.stages import quality

Pictures = dict[str, dict[str, Any]]
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
LAST: Pictures = {  # of the last round, which no control has a part in
    "one": {"cat": [[0, 0, 0, 9, 200], [0, 0, 0, 0, 0]], "dog": [[200, 0, 0, 0, 0], [0, 0, 0, 0, 9]]},
    "two": {"cat": [[0, 200], [0, 9]]},
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


def store(path: Path, kind: str, pictures: Pictures, *, factor: int = 1, size: tuple[int, int] | None = None) -> Path:
    with stores.create(path, kind, {}) as file:
        for image_id, named in pictures.items():
            arrays = {name: np.array(rows, np.uint8) * np.uint8(factor) for name, rows in named.items()}
            file.add(image_id, arrays, size=size or next(iter(arrays.values())).shape)
    return path


def judged(folder: Path, cams: list[Path], masks: list[Path], **settings: Any) -> dict[str, Any]:
    """quality.json of two rounds."""
    quality.run(
        QualitySettings(**({"background_threshold": 0.5, "jump": 0.6, "mine_erased": True} | settings)),
        images=folder / "train.json",
        cams=cams,
        masks=masks,
        histories=[folder / "1.jsonl", folder / "2.jsonl"],
        saliency=folder / "saliency.h5",
        truth=folder / "truth",
        parts=None,
        output=folder / "quality.json",
        machine=Machine(workers=1),
    )
    written: dict[str, Any] = json.loads((folder / "quality.json").read_text())
    return written


def prepare(folder: Path, truth: dict[str, Any], saliency: Pictures, labels_of: dict[str, tuple[str, ...]]) -> None:
    for name, rows in truth.items():
        save_label_map(folder / "truth" / f"{name}.png", np.array(rows, np.uint8))
    entries = tuple(Entry(id=name, path=f"{name}.jpg", labels=own, sha256="") for name, own in labels_of.items())
    Manifest(("cat", "dog"), None, ".", entries).write(folder / "train.json")
    for number, loss in ((1, 0.1), (2, 0.7)):
        record = {"epoch": 9, "converged_loss": loss, "constant_loss": 0.9}
        (folder / f"{number}.jsonl").write_text(canonical(record) + "\n")
    store(folder / "saliency.h5", "saliency", saliency)


@pytest.mark.parametrize(("given", "found"), [(0.5, {}), ("mined", {"background_threshold": round(0.5 / 255, 6)})])
def test_rounds_merges_and_controls_by_hand(
    tmp_path: Path, given: float | Literal["mined"], found: dict[str, Any]
) -> None:
    prepare(tmp_path, TRUTH, SALIENCY, LABELS)
    cams = [store(tmp_path / f"cams{n}.h5", "cams", maps) for n, maps in enumerate((CAMS, LAST))]
    masks = [store(tmp_path / f"masks{n}.h5", "masks", mined, factor=255) for n, mined in enumerate(MINED)]
    written = judged(tmp_path, cams, masks, background_threshold=given)
    assert written["rounds"] == ROUNDS
    assert written["merges"] == MERGES
    assert written["auto"] == 1, "0.7 is more than 0.6 of the way from 0.1 to 0.9"
    assert {key: value for key, value in written.items() if key == "background_threshold"} == found


@pytest.mark.parametrize("mine_erased", [True, False])
def test_the_sweep_is_what_label_maps_of_each_threshold_have(tmp_path: Path, mine_erased: bool) -> None:
    rng = np.random.default_rng(3)
    owned = {"a": ("cat", "dog"), "b": ("dog",), "c": ()}
    prepare(
        tmp_path,
        {name: rng.choice([0, 1, 2, 255], size=(9, 11)) for name in owned},
        {name: {"saliency": rng.choice([0, 200], size=(9, 11), p=[0.3, 0.7])} for name in owned},
        owned,
    )
    cams = [{name: {c: rng.integers(0, 256, (9, 11)) for c in own} for name, own in owned.items()} for _ in range(2)]
    paths = [store(tmp_path / f"cams{n}.h5", "cams", maps, size=(9, 11)) for n, maps in enumerate(cams)]
    first = {
        i: {c: mine(m, reading="fraction_of_max", threshold=0.8) for c, m in own.items()} for i, own in cams[0].items()
    }
    masks = [store(tmp_path / "masks1.h5", "masks", first, factor=255, size=(9, 11)), tmp_path / "masks2.h5"]
    swept = []
    for percent in (0, 10, 37, 60, 99):
        second = {
            name: {
                c: mine(map_, reading="fraction_of_max", threshold=percent / 100)
                & (mine_erased | ~union(first[name].values()))
                for c, map_ in own.items()
            }
            for name, own in cams[1].items()
        }
        store(masks[1], "masks", second, factor=255, size=(9, 11))
        written = judged(tmp_path, paths, masks, mine_erased=mine_erased)
        assert written["sweep"]["fraction_of_max"][percent] == percent / 100
        swept.append(written["sweep"]["miou"])
        assert swept[-1][percent] == written["merges"][-1]["pseudo_labels"]["miou"]
    assert all(one == swept[0] for one in swept), "the threshold that was used does not matter"
    assert len(set(swept[0])) > 20
