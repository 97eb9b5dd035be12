"""Bad input: one line that names the file, status 2, nothing half-written, and the same command works once mended."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import Project, complaints

RUN = ("--config", "configs/test.yaml", "--workers", "2")
TRAIN = "data/scenes/train/JPEGImages/scene_000003.jpg"
VAL = "data/scenes/val/SegmentationClass/scene_100002.png"


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbled(path: Path) -> None:
    path.write_bytes(b"\x00\xff not what it says it is" * 50)


def of_another_size(path: Path) -> None:
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(path)


def of_another_class(path: Path) -> None:
    label_map = np.array(Image.open(path))
    label_map[0, 0] = 99
    Image.fromarray(label_map).save(path)


def mislabelled(path: Path) -> None:
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    lines[2] = ",".join([cells[0], "catt", *cells[2:]])
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("stage", "spoil", "bad", "output"),
    [
        (("manifest", "--split", "train"), Path.unlink, TRAIN, "data/train.json"),
        (("manifest", "--split", "train"), cut, TRAIN, "data/train.json"),
        (("manifest", "--split", "train"), emptied, TRAIN, "data/train.json"),
        (("manifest", "--split", "train"), mislabelled, "data/scenes/train/labels.csv", "data/train.json"),
        (("cams", "--round", "1"), cut, "round1/classifier.safetensors", "round1/cams.h5"),
        (("cams", "--round", "2"), cut, "round1/erased/scene_000003.png", "round2/cams.h5"),
        (("mine", "--round", "1"), emptied, "round1/cams.h5", "round1/masks.h5"),
        (("mine", "--round", "2"), garbled, "round1/masks.h5", "round2/masks.h5"),
        (("erase", "--round", "1"), cut, "round1/masks.h5", "round1/erased/index.json"),
        (("saliency",), cut, "data/train.json", "saliency.h5"),
        (("pseudo-labels",), Path.unlink, "saliency.h5", "pseudo_labels/index.json"),
        (("train-segmentation",), of_another_size, "pseudo_labels/scene_000003.png", "segmentation/model.safetensors"),
        (("predict",), garbled, "segmentation/model.safetensors", "scores.h5"),
        (("crf",), cut, "scores.h5", "predictions_crf/index.json"),
        (("evaluate",), of_another_size, VAL, "miou.json"),
        (("evaluate",), of_another_class, VAL, "miou.json"),
        (("evaluate",), Path.unlink, VAL, "miou.json"),
        (("evaluate",), cut, "predictions/scene_100002.png", "miou.json"),
        (("quality",), cut, "round2/history.jsonl", "quality.json"),
    ],
    ids=lambda value: getattr(value, "__name__", "-".join(value) if isinstance(value, tuple) else str(value)),
)
def test_a_stage_names_the_file_and_goes_on_once_it_is_mended(
    spoilt: Project, finished: Project, stage: tuple[str, ...], spoil: Callable[[Path], None], bad: str, output: str
) -> None:
    folder = spoilt.path("results_test")
    (folder / output).unlink()
    spoil(folder / bad)
    log = spoilt.path("stage.log")

    stopped = spoilt.stage(*stage, *RUN, "--log", str(log))

    assert stopped.returncode == 2, stopped.stdout
    (line,) = complaints(stopped.stdout)
    assert f"results_test/{bad}" in line and line.startswith(f"aepsl {stage[0]}: ")
    assert "Traceback" not in stopped.stdout + log.read_text() and line in log.read_text()
    assert not (folder / output).exists()
    assert not [path for path in folder.rglob("*") if path.suffix in (".tmp", ".resume")]

    (folder / bad).write_bytes((finished.path("results_test") / bad).read_bytes())
    mended = spoilt.stage(*stage, *RUN)
    assert mended.returncode == 0, mended.stdout
    assert (folder / output).read_bytes() == (finished.path("results_test") / output).read_bytes()


def test_an_output_that_cannot_be_written_is_named(finished: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "masks.h5"
    stopped = finished.stage("mine", "--round", "1", *RUN, "--output", str(output))
    assert stopped.returncode == 2
    (line,) = complaints(stopped.stdout)
    assert str(tmp_path / "file") in line
    assert "Traceback" not in stopped.stdout


def devkit(root: Path) -> None:
    """Six photographs of noise, a dog in each, in the layout of VOC."""
    rng = np.random.default_rng(0)
    lists = root / "ImageSets" / "Segmentation"
    for folder in (root / "JPEGImages", lists):
        folder.mkdir(parents=True)
    for split, names in {"train": "abcd", "val": "ef"}.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(root / "JPEGImages" / f"{name}.jpg")
    (root / "labels.csv").write_text("image,label\n" + "".join(f"{name},dog\n" for name in "abcdef"))


def test_a_workflow_stops_at_the_file_and_goes_on_once_it_is_mended(tmp_path: Path) -> None:
    project, root = Project(tmp_path / "project"), tmp_path / "VOC2012"
    devkit(root)
    project.path("voc.yaml").write_text(f"results: found\ndataset: {{root: {root}, train_list: train}}\n")
    words = ("found/data/train.json", "--cores", "2", "--configfile", "voc.yaml")
    photograph, table = root / "JPEGImages" / "c.jpg", root / "labels.csv"
    whole = {path: path.read_bytes() for path in (photograph, table)}

    def stops_at(path: Path, why: str) -> None:
        stopped = project.snakemake(*words)
        assert stopped.returncode == 1
        (line,) = complaints(stopped.stdout)
        assert line.startswith(f"aepsl manifest: {path}") and why in line
        assert not [p for p in project.path("found").rglob("*") if p.suffix in (".tmp", ".json")]
        path.write_bytes(whole[path])

    photograph.unlink()
    stops_at(photograph, "no such photograph")
    cut(photograph)
    stops_at(photograph, "not a readable photograph")
    table.write_text(table.read_text().replace("d,dog", "d,dogg"))
    stops_at(table, "line 5: no class 'dogg' (did you mean dog?)")
    project.run(*words)
    assert project.planned(*words) == set()

    table.write_text(table.read_text().replace("d,dog", "d,cat"))
    assert project.planned(*words) == {"manifest train"}, "photographs and labels are tracked though no rule's inputs"
