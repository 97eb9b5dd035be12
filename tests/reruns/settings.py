"""For each setting a change of it, and by hand the stages whose result depends on it. A new setting needs its row."""

from typing import Any

from tests.reruns.flow import at, compared, outside, scenes, seeded, taught
from tests.reruns.row import Row

TRAINING = "train_classifier, train_segmentation"
PSL = "train_segmentation base, " + at("train_segmentation", "psl++")
"""Of configs/test.yaml the runs that learn by PSL: the ceiling learns by plain cross-entropy."""
PATH = "its path stands in both splits' settings"


def rows_of(training: str, stage: str) -> list[Row]:
    """A row for each setting of a section `training`, under adamw and a cosine: momentum and steps are not read."""
    values = {
        "epochs": "3", "batch": "3", "crop": "33", "scale": "[0.5, 1.0]", "flip": "false", "brightness": "0.1",
        "optimizer": "sgd", "lr": "0.002", "head_lr_factor": "2.0", "schedule": "step", "weight_decay": "0.001",
    }  # fmt: skip
    unread = {"momentum": "0.5", "steps": "[1]"}
    read = [setting(f"{training}.{name}", value, stage) for name, value in values.items()]
    return read + [setting(f"{training}.{name}", value) for name, value in unread.items()]


def setting(name: str, value: str, first: str = "", **more: Any) -> Row:
    """The row of a setting: its dotted name and the value, in YAML, that it gets."""
    section, *below = name.split(".")
    text = value
    for key in reversed(below):
        text = f"{{{key}: {text}}}"
    return Row(f"`{name}: {value}`", first, config=f"{section}={text}", name=name, **more)


def per_round(name: str, override: str, first: str = "") -> Row:
    """The row of a setting of single rounds."""
    what = f"`erasing.per_round: [{{{override}}}]`"
    return Row(what, first, config=f"erasing={{per_round: [{{{override}}}]}}", name=f"erasing.per_round{name}")


SCENES = [
    setting("seed", "3", TRAINING),
    setting("results", "elsewhere", results="elsewhere"),
    setting("cpu_threads", "1", "train_classifier, cams, train_segmentation, self_labels, predict"),
    setting("device", "cpu"),
    setting("precision", "float32"),
    setting("devices", 2),
    setting("dataset.root", "elsewhere"),
    setting("dataset.train_list", "train"),
    setting("dataset.val_list", "test"),
    setting("dataset.labels", "table.csv"),
    setting("dataset.skip_unreadable", "true"),
    setting("dataset.scenes.train", "13", "scenes train"),
    setting("dataset.scenes.val", "5", "scenes val"),
    setting("dataset.scenes.size", "80", "scenes"),
    setting("dataset.scenes.seed", "1", "scenes"),
    setting("network.backbone", "squeezenet", TRAINING),
    setting("network.weights", "weights.safetensors", TRAINING),
    Row("`network: {stride: 8, blocks: 4}`", TRAINING, config="network={stride: 8, blocks: 4}", name="network.stride"),
    setting("network.width", "0.25", TRAINING),
    setting("network.blocks", "4", TRAINING),
    setting("network.norm", "group", TRAINING),
    setting("network.dilation", "2", TRAINING),
    setting("network.dropout", "0.2", TRAINING),
    setting("classification.loss", "squared", "train_classifier"),
    *rows_of("classification.training", "train_classifier"),
    Row("`attention.method`, which has one value", name="attention.method"),
    setting("attention.flip", "false", "cams"),
    setting("attention.scales", "[0.5, 1.0]", "cams"),
    setting("erasing.rounds", "4", "erase 3, train_classifier 4, quality, overview", flow=scenes(4)),
    Row(
        "`erasing: {rounds: 4, merge: 4}`",
        "erase 3, train_classifier 4, pseudo_labels, quality, overview",
        config="erasing={rounds: 4, merge: 4}",
        flow=scenes(4, 4),
        name="erasing.rounds",
    ),
    setting("erasing.merge", "3", "pseudo_labels, plot_training, plot_quality", flow=scenes(merge=3)),
    setting("erasing.merge", "auto", "pseudo_labels, plot_training, plot_quality", flow=scenes(merge=None)),
    setting("erasing.jump", "0.5", "quality"),
    setting("erasing.reading", "top_pixels", "mine", flow=scenes(calibrated=False)),
    setting("erasing.reading", "random", "calibrate, mine", flow=scenes(cams=False)),
    setting("erasing.threshold", "0.3"),
    setting("erasing.target_area", "0.2", "calibrate"),
    setting("erasing.mine_erased", "true", "calibrate 2, calibrate 3, mine 2, mine 3", flow=scenes(earlier=False)),
    setting("erasing.fill", "zero", "erase"),
    setting(
        "erasing.fill",
        "none",
        ", ".join(f"{s} {t}" for s in ("train_classifier", "cams", "calibrate", "mine") for t in (2, 3)) + ", overview",
        flow=scenes(erased=False),
    ),
    per_round("", "round: 3"),
    per_round("[].round", "round: 2, target_area: 0.3", "calibrate 2"),
    per_round("[].target_area", "round: 3, target_area: 0.3", "calibrate 3"),
    per_round("[].reading", "round: 3, reading: top_values", "mine 3"),
    per_round("[].threshold", "round: 3, threshold: 0.3"),
    per_round("[].epochs", "round: 3, epochs: 1", "train_classifier 3"),
    Row("`saliency: {method: external, folder: maps}`", "saliency", config="saliency={method: external, folder: maps}",
        name="saliency.method"),
    setting("saliency.folder", "maps"),
    setting("pseudo_labels.background_threshold", "0.3", "pseudo_labels, quality"),
    setting("segmentation.labels", "truth", "train_segmentation base, " + at("train_segmentation", "psl++@teacher"),
            flow=taught()),
    setting("segmentation.loss", "cross_entropy", PSL),
    setting("segmentation.class_scores", "softmax", PSL),
    setting("segmentation.branch_loss", "squared", PSL),
    setting("segmentation.background_share", "all", "train_segmentation base"),
    setting("segmentation.branch_weight", "0.5", PSL),
    setting("segmentation.online_classes", "labels", PSL),
    setting("segmentation.loss_at", "pixels", "train_segmentation"),
    setting("segmentation.prohibit_below", "0.1", "predict base, " + at("predict", "psl++")),
    setting("segmentation.self_label_crf", "false", "self_labels"),
    setting("segmentation.train_on", "true", at("train_segmentation", "psl++"),
            flow=scenes(start="train_segmentation")),
    *rows_of("segmentation.training", "train_segmentation"),
    setting("crf.iterations", "5", "crf, self_labels"),
    setting("crf.iterations", "0", "self_labels, evaluate, overview", flow=scenes(crf=False)),
    setting("crf.bilateral_weight", "3.0", "crf, self_labels"),
    setting("crf.bilateral_xy", "30.0", "crf, self_labels"),
    setting("crf.bilateral_rgb", "4.0", "crf, self_labels"),
    setting("crf.gaussian_weight", "2.0", "crf, self_labels"),
    setting("crf.gaussian_xy", "2.0", "crf, self_labels"),
    Row("two numbers swapped: `crf: {bilateral_xy: 5.0, bilateral_rgb: 49.0}`", "crf, self_labels",
        config="crf={bilateral_xy: 5.0, bilateral_rgb: 49.0}"),
    setting("chosen_on_ground_truth", "[erasing.merge]", "evaluate"),
    setting("variants", "{new: {crf: {iterations: 5}}}"),
]  # fmt: skip

DEVKIT = [
    setting("seed", "3", "train_classifier, train_segmentation, comparison"),
    setting("cpu_threads", "1", "train_classifier, cams, train_segmentation, predict, judge_classifiers"),
    Row("`dataset: {format: folder, …}`, the same photographs", "manifest", name="dataset.format",
        config="dataset={format: folder, root: devkit/JPEGImages, labels: devkit/labels.csv, "
        "masks: devkit/SegmentationClass, classes: [bird, boat, car, cat, cow, train]}"),
    setting("dataset.root", "moved_devkit", "manifest"),
    setting("dataset.train_list", "other", "manifest train"),
    setting("dataset.val_list", "other", "manifest val"),
    setting("dataset.labels", "other.csv", "manifest train", beyond="manifest val", why=PATH),
    setting("dataset.skip_unreadable", "true", "manifest"),
    setting("saliency.folder", "other_maps", "saliency"),
    setting("variants", "{plain: {segmentation: {loss: cross_entropy}}}", at("train_segmentation", "plain"),
            flow=compared("plain")),
    setting("seeds", "[1]", at("train_classifier", "seed1") + " 1", flow=seeded()),
]  # fmt: skip

FOLDER_FLOW = outside(judged=False, crf=False, rounds=1)
FOLDER = [
    setting("dataset.classes", "[train, cow, cat, car, boat, bird]", "manifest"),
    setting(
        "dataset.val_labels", "val.csv", "manifest val", beyond="manifest train", why="the classes may stand in it"
    ),
    setting("dataset.masks", "moved_masks"),
]
