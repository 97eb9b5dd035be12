"""Names that a shell, Snakemake or a file system could take for something else: nothing runs or lies elsewhere."""

import csv
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import Project, complaints

from aepsl import stores
from aepsl.data.palette import load_label_map

RUNS = "$(touch executed) `touch executed`;touch executed;&& touch executed|touch executed"
IDS = [
    RUNS, "'; touch executed; '", '"; touch executed; "', "$HOME ${IFS}~", "{run} {{x}} {0.__class__}",
    "%s%n %2e%2e%2f", "* ? [a]", "index", "con.json", "a\u0301", "日" * 60, "x" * 190, "\u202egnp", "a=b --help",
    "#! !!",
]  # fmt: skip
LABELS = [RUNS, "../../../etc/passwd", "/etc/passwd", "..", "-rf", "{results}", "'", '"', "a\\..\\b", "日本", "%00"]
RESULTS = f"found {RUNS} '\"*?"
SETTINGS = {
    "results": RESULTS,
    "dataset": {"format": "folder", "root": f"photographs {RUNS} '\""},
    "erasing": {"rounds": 1, "merge": 1, "reading": "random"},
}


def files(folder: Path) -> set[str]:
    return {os.path.relpath(Path(place, name), folder) for place, _, names in os.walk(folder) for name in names}


def test_hostile_names_stay_names_through_the_workflow(tmp_path: Path) -> None:
    project = Project(tmp_path / "inner" / "project")
    root = project.path(SETTINGS["dataset"]["root"])
    root.mkdir()
    names, rows = {}, []
    for number, image_id in enumerate(IDS):
        noise = np.random.default_rng(number).integers(0, 256, (20, 30 + number, 3), np.uint8)
        Image.fromarray(noise).save(root / f"{image_id}.png")
        names[image_id] = {LABELS[number % len(LABELS)], LABELS[-1]} if number else set(LABELS) - {"%00"}
        rows += [(f"{image_id}.png", label) for label in names[image_id]]
    with open(root / "labels.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "label"), *sorted(rows)])
    project.path("own.yaml").write_text(json.dumps(SETTINGS), encoding="utf-8")
    before = files(tmp_path)

    said = project.run(f"{RESULTS}/pseudo_labels/index.json", "--cores", "2", "--configfile", "own.yaml")

    assert "executed" not in {Path(path).name for path in files(tmp_path)}, said[-3000:]
    inside = f"inner/project/{RESULTS}/"
    made = {path for path in files(tmp_path) - before if not path.startswith("inner/project/.snakemake/")}
    assert all(path.startswith(inside) for path in made)
    ids = [unicodedata.normalize("NFC", image_id) for image_id in IDS]
    maps = {path.removeprefix(f"{inside}pseudo_labels/") for path in made if path.endswith(".png")}
    assert maps == {f"{image_id}.png" for image_id in ids}
    results = project.path(RESULTS)
    for number, image_id in enumerate(ids):
        assert load_label_map(results / "pseudo_labels" / f"{image_id}.png").shape == (20, 30 + number)
    with stores.Reader(results / "round1/masks.h5", "masks") as store:
        assert set(store.ids()) == set(ids)
        assert set(store.read(RUNS)) == set(LABELS) - {"%00"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--config", f"results={'x' * 300}"], "the folder of results cannot be written (File name too long)"),
        (["--configfile", "twice.yaml"], "twice.yaml: line 3: the key 'rounds' stands there twice; keep one of them"),
    ],
)
def test_a_hostile_configuration_stops_in_one_line(tmp_path: Path, words: list[str], expected: str) -> None:
    project = Project(tmp_path / "project")
    project.path("twice.yaml").write_text("erasing:\n  rounds: 3\n  rounds: 4\n")
    stopped = project.snakemake("--dry-run", *words)
    assert stopped.returncode == 2
    (line,) = complaints(stopped.stdout)
    assert expected in line and len(line) < 1000 and "Traceback" not in stopped.stdout
