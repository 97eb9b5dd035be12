"""A folder of photographs and a table of their image-level labels."""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from aepsl.data import coco
from aepsl.data.labels import PICTURES, Row, no_class, read_csv
from aepsl.data.manifest import Listing, check_classes, check_id
from aepsl.data.walk import pictures
from aepsl.errors import InputError
from aepsl.files import canonical
from aepsl.settings.sections import Dataset


def read(dataset: Dataset, split: str) -> Listing:
    """The photographs of a split with their labels, in the order of their paths.

    Where no label is said to be of the split `val`, val lists all photographs: masks of them are what is wanted. Raises
    InputError for what is missing, ambiguous or contradictory.
    """
    root = Path(dataset.root)
    photographs = _photographs(root, Path(dataset.masks) if dataset.masks else None)
    find, rows = _finder(root, photographs), _rows(dataset)
    classes = _classes(dataset, rows)
    labels: dict[str, set[str]] = {}
    splits: dict[str, str] = {}
    missing = []
    for row in rows:
        path, own = find(row), row.split or "train"
        if path is None:
            missing.append(row)
            continue
        if splits.setdefault(path, own) != own:
            raise InputError(f"{row.place}: {path} is of the split {splits[path]} already; put it into one")
        labels.setdefault(path, set()).update([row.label] if row.label else [])
    if missing and not dataset.skip_unreadable:
        raise InputError(_absent(root, missing))
    unlabelled = [path for path in photographs if not labels.get(path)]
    if split == "train":
        chosen = [path for path in photographs if labels.get(path) and splits[path] == "train"]
    elif "val" in (row.split for row in rows):
        chosen = [path for path in photographs if splits.get(path) == "val"]
    else:
        chosen = list(photographs)
    if not chosen:
        raise InputError(f"{_table(dataset)}: no photograph in {root} has a label and the split {split}")
    return Listing(
        folder=root,
        classes=classes,
        images=tuple(
            (photographs[path], path, tuple(sorted(labels.get(path, ()), key=classes.index))) for path in chosen
        ),
        missing=tuple(dict.fromkeys(row.image for row in missing if (row.split or "train") == split)),
        unlabelled=tuple(path for path in unlabelled if splits.get(path) != "val"),
    )


def ids(dataset: Dataset, split: str) -> list[str]:
    """The ids of a split's photographs. Raises what `read` raises."""
    return [image_id for image_id, _, _ in read(dataset, split).images]


def sources(dataset: Dataset, split: str) -> tuple[str, list[Path]]:
    """What a split's manifest is made from: its listing, as text, and its photographs."""
    listing = read(dataset, split)
    text = canonical([listing.classes, listing.images, listing.missing])
    return text, [listing.folder / path for _, path, _ in listing.images]


def masks(dataset: Dataset, split: str) -> tuple[Path, list[Path]] | None:
    """The folder of the ground-truth masks, and where those of a split's photographs belong, there or not.

    Raises InputError where there is no such folder.
    """
    if dataset.masks is None:
        return None
    folder = Path(dataset.masks)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of masks; set dataset.masks to it, or leave it out")
    if dataset.classes is None:
        found = canonical(_classes(dataset, _rows(dataset)))
        raise InputError(
            f"{folder}: which classes are 1, 2, … in the masks? Set dataset.classes to their order, for that of the "
            f"table's sorted labels: {found}"
        )
    return folder, [folder / Path(path).with_suffix(".png") for _, path, _ in read(dataset, split).images]


def _photographs(root: Path, masks: Path | None) -> dict[str, str]:
    """path below `root` → id: the path without its extension, slashes as `__`. Hidden files are none."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set dataset.root to the folder of the photographs")
    found = pictures(root, without=[masks] if masks else [])
    ids: dict[str, str] = {}
    for path in sorted(picture.relative_to(root).as_posix() for picture in found):
        image_id = _id(root, path)
        if image_id in ids:
            raise InputError(f"{root / path}: has the id {image_id} of {root / ids[image_id]} too; rename one of them")
        ids[image_id] = path
    if not ids:
        raise InputError(f"{root}: no photograph in this folder ({', '.join(sorted(PICTURES))})")
    return {path: image_id for image_id, path in ids.items()}


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURES


def _id(root: Path, path: str) -> str:
    try:
        path.encode()
        return check_id(unicodedata.normalize("NFC", _bare(path)).replace("/", "__"))
    except (InputError, UnicodeEncodeError) as error:
        why = error if isinstance(error, InputError) else "its name is not UTF-8"
        raise InputError(f"{root}: photograph {path!r}: {why}; rename it") from None


def _bare(path: str) -> str:
    """The path without a picture's extension; a dot may also stand in a name."""
    return os.path.splitext(path)[0] if _is_picture(path) else path


def _finder(root: Path, photographs: dict[str, str]) -> Callable[[Row], str | None]:
    """Maps a row to the photograph that it names: by path, id, file name, with an extension or without."""
    forms: tuple[Callable[[str], str], ...] = (
        lambda path: path,
        _bare,
        photographs.__getitem__,
        os.path.basename,
        lambda path: _bare(os.path.basename(path)),
    )
    indices: list[dict[str, list[str]]] = [{} for _ in forms]
    for path in photographs:
        for form, index in zip(forms, indices, strict=True):
            index.setdefault(_comparable(form(path)), []).append(path)

    def find(row: Row) -> str | None:
        wanted = _comparable(os.path.relpath(row.image, root) if os.path.isabs(row.image) else row.image)
        for index in indices:
            if found := index.get(wanted):
                if len(found) > 1:
                    raise InputError(f"{row.place}: {row.image!r} may be {' or '.join(found[:2])}; give its path")
                return found[0]
        return None

    return find


def _comparable(name: str) -> str:
    """The name in the form that tables and file systems agree on: Unicode composed, slashes, a small extension."""
    bare, suffix = os.path.splitext(os.path.normpath(unicodedata.normalize("NFC", name.replace("\\", "/"))))
    return bare + (suffix.lower() if suffix.lower() in PICTURES else suffix)


def _absent(root: Path, missing: list[Row]) -> str:
    first, images = missing[0], {row.image for row in missing}
    if not _is_picture(first.image) and os.path.isfile(root / first.image):
        return f"{first.place}: {root / first.image} is none of {', '.join(sorted(PICTURES))}; convert it"
    more = f" ({len(images)} images of the table are not there)" if len(images) > 1 else ""
    return f"{first.place}: no photograph {first.image!r} below {root}{more}; correct the table or dataset.root"


def _table(dataset: Dataset) -> Path:
    return Path(dataset.labels) if dataset.labels else Path(dataset.root, "labels.csv")


def _rows(dataset: Dataset) -> list[Row]:
    """The labels of both splits."""
    rows = _checked(_table(dataset))
    if dataset.val_labels is None:
        return rows
    more = _checked(Path(dataset.val_labels))
    if said := [row for row in (*rows, *more) if row.split is not None]:
        raise InputError(f"{said[0].place}: a split is named here, and dataset.val_labels is set too; drop one of them")
    return [replace(row, split="train") for row in rows] + [replace(row, split="val") for row in more]


def _checked(path: Path) -> list[Row]:
    try:
        status = path.stat()
    except OSError:
        return list(_read(path, 0, 0))  # which says what is wrong
    return list(_read(path, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _read(path: Path, _size: int, _time: int) -> tuple[Row, ...]:
    """The rows of a table, read once; each with a label and a split that can be meant."""
    found = []
    for row in coco.read(path) if path.suffix.lower() == ".json" else read_csv(path):
        label = None if row.label is None else unicodedata.normalize("NFC", row.label).strip()
        if not row.image or label == "":
            raise InputError(f"{row.place}: {'no label for ' + repr(row.image) if row.image else 'no image'}")
        if row.split not in (None, "train", "val"):
            raise InputError(f"{row.place}: a split is train or val. Got: {row.split!r}")
        found.append(replace(row, label=label))
    if not any(row.label for row in found):
        raise InputError(f"{path}: there is no label in it")
    return tuple(found)


def _classes(dataset: Dataset, rows: list[Row]) -> tuple[str, ...]:
    """`dataset.classes`, or the table's labels, sorted."""
    given = [unicodedata.normalize("NFC", name) for name in dataset.classes or []]
    if len(set(given)) < len(given):
        raise InputError("dataset.classes: two names are one when their accents are composed; drop one of them")
    classes = tuple(given or sorted({row.label for row in rows if row.label}))
    for row in rows:
        if row.label and row.label not in classes:
            raise InputError(f"{row.place}: {no_class(row.label, classes)}")
    try:
        check_classes(classes)
    except InputError as error:
        raise InputError(f"{_table(dataset)}: {error}") from None
    return classes
