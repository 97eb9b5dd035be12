"""Photographs of one colour, a class that none shows, masks that are void throughout, rounds that mine nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import Project

from aepsl.data.palette import load_label_map

SIZE = (70, 90)
SETTINGS = """
results: found
dataset: {format: folder, root: photographs, masks: masks, classes: [a, b, never]}
network: {weights: null, width: 0.125, blocks: 3, norm: batch, stride: 4, dilation: 1, dropout: 0.1}
classification:
  loss: bce
  training: &training {epochs: 1, batch: 4, crop: 65, optimizer: adamw, head_lr_factor: 1.0, schedule: cosine}
erasing: {rounds: 2, merge: 2, reading: top_pixels, threshold: AREA}
segmentation: {training: *training}
crf: {iterations: 1}
"""
ROUNDS = [f"{stage} --round {t}" for t in (1, 2) for stage in ("train-classifier", "cams", "mine", "erase")][:-1]
JUDGES = ["evaluate", "quality", "judge-labels", "judge-classifiers"]
FIGURES = ["plot-training", "plot-quality", "plot-result"]
STAGES = [*ROUNDS, "saliency", "pseudo-labels", "train-segmentation", "predict", "crf", "overview", *JUDGES, *FIGURES]
CHAIN = f"""
from aepsl.cli import main
for stage in ["manifest --split train", "manifest --split val", *{STAGES}]:
    main([*stage.split(), "--config", "own.yaml", "--workers", "1"])
"""


@pytest.mark.parametrize("area", [0.2, 0.00001])
def test_what_teaches_nothing_goes_through_and_is_named(tmp_path: Path, area: float) -> None:
    project = Project(tmp_path / "project")
    photographs, masks = project.path("photographs"), project.path("masks")
    photographs.mkdir()
    masks.mkdir()
    grounds = {
        "black": np.zeros((*SIZE, 3), np.uint8),
        "white": np.full((*SIZE, 3), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(256, size=(*SIZE, 3), dtype=np.uint8),
    }
    rows = ["image,label,split"]
    for split in ("train", "val"):
        for name, ground in grounds.items():
            Image.fromarray(ground).save(photographs / f"{split}_{name}.png")
            Image.fromarray(np.full(SIZE, 255, np.uint8)).save(masks / f"{split}_{name}.png")
            rows += [f"{split}_{name},{label},{split}" for label in {"black": "a", "white": "b", "noise": "ab"}[name]]
    (photographs / "labels.csv").write_text("\n".join(rows))
    project.path("own.yaml").write_text(SETTINGS.replace("AREA", f"{area:f}"))

    done = project.python("-c", CHAIN)

    assert done.returncode == 0, done.stdout[-3000:]
    assert "classes without a training photograph: 1 (never)" in done.stdout
    lost = "3 (a, b, never)" if area < 0.001 else "1 (never)"
    assert f"classes without a pixel in any label map: {lost}" in done.stdout
    labels = load_label_map(project.path("found/pseudo_labels/train_black.png"))
    assert set(np.unique(labels)) <= {0, 1, 255}
    found = json.loads(project.path("found/miou.json").read_text())
    assert found["miou"] is None and set(found["iou"].values()) == {None}, "nothing is judged where all is void"
    assert "mIoU on 3 validation images    –" in project.python("-m", "aepsl", "summary", "found").stdout
