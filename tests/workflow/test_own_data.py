"""A user's own photographs: nested, of mixed kinds, some broken, classes of odd names, no masks; then with masks."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from project import Project, complaints

from aepsl import stores
from aepsl.data.palette import load_label_map, save_label_map
from aepsl.data.scenes.names import CLASSES
from aepsl.data.scenes.writer import split_scenes
from aepsl.models import read_card

ODD = ["Käse, alt", 'quo"te', "and/or", "it's {$\\x$}", "..", "100 %"]
SETTINGS = """
results: found
dataset:
  format: folder
  root: photographs
  classes: ["Käse, alt", 'quo"te', and/or, "it's {$\\\\x$}", .., 100 %]
  skip_unreadable: true
network: {weights: null, width: 0.125, blocks: 3, norm: batch, stride: 4, dilation: 1, dropout: 0.1}
classification:
  loss: bce
  training: &training {epochs: 1, batch: 4, crop: 65, optimizer: adamw, head_lr_factor: 1.0, schedule: cosine}
erasing: {rounds: 2, merge: 2, reading: calibrated, target_area: 0.15, mine_erased: false}
segmentation: {training: *training}
crf: {iterations: 1}
"""
RUN = ("--cores", "2", "--configfile", "own.yaml")
MASKS = ("--config", "dataset={masks: masks}")
MANIFESTS = ("found/data/train.json", "found/data/val.json")
IN_TURN = ("train-classifier", "cams", "calibrate", "mine", "erase")
ROUNDS = [f"{stage} --round {t}" for t in (1, 2) for stage in IN_TURN][:-1]
STAGES = [*ROUNDS, "saliency", "pseudo-labels", "train-segmentation", "predict", "crf", "overview", "plot-training"]
BY_HAND = f"""
from aepsl.cli import main
for stage in {STAGES}:
    main([*stage.split(), "--config", "own.yaml", "--workers", "1"])
"""
TURNED = 6  # EXIF: the camera was held upright


def save(path: Path, photograph: np.ndarray, number: int) -> None:
    """As a photograph of one kind or another."""
    image, exif = Image.fromarray(photograph), Image.Exif()
    path.parent.mkdir(parents=True, exist_ok=True)
    match number % 4:
        case 0:
            exif[0x0112] = TURNED
            image.rotate(90, expand=True).save(path, exif=exif)
        case 1:
            image.quantize(64).save(path)
        case 2:
            image.convert("L").save(path)
        case 3:
            image.convert("CMYK").save(path)


class Run(NamedTuple):
    project: Project
    said: str
    """What Snakemake said as it made the manifests."""
    sizes: dict[str, tuple[int, ...]]
    """id → (height, width) of each photograph that can be read."""
    labels: dict[str, set[str]]
    """id → labels of each that is trained on."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The manifests made by Snakemake, the rest by the stages in one process: the rules are the same for all data."""
    project = Project(tmp_path_factory.mktemp("own") / "project")
    root, rows = project.path("photographs"), []
    sizes: dict[str, tuple[int, ...]] = {}
    labels: dict[str, set[str]] = {}
    for number, (_, scene) in enumerate(split_scenes("train", count=9, size=64, seed=1)):
        name = f"{('', 'sub dir/', 'sub dir/Ä/')[number % 3]}bild {number}"
        save(root / f"{name}{('.jpg', '.png', '.webp', '.TIFF')[number % 4]}", scene.photograph, number)
        save_label_map(project.path(f"masks/{name}.png"), scene.mask)
        sizes[name.replace("/", "__")] = scene.mask.shape
        if number != 8:  # it has no label
            labels[name.replace("/", "__")] = {ODD[CLASSES.index(label)] for label in scene.labels}
            rows += [(name, ODD[CLASSES.index(label)]) for label in scene.labels]
    (root / "sub dir/bild 7.TIFF").write_bytes(b"no photograph")
    del sizes["sub dir__bild 7"], labels["sub dir__bild 7"]
    with open(root / "labels.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "label"), *rows])
    project.path("own.yaml").write_text(SETTINGS, encoding="utf-8")
    said = project.run(*MANIFESTS, *RUN)
    done = project.python("-c", BY_HAND)
    assert done.returncode == 0, done.stdout[-4000:]
    return Run(project, said, sizes, labels)


def test_what_is_left_out_is_said_and_counted(own: Run) -> None:
    assert "photographs left out: 1 (photographs/sub dir/bild 7.TIFF: not a readable photograph" in own.said
    assert "photographs without a label, not trained on: 1 (sub dir/Ä/bild 8.jpg)" in own.said
    manifests = [json.loads(own.project.path(name).read_text()) for name in MANIFESTS]
    assert [len(one["images"]) for one in manifests] == [7, 8] and [one["skipped"] for one in manifests] == [1, 1]
    told = own.project.stage("summary", "found").stdout
    assert "no mIoU" in told and "photographs left out of train, as they cannot be read: 1" in told


def test_every_photograph_has_its_mask(own: Run) -> None:
    for folder in ("predictions", "predictions_crf"):
        paths = own.project.path(f"found/{folder}").glob("*.png")
        assert {path.stem: load_label_map(path).shape for path in paths} == own.sizes
    assert own.project.path("found/overview.png").is_file()


def test_odd_class_names_come_through_every_file(own: Run) -> None:
    assert set().union(*own.labels.values()) == set(ODD)
    for name, kind in (("round1/cams.h5", "cams"), ("round2/masks.h5", "masks")):
        with stores.Reader(own.project.path("found") / name, kind) as store:
            assert {image_id: set(store.read(image_id)) for image_id in store.ids()} == own.labels
    card = read_card(own.project.path("found/segmentation/model.safetensors"), "segmenter")
    assert list(card.classes) == ODD
    with stores.Reader(own.project.path("found/scores.h5"), "scores") as store:
        assert set().union(*(store.read(image_id) for image_id in store.ids())) <= {"background", *ODD}


def test_without_masks_snakemake_makes_all_else(own: Run) -> None:
    jobs = {job.split()[0] for job in own.project.planned("--forceall", *RUN)}
    made = {stage.split()[0].replace("-", "_") for stage in STAGES}
    assert jobs == {"manifest", "plot_resources", "list_settings"} | made
    stopped = own.project.snakemake("found/comparison.json", *RUN)
    assert stopped.returncode == 2 and "Traceback" not in stopped.stdout
    (line,) = complaints(stopped.stdout)
    assert line.startswith("aepsl: found/miou.json: cannot be made without ground-truth masks of all validation images")


def test_with_masks_there_is_a_result(own: Run) -> None:
    assert {"evaluate", "quality"} <= own.project.planned(*RUN, *MASKS)
    own.project.path("judged.yaml").write_text(SETTINGS.replace("  format", "  masks: masks\n  format"))
    done = own.project.stage("evaluate", "--config", "judged.yaml", "--output", "miou.json")
    assert done.returncode == 0, done.stdout
    found = json.loads(own.project.path("miou.json").read_text())
    assert found["images"] == 8 and found["skipped"] == 1 and list(found["iou"]) == ["background", *ODD]
    masks = [load_label_map(path) for path in own.project.path("masks").rglob("*.png") if path.stem != "bild 7"]
    pixels = sum(np.bincount(mask[mask != 255], minlength=len(ODD) + 1) for mask in masks)
    assert [sum(row) for row in found["confusion"]] == list(pixels)


def test_an_added_photograph_reruns_the_manifest_that_lists_it(own: Run) -> None:
    added = own.project.path("photographs/new.jpg")
    Image.new("RGB", (40, 40)).save(added)
    assert own.project.planned(*MANIFESTS, *RUN) == {"manifest val"}
