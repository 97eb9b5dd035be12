"""Changes that are no setting and no source file, and those that no result depends on."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageOps

from tests.reruns.projects import TRAIN, VAL
from tests.reruns.row import Row
from tests.workflow.project import PARTS, Project

RESULTS = "results_test"
PHOTOGRAPHS, MASKS, LISTS = "devkit/JPEGImages", "devkit/SegmentationClass", "devkit/ImageSets/Segmentation"
TABLE = "devkit/labels.csv"


def anew(paths: Iterable[Path]) -> None:
    """Files of the same bytes, written again."""
    for place in paths:
        for path in [place, *place.rglob("*")]:
            if path.is_file():
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)


def mirrored(path: Path) -> None:
    """Another picture of the same size."""
    with Image.open(path) as image:
        turned = ImageOps.mirror(image)
    turned.save(path)


def nudged(path: Path) -> None:
    """The last number of a file of weights: 0.5."""
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\x3f")


def touched(project: Project) -> None:
    """Products with new times and old contents."""
    for path in project.path(RESULTS).rglob("*"):
        if path.suffix in (".h5", ".json", ".png", ".csv", ".safetensors"):
            path.touch()


def of(change: Callable[[Path], None], name: str) -> Callable[[Project], None]:
    """The change of one file of a project."""
    return lambda project: change(project.path(name))


def replaced(name: str, old: str, new: str) -> Callable[[Project], None]:
    """An edit of a text that stands once in a file."""
    return lambda project: project.edit(name, old, new)


def reordered(project: Project) -> None:
    """Comments, white space, and the keys of a section in another order."""
    project.edit("configs/test.yaml", "crf: {iterations: 3}\n", "# a comment\ncrf:\n  iterations:   3 # another\n")
    project.edit(
        "configs/test.yaml",
        "{rounds: 3, merge: 2, reading: calibrated, target_area: 0.15, mine_erased: false}",
        "{mine_erased: false, target_area: 0.15, reading: calibrated, merge: 2, rounds: 3}",
    )


def described(project: Project) -> None:
    """Comments and docstrings in the code and in the rules."""
    for name in ("erasing", "crf", "training", "stages/mine"):
        source = project.path(f"aepsl/{name}.py")
        first, rest = source.read_text(encoding="utf-8").split("\n", 1)
        assert first.startswith('"""')
        source.write_text(f'"""Another docstring."""\n# a comment\n{rest}\n\n\n', encoding="utf-8")
    for name in ("Snakefile", "rules/erasing.smk"):
        project.path(name).open("a", encoding="utf-8").write("\n# a comment\n")


def copied(old: str, new: str) -> Callable[[Project], None]:
    """A file more, like another."""

    def change(project: Project) -> None:
        shutil.copy(project.path(old), project.path(new))

    return change


def more(split: str) -> Callable[[Project], None]:
    """One photograph more in the devkit, with its mask, its map and its label; `new` stands last in all lists."""

    def change(project: Project) -> None:
        shutil.copy(project.path(f"{PHOTOGRAPHS}/{TRAIN[0]}.jpg"), project.path(f"{PHOTOGRAPHS}/new.jpg"))
        shutil.copy(project.path(f"{MASKS}/{TRAIN[0]}.png"), project.path(f"{MASKS}/new.png"))
        shutil.copy(project.path(f"maps/{TRAIN[0]}.png"), project.path("maps/new.png"))
        for name, row in ((TABLE, "new,car"), (f"{LISTS}/{split}.txt", "new")):
            project.path(name).open("a", encoding="utf-8").write(f"{row}\n")

    return change


def fewer(split: str) -> Callable[[Project], None]:
    """One photograph fewer in a list, its file gone."""

    def change(project: Project) -> None:
        gone = (TRAIN if split == "train" else VAL)[-1]
        project.path(f"{PHOTOGRAPHS}/{gone}.jpg").unlink()
        project.edit(f"{LISTS}/{split}.txt", f"{gone}\n", "")

    return change


def turned(path: Path) -> None:
    """A table's rows the other way round."""
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")


def labelled(path: Path) -> None:
    """One label more of a training photograph, in a table."""
    path.open("a", encoding="utf-8").write(f"{TRAIN[0]},sofa\n")


def unlabelled(project: Project) -> None:
    """One photograph more in the folder, and its mask, in no table."""
    shutil.copy(project.path(f"photographs/{VAL[0]}.jpg"), project.path("photographs/new.jpg"))
    shutil.copy(project.path(f"masks/{VAL[0]}.png"), project.path("masks/new.png"))


SCENES = [
    Row("`--cores 7`", words=("--cores", "7")),
    Row("`--verbose`", words=("--verbose",)),
    Row("comments, white space and the order of keys in the configuration",
        edit=reordered, files=("configs/test.yaml",)),
    Row("comments and docstrings in code and rules", edit=described, files=("aepsl", "rules", "Snakefile")),
    Row("the project checked out anew: new times, old contents", edit=lambda p: anew(map(p.path, PARTS)), files=()),
    Row("products with new times and old contents", edit=touched),
    Row("a new file of an attention method", edit=copied("aepsl/attention/cam.py", "aepsl/attention/grad_cam.py"),
        files=("aepsl/attention",)),
    Row("a new file of a backbone", edit=copied("aepsl/networks/vgg16.py", "aepsl/networks/vgg19.py"),
        files=("aepsl/networks",)),
]  # fmt: skip

DEVKIT = [
    Row("all photographs, masks, maps and weights written anew, the same bytes",
        edit=lambda p: anew(map(p.path, ("devkit", "maps", "weights.safetensors")))),
    Row("a training photograph touched", edit=of(Path.touch, f"{PHOTOGRAPHS}/{TRAIN[0]}.jpg")),
    Row("a training photograph changed", "manifest train", edit=of(mirrored, f"{PHOTOGRAPHS}/{TRAIN[0]}.jpg"),
        files=("devkit",)),
    Row("a training photograph added", "manifest train, saliency, quality, judge_labels", edit=more("train"),
        files=("devkit", "maps")),
    Row("a training photograph removed", "manifest train", edit=fewer("train"), files=("devkit",)),
    Row("a validation photograph changed", "manifest val", edit=of(mirrored, f"{PHOTOGRAPHS}/{VAL[0]}.jpg"),
        files=("devkit",)),
    Row("a validation photograph added, and a map of it", "manifest val", edit=more("val"), files=("devkit", "maps")),
    Row("a validation photograph removed", "manifest val", edit=fewer("val"), files=("devkit",)),
    Row("a photograph added that no list names",
        edit=copied(f"{PHOTOGRAPHS}/{TRAIN[0]}.jpg", f"{PHOTOGRAPHS}/unlisted.jpg"), files=("devkit",)),
    Row("a label of a training photograph changed", "manifest train",
        edit=of(labelled, TABLE), files=("devkit",)),
    Row("the table's rows in another order", edit=of(turned, TABLE), files=("devkit",)),
    Row("the mask of a training photograph changed", "quality, judge_labels, gallery",
        edit=of(mirrored, f"{MASKS}/{TRAIN[0]}.png"), files=("devkit",)),
    Row("the mask of a validation photograph changed", "evaluate, overview, gallery, plot_result",
        edit=of(mirrored, f"{MASKS}/{VAL[0]}.png"), files=("devkit",)),
    Row("a saliency map changed", "saliency", edit=of(mirrored, f"maps/{TRAIN[0]}.png"), files=("maps",)),
    Row("the file of weights changed", "train_classifier, train_segmentation",
        edit=of(nudged, "weights.safetensors"),
        files=("weights.safetensors",)),
]  # fmt: skip

FOLDER = [
    Row("a photograph touched", edit=of(Path.touch, f"photographs/{TRAIN[0]}.jpg")),
    Row("a photograph of training changed", "manifest", edit=of(mirrored, f"photographs/{TRAIN[0]}.jpg"),
        files=("photographs",)),
    Row("a photograph without a label added: it gets a mask", "manifest val",
        edit=unlabelled,
        files=("photographs", "masks")),
    Row("a photograph without a label removed", "manifest val",
        edit=of(Path.unlink, f"photographs/{VAL[0]}.jpg"), files=("photographs",)),
    Row("the table's rows in another order",
        edit=of(turned, "photographs/labels.csv"), files=("photographs",)),
    Row("the mask of a photograph that only gets one changed", "evaluate, overview, plot_result",
        edit=of(mirrored, f"masks/{VAL[0]}.png"), files=("masks",)),
]  # fmt: skip
