"""Photographs and image-level labels in the layout of the PASCAL VOC 2012 devkit."""

import logging
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from aepsl.data.labels import PICTURES, no_class, read_csv
from aepsl.data.manifest import Listing, check_id
from aepsl.errors import InputError
from aepsl.files import canonical, regular
from aepsl.settings.sections import Dataset

log = logging.getLogger(__name__)

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

DEVKIT = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
AUGMENTED_FOLDER = "SegmentationClassAug"
AUGMENTED = "https://github.com/kazuto1011/deeplab-pytorch/blob/master/data/datasets/voc12/README.md"


def image_list(root: Path, name: str) -> Path:
    """The list of ImageSets/Segmentation called `name`, for train_aug train.txt where there is none; or a .txt file."""
    if name.endswith(".txt"):
        return Path(name)
    folder = root / "ImageSets" / "Segmentation"
    path = folder / f"{name}.txt"
    fallback = folder / "train.txt"
    return fallback if name == "train_aug" and not path.exists() and fallback.exists() else path


def truth_folder(root: Path, image_set: str) -> Path:
    """Where the ground-truth masks of a list lie: SegmentationClassAug where there is one, and for train_aug; else
    SegmentationClass."""
    augmented = root / AUGMENTED_FOLDER
    wanted = augmented.is_dir() or image_list(root, image_set).stem == "train_aug"
    return augmented if wanted else root / "SegmentationClass"


def check_root(root: Path) -> None:
    """Raises InputError where the folder of the devkit is not there."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set dataset.root to the VOC devkit's VOC2012 folder ({DEVKIT})")


def read(
    root: Path,
    *,
    image_set: str,
    labels: Path | None,
    labelled: bool = True,
    classes: tuple[str, ...] = VOC_CLASSES,
) -> Listing:
    """The images of the list `image_set` with their image-level labels.

    Labels come from the table `labels`, else from labels.csv in `root`, else from the XML annotations (all objects,
    the difficult ones too). labelled: each image needs one; VOC's test images have none.
    Raises InputError for a missing folder or list, an image without the labels it needs, an unknown class.
    """
    check_root(root)
    photographs, annotations = root / "JPEGImages", root / "Annotations"
    if not photographs.is_dir():
        raise InputError(f"{photographs}: no such folder; the devkit has it: {DEVKIT}")
    path = image_list(root, image_set)
    if path.stem != Path(image_set).stem:
        log.warning(
            "%s has no list %s: training on %s alone; list and masks: %s", root, image_set, path.name, AUGMENTED
        )
    ids = _read_list(path)
    source = labels or (root / "labels.csv")
    if labels is not None or source.exists():
        found = read_table(source, classes)
    else:
        source = annotations
        files = {image_id: annotations / f"{image_id}.xml" for image_id in ids}
        found = {one: _read_annotation(file, classes) for one, file in files.items() if labelled or file.exists()}
    if labelled and (missing := [image_id for image_id in ids if not found.get(image_id)]):
        raise InputError(f"{source}: no label for image {missing[0]} ({len(missing)} images without)")
    images = tuple((one, f"{one}.jpg", tuple(sorted(found.get(one, ()), key=classes.index))) for one in ids)
    return Listing(photographs, classes, images)


def listed(root: Path, image_set: str) -> list[str]:
    """The names in a list of images, or none where it cannot be read: for a hash, not for work."""
    try:
        return [check_id(image_id) for image_id in listed_in(image_list(root, image_set))]
    except (OSError, UnicodeDecodeError, InputError):
        return []


def ids(dataset: Dataset, split: str) -> list[str]:
    """The ids of a split's images, as far as its list can be read."""
    return listed(Path(dataset.root), image_set(dataset, split))


def sources(dataset: Dataset, split: str) -> tuple[str, list[Path]]:
    """What a split's manifest is made from: of a table of labels its own images' as text, and files."""
    root, name_of_list = Path(dataset.root), image_set(dataset, split)
    names = listed(root, name_of_list)
    table = Path(dataset.labels) if dataset.labels else root / "labels.csv"
    paths = [image_list(root, name_of_list), *(root / "JPEGImages" / f"{name}.jpg" for name in names)]
    if not table.exists():
        return "", [*paths, table, *(root / "Annotations" / f"{name}.xml" for name in names)]
    try:
        found = read_table(table, VOC_CLASSES)
    except InputError:  # the stage will say so
        return "", [*paths, table]
    return canonical([[name, sorted(found.get(name, ()))] for name in names]), paths


def masks(dataset: Dataset, split: str) -> tuple[Path, list[Path]]:
    """The folder of the ground-truth masks, and where those of a split's images belong, there or not."""
    root, name_of_list = Path(dataset.root), image_set(dataset, split)
    folder = truth_folder(root, name_of_list)
    return folder, [folder / f"{name}.png" for name in listed(root, name_of_list)]


def image_set(dataset: Dataset, split: str) -> str:
    """The name of a split's list."""
    return dataset.train_list if split == "train" else dataset.val_list


def listed_in(path: Path) -> list[str]:
    """The first words of a list's lines; of a photograph's path, as in DeepLab's lists, its id."""
    lines = regular(path).read_text(encoding="utf-8-sig").splitlines()
    words = [Path(line.split()[0]) for line in lines if line.strip()]
    return [word.stem if word.suffix.lower() in PICTURES else str(word) for word in words]


def _read_list(path: Path) -> list[str]:
    try:
        ids = listed_in(path)
    except FileNotFoundError:
        hint = f"train and val come with the devkit, test with its test data: {DEVKIT}"
        raise InputError(f"{path}: the list of images cannot be read (no such file); {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the list of images cannot be read ({getattr(error, 'strerror', error)})") from None
    if not ids:
        raise InputError(f"{path}: the list names no image")
    if twice := [image_id for image_id, n in Counter(ids).items() if n > 1]:
        raise InputError(f"{path}: image {twice[0]} is listed twice ({len(twice)} such)")
    try:
        return [check_id(image_id) for image_id in ids]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_table(path: Path, classes: tuple[str, ...]) -> dict[str, set[str]]:
    """image id → labels, from a CSV of one label a row with the columns image, label and perhaps split.

    An image may stand by id, file name or path; its id is the name without folder and a picture's extension. Raises
    InputError for a missing file or column and for a label that is not among `classes`.
    """
    found: dict[str, set[str]] = {}
    for row in read_csv(path):
        if row.label not in classes:
            raise InputError(f"{row.place}: {no_class(row.label or '', classes)}")
        pictured = Path(row.image).suffix.lower() in PICTURES  # a dot may also stand in an id
        found.setdefault(Path(row.image).stem if pictured else Path(row.image).name, set()).add(row.label)
    return found


def _read_annotation(path: Path, classes: tuple[str, ...]) -> set[str]:
    try:
        names = {(item.findtext("name") or "").strip() for item in ElementTree.parse(regular(path)).iter("object")}
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:  # the latter: an unknown encoding
        raise InputError(
            f"{path}: no image-level labels ({getattr(error, 'strerror', error)}); the devkit has them ({DEVKIT}), or "
            "give a table as dataset.labels, or make one once with `python -m aepsl labels-from-masks`"
        ) from None
    if unknown := names - set(classes):
        raise InputError(f"{path}: {no_class(sorted(unknown)[0], classes)}")
    return names
