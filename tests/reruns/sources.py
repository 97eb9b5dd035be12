"""For each source file by hand the stages whose result it has a part in. A new file needs its line."""

from tests.reruns.row import Row
from tests.workflow.project import REPOSITORY, Project

TRAINING = "train_classifier, train_segmentation"
CLASSIFIERS = "train_classifier, cams, judge_classifiers"
SEGMENTERS = "train_segmentation, predict, self_labels"
NETWORKS = f"{CLASSIFIERS}, {SEGMENTERS}"
JUDGES = "evaluate, quality, judge_labels"
FIGURES = "plot_training, plot_quality, plot_result, plot_resources"
LABEL_MAPS = f"{SEGMENTERS}, pseudo_labels, crf, overview, gallery, plot_result, {JUDGES}"
PHOTOGRAPHS = f"{NETWORKS}, manifest, calibrate, mine, erase, saliency, crf, overview, gallery, plot_result"
LISTS = f"{PHOTOGRAPHS}, pseudo_labels, plot_training, {JUDGES}, submission"
WORKERS = f"{NETWORKS}, manifest, calibrate, mine, erase, saliency, crf, pseudo_labels, gallery, {JUDGES}"
SHARDED = "cams, mine, erase, saliency, self_labels, predict, crf"
SHOWN = f"{TRAINING}, cams, calibrate, mine, saliency, pseudo_labels, self_labels, predict, crf, quality, gallery"

STAGES = (
    "manifest", "train_classifier", "cams", "calibrate", "mine", "erase", "saliency", "pseudo_labels",
    "train_segmentation", "self_labels", "predict", "crf", "evaluate", "judge_classifiers", "judge_labels", "quality",
    "overview", "gallery", "plot_training", "plot_quality", "plot_result", "plot_resources", "list_settings",
    "comparison", "submission",
)  # fmt: skip

USED = {
    "attention/cam.py": CLASSIFIERS,
    "attention/protocol.py": CLASSIFIERS,
    "attention/views.py": "cams",
    "classifying.py": "cams, judge_classifiers",
    "compute.py": NETWORKS,
    "crf.py": "crf, self_labels",
    "data/augment.py": TRAINING,
    "data/batches.py": TRAINING,
    "data/images.py": f"{PHOTOGRAPHS}, pseudo_labels, {JUDGES}",
    "data/index.py": "cams, erase, pseudo_labels, self_labels, predict, crf, judge_classifiers",
    "data/labels.py": "manifest",
    "data/manifest.py": LISTS,
    "data/palette.py": f"scenes, {LABEL_MAPS}",
    "data/scenes/anatomy.py": "scenes",
    "data/scenes/names.py": "scenes, manifest",
    "data/scenes/scene.py": "scenes",
    "data/scenes/shapes.py": "scenes",
    "data/scenes/sprite.py": "scenes",
    "data/scenes/surroundings.py": "scenes",
    "data/scenes/textures.py": "scenes",
    "data/scenes/writer.py": "scenes",
    "data/voc.py": "manifest, submission",
    "data/void.py": f"scenes, {LABEL_MAPS}",
    "distributed.py": TRAINING,
    "erasing.py": "calibrate, mine, erase, pseudo_labels, quality, plot_training",
    "figures/data.py": "plot_training",
    "figures/dots.py": "plot_training, plot_result",
    "figures/examples.py": "plot_result",
    "figures/quality.py": "plot_quality",
    "figures/resources.py": "plot_resources",
    "figures/result.py": "plot_result",
    "figures/style.py": FIGURES,
    "figures/training.py": "plot_training",
    "files.py": f"scenes, {LISTS}, comparison, plot_quality, plot_resources, list_settings",
    "gather.py": SHARDED,
    "labelling.py": "pseudo_labels, quality",
    "losses.py": TRAINING,
    "merging.py": "pseudo_labels, quality, plot_training",
    "metrics.py": f"{JUDGES}, judge_classifiers, gallery",
    "mining.py": "calibrate, mine",
    "models.py": NETWORKS,
    "networks/backbone.py": NETWORKS,
    "networks/batch_norm.py": NETWORKS,
    "networks/build.py": NETWORKS,
    "networks/classifier.py": CLASSIFIERS,
    "networks/heads.py": NETWORKS,
    "networks/parameters.py": TRAINING,
    "networks/segmenter.py": SEGMENTERS,
    "networks/vgg16.py": NETWORKS,
    "networks/weights.py": TRAINING,
    "parallel.py": WORKERS,
    "pixel_counts.py": "evaluate, comparison, plot_result",
    "prediction.py": "predict, crf, self_labels",
    "pseudo_labels.py": "pseudo_labels, quality",
    "psl.py": "train_segmentation",
    "quality.py": "quality, judge_labels",
    "saliency/maps.py": "saliency",
    "saliency/rbd.py": "saliency",
    "seeds.py": f"{TRAINING}, calibrate, mine, erase",
    "segmenting.py": "predict, self_labels",
    "shards.py": LISTS,
    "stages/scenes.py": "scenes",
    **{f"stages/{stage}.py": stage for stage in STAGES},
    "stores.py": "cams, calibrate, mine, erase, saliency, pseudo_labels, predict, crf, quality, overview, gallery",
    "strips.py": "gallery",
    "training.py": TRAINING,
    "upsampling.py": "calibrate, mine, predict, self_labels, crf, quality, overview, gallery",
}

UNUSED = (
    "__main__.py",
    "cli.py",
    "data/coco.py",
    "data/folder.py",
    "data/walk.py",
    "fingerprints.py",
    "gather_jobs.py",
    "graph.py",
    "lock.py",
    "networks/depthwise.py",
    "networks/mobilenet_v2.py",
    "networks/squeezenet.py",
    "options.py",
    "outside.py",
    "provenance.py",
    "run_folder.py",
    "saliency/external.py",
    "saliency/measures.py",
    "settings/base.py",
    "settings/sections.py",
    "settings/settings.py",
    "settings/stages.py",
    "targets.py",
    "workflow.py",
    "tools/compare.py",
    "tools/export_onnx.py",
    "tools/gather.py",
    "tools/inspect.py",
    "tools/judge_saliency.py",
    "tools/labels_from_masks.py",
    "tools/schema.py",
    "tools/segment.py",
    "tools/shrink.py",
    "tools/summary.py",
)
"""Of no stage's result here: plans, commands, what the configuration does not choose."""

IMPORTED = {
    "data/images.py": ("scenes", "palette.py, which writes the masks, imports it"),
    "data/labels.py": ("submission", "voc.py, whose classes it asks for, imports it"),
    "data/manifest.py": ("comparison", "pixel_counts.py asks it how many classes there may be"),
    "data/palette.py": ("train_classifier", "the batches of both trainings are one module, with label maps or without"),
    "data/void.py": ("train_classifier, judge_classifiers", "augment.py and metrics.py import it"),
    "distributed.py": ("cams, judge_classifiers", "losses.py imports it"),
    "errors.py": (f"scenes, {LISTS}, comparison, plot_quality, plot_resources, list_settings", "all may end in a line"),
    "losses.py": ("cams, judge_classifiers", "an attention method is one module, its loss and its maps"),
    "shards.py": ("comparison", "manifest.py imports it"),
    "stores.py": ("self_labels", "gather.py imports it"),
    "machine.py": (f"{WORKERS}, submission", "says where to compute, not what"),
    "networks/weights.py": ("cams, judge_classifiers, predict, self_labels", "build.py imports it, for training alone"),
    "progress.py": (f"manifest, {SHOWN}, erase, judge_classifiers, judge_labels, submission", "draws bars"),
}
"""Stages that import a file all the same, and why: an edit reruns them too."""

CHOSEN = {"saliency/external.py": "saliency", "networks/weights.py": TRAINING, "data/voc.py": USED["data/voc.py"]}
"""What the configuration of the devkit chooses beyond that of the scenes."""


def edited(project: Project, path: str) -> None:
    """One statement more in a file."""
    with project.path(path).open("a", encoding="utf-8") as file:
        file.write("\nMORE = 1\n")


def source(path: str, *, uses: str | None = None) -> Row:
    """The row of a file below aepsl/."""
    beyond, why = IMPORTED.get(path, ("", ""))
    file = f"aepsl/{path}"
    return Row(
        f"`{file}`",
        USED.get(path, "") if uses is None else uses,
        beyond,
        why,
        edit=lambda project: edited(project, file),
        name=path,
        files=(file,),
    )


def files() -> list[str]:
    """The package's files that hold code; an `__init__.py` holds none, which a test sees to."""
    found = (REPOSITORY / "aepsl").rglob("*.py")
    return sorted(path.relative_to(REPOSITORY / "aepsl").as_posix() for path in found if path.name != "__init__.py")


SCENES = [source(path) for path in sorted({*USED, *UNUSED, *IMPORTED})]
DEVKIT = [
    *(source(path, uses=stages) for path, stages in CHOSEN.items()),
    *(source(f"stages/{stage}.py") for stage in ("judge_classifiers", "judge_labels", "comparison", "submission")),
    *(source(path) for path in ("classifying.py", "data/labels.py", "metrics.py", "pixel_counts.py", "quality.py")),
    *(source(path) for path in ("stages/gallery.py", "strips.py")),
    source("pages/gallery.css", uses="gallery"),
]
FOLDER = [
    source("data/folder.py", uses="manifest"),
    source("data/walk.py", uses="manifest"),
    source("data/coco.py", uses="manifest"),
    source("data/voc.py", uses=""),
]
