"""The finished runs that the rows change: configs/test.yaml, and photographs of somebody's own in two forms."""

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl.data.palette import save_label_map
from aepsl.data.scenes.names import CLASSES
from aepsl.data.scenes.writer import split_scenes
from aepsl.data.voc import VOC_CLASSES
from tests.reruns import flow
from tests.workflow.project import TARGETS, Project

TRAIN, VAL = ("p1", "p2", "p3", "p4"), ("p5", "p6")
LEARNING = """
network: {weights: WEIGHTS, width: 0.125, blocks: 3, norm: batch, stride: 4, dilation: 1, dropout: 0.1}
classification:
  loss: bce
  training: &training {epochs: 1, batch: 4, crop: 65, optimizer: adamw, head_lr_factor: 1.0, schedule: cosine}
segmentation: {training: *training}
"""
DEVKIT = """
results: own
dataset: {format: voc, root: devkit, train_list: train}
erasing: {rounds: 2, merge: 2, reading: calibrated, target_area: 0.15}
saliency: {method: external, folder: maps}
crf: {iterations: 1}
"""
FOLDER = """
results: own
dataset: {format: folder, root: photographs, masks: masks, classes: [bird, boat, car, cat, cow, train]}
erasing: {rounds: 1, merge: 1, reading: calibrated, target_area: 0.15}
crf: {iterations: 0}
"""


@dataclass(frozen=True)
class Finished:
    """A project after a whole run: what the dry runs ask for, and the flow by hand."""

    project: Project
    targets: tuple[str, ...]
    flow: flow.Flow


def scenes(folder: Path) -> Finished:
    """configs/test.yaml, with its ceiling and PSL++."""
    project = Project(folder)
    project.path("weights.safetensors").touch()  # which a row plans to read
    return _finished(project, TARGETS, flow.scenes())


def devkit_of(folder: Path) -> Project:
    """VOC's layout with a table of labels, weights in a file and saliency maps in a folder."""
    project = Project(folder)
    project.path("own.yaml").write_text(DEVKIT + LEARNING.replace("WEIGHTS", "weights.safetensors"), encoding="utf-8")
    root, maps = project.path("devkit"), project.path("maps")
    for path in (root / "JPEGImages", root / "SegmentationClass", root / "ImageSets" / "Segmentation", maps):
        path.mkdir(parents=True)
    _photographs(root / "JPEGImages", root / "SegmentationClass", root / "labels.csv", names=VOC_CLASSES)
    for name, ids in (("train", TRAIN), ("val", VAL), ("other", TRAIN[:3])):
        (root / f"ImageSets/Segmentation/{name}.txt").write_text("".join(f"{one}\n" for one in ids))
    for one in TRAIN:
        mask = np.array(Image.open(root / f"SegmentationClass/{one}.png"))
        Image.fromarray(((mask > 0) & (mask < 255)).astype(np.uint8) * 200).save(maps / f"{one}.png")
    shutil.copytree(root, project.path("moved_devkit"))
    shutil.copytree(maps, project.path("other_maps"))
    Image.new("L", mask.T.shape).save(project.path(f"other_maps/{TRAIN[-1]}.png"))
    table = (root / "labels.csv").read_text().splitlines()
    project.path("other.csv").write_text("\n".join([*table, f"{TRAIN[0]},sofa"]) + "\n")
    return project


def devkit(folder: Path) -> Finished:
    """The same after a run with every judgement."""
    project = devkit_of(folder)
    _weights(project.path("weights.safetensors"))
    products = ("own/comparison.json", "own/submission.tar.gz", "own/gallery/index.html")
    targets = ("all", *products, "--cores", "2", "--configfile", "own.yaml")
    return _finished(project, targets, flow.outside())


def folder(place: Path) -> Finished:
    """A folder of photographs with a table and masks, one round, no CRF; prediction is of all of them."""
    project = Project(place)
    project.path("own.yaml").write_text(FOLDER + LEARNING.replace("WEIGHTS", "null"), encoding="utf-8")
    root, masks = project.path("photographs"), project.path("masks")
    for path in (root, masks):
        path.mkdir()
    _photographs(root, masks, root / "labels.csv", names=CLASSES)
    shutil.copytree(masks, project.path("moved_masks"))
    rows = (root / "labels.csv").read_text().splitlines()
    project.path("val.csv").write_text("\n".join([rows[0], *(row for row in rows if row.split(",")[0] in VAL)]) + "\n")
    kept = [row for row in rows if row.split(",")[0] not in VAL]
    (root / "labels.csv").write_text("\n".join(kept) + "\n")
    return _finished(
        project, ("all", "--cores", "2", "--configfile", "own.yaml"), flow.outside(judged=False, crf=False, rounds=1)
    )


def _finished(project: Project, targets: tuple[str, ...], read: flow.Flow) -> Finished:
    project.run(*targets)
    return Finished(project, targets, read)


def _photographs(photographs: Path, masks: Path, table: Path, *, names: tuple[str, ...]) -> None:
    """Six drawn photographs, their masks in label numbers of `names`, and what is in each."""
    numbers = np.arange(256, dtype=np.uint8)
    for label, name in enumerate(CLASSES, start=1):
        numbers[label] = names.index(name) + 1
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("image", "label"))
        for one, (_, scene) in zip(TRAIN + VAL, split_scenes("train", count=6, size=64, seed=2), strict=True):
            Image.fromarray(scene.photograph).save(photographs / f"{one}.jpg")
            save_label_map(masks / f"{one}.png", numbers[scene.mask])
            rows.writerows((one, label) for label in scene.labels)


def _weights(path: Path) -> None:
    """First weights for the small network, under torchvision's names."""
    import torch
    from safetensors.torch import save_file

    from aepsl.networks.build import backbone
    from aepsl.settings.sections import Network

    network = backbone(Network(stride=4, width=0.125, blocks=3), torch.Generator().manual_seed(0))
    layers = {conv: network.get_submodule(own) for own, conv, _ in network.origins}
    save_file(
        {
            f"{name}.{part}": getattr(layer, part).detach()
            for name, layer in layers.items()
            for part in ("weight", "bias")
        },
        path,
    )
