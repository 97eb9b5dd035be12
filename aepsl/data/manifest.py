"""Manifests: the images of a split, or of a round, with their labels. Every stage finds its images through one."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from aepsl.errors import InputError
from aepsl.files import read_json, write_text
from aepsl.settings.base import Section
from aepsl.settings.settings import validate
from aepsl.shards import Shard

FORMAT = "aepsl manifest 1"
BACKGROUND = "background"  # the name of label 0
MOST_CLASSES = 254  # of a label map's 256 values 0 is the background and 255 is ignored
LONGEST_NAME = 100  # bytes: an attribute of HDF5 has room for that many names of that length
Classes = Annotated[list[str], Field(max_length=MOST_CLASSES)]
MeanPixel = Annotated[list[Annotated[float, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


@dataclass(frozen=True)
class Entry:
    """One image: its id, its file's path below the manifest's root, its image-level labels and its file's hash."""

    id: str
    path: str
    labels: tuple[str, ...]
    sha256: str

    def mask(self, folder: Path) -> Path:
        """Where the photograph's ground-truth mask lies: below `folder` as the photograph below its root, a PNG."""
        return folder / Path(self.path).with_suffix(".png")


@dataclass(frozen=True)
class Listing:
    """The photographs of a split as a dataset names them, before any is opened."""

    folder: Path
    classes: tuple[str, ...]
    images: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(id, path below the folder, labels) of each."""
    missing: tuple[str, ...] = ()
    """Named, but not there."""
    unlabelled: tuple[str, ...] = ()
    """There, but without a label to train on."""


@dataclass(frozen=True)
class Manifest:
    """Images in order. `root` is relative to the manifest's folder, or absolute; `mean_pixel` is RGB in 0..255.

    skipped: photographs of the split that were left out, as they cannot be read.
    """

    classes: tuple[str, ...]
    mean_pixel: tuple[float, float, float] | None
    root: str
    entries: tuple[Entry, ...]
    skipped: int = 0
    folder: Path = Path()

    def shard(self, shard: Shard) -> "Manifest":
        """The manifest of a shard's images alone."""
        return replace(self, entries=tuple(shard.of(self.entries)))

    def training_mean(self) -> tuple[float, float, float]:
        """The mean pixel. Raises InputError for a manifest of other images than training ones, which has none."""
        if self.mean_pixel is None:
            raise InputError(f"{self.folder}: not a manifest of training images: it has no mean pixel")
        return self.mean_pixel

    def file(self, entry: Entry) -> Path:
        """Where the entry's image lies."""
        return self.folder / self.root / entry.path

    def label_indices(self, entry: Entry) -> list[int]:
        """The entry's labels as numbers in a label map: 1 is the first class, 0 the background."""
        return [self.classes.index(label) + 1 for label in entry.labels]

    def write(self, path: Path) -> None:
        """Write atomically: a JSON object with one image a line."""
        head = {
            "format": FORMAT,
            "classes": self.classes,
            "mean_pixel": self.mean_pixel,
            "root": self.root,
            "skipped": self.skipped,
        }
        lines = (
            json.dumps({"id": e.id, "path": e.path, "labels": e.labels, "sha256": e.sha256}, ensure_ascii=False)
            for e in self.entries
        )
        text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
        write_text(path, f'{text},\n "images": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest. Raises InputError when the file is missing or is not one."""
        value = read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise InputError(f"{path}: not a manifest of format {FORMAT!r}")
        try:
            found = validate(_File, value, source="")
            entries = tuple(Entry(check_id(i.id), i.path, tuple(i.labels), i.sha256) for i in found.images)
        except InputError as error:
            why = str(error).splitlines()[0].removeprefix(": ")
            raise InputError(f"{path}: not a whole manifest ({why}); remove it and run again") from None
        if twice := [image_id for image_id, count in Counter(entry.id for entry in entries).items() if count > 1]:
            raise InputError(f"{path}: image {twice[0]} is in it twice; remove the file and run again")
        if len(set(found.classes)) < len(found.classes):
            raise InputError(f"{path}: a class is named twice; remove the file and run again")
        for entry in entries:
            if unknown := set(entry.labels) - set(found.classes):
                raise InputError(f"{path}: image {entry.id} has a label that is no class: {sorted(unknown)[0]!r}")
        mean_pixel = tuple(found.mean_pixel) if found.mean_pixel else None
        return cls(tuple(found.classes), mean_pixel, found.root, entries, found.skipped, path.parent)  # type: ignore[arg-type]


class _Image(Section):
    """An entry as it stands in a file."""

    id: str
    path: str
    labels: list[str]
    sha256: str

    @field_validator("path")
    @classmethod
    def _below_the_root(cls, path: str) -> str:
        if not Path(path).name or Path(path).is_absolute() or ".." in Path(path).parts:
            raise ValueError(f"a path is below the root. Got: {path!r}")
        return path


class _File(Section):
    """A manifest as it stands in a file."""

    format: str
    classes: Classes
    mean_pixel: MeanPixel | None
    root: str
    skipped: Annotated[int, Field(ge=0)] = 0
    images: list[_Image]


def entries_by_id(manifest: Manifest, path: Path, ids: Iterable[str]) -> dict[str, Entry]:
    """The manifest's entries by id. Raises InputError when one of `ids` has none."""
    found = {entry.id: entry for entry in manifest.entries}
    if missing := [image_id for image_id in ids if image_id not in found]:
        raise InputError(f"{path}: no image {missing[0]} in it ({len(missing)} missing)")
    return found


@dataclass(frozen=True)
class Index:
    """A manifest of what a stage made of each image, and its entries by id."""

    manifest: Manifest
    entries: dict[str, Entry]

    @classmethod
    def of(cls, path: Path, ids: Iterable[str]) -> "Index":
        """Read an index. Raises InputError as `Manifest.read`, and when one of `ids` is not in it."""
        manifest = Manifest.read(path)
        return cls(manifest, entries_by_id(manifest, path, ids))

    def file(self, image_id: str) -> Path:
        """What was made of the image."""
        return self.manifest.file(self.entries[image_id])


def one_hot(manifest: Manifest, labels: Sequence[str]) -> list[float]:
    """1.0 for the classes among `labels`, 0.0 for the others, in class order."""
    return [float(name in labels) for name in manifest.classes]


def check_classes(classes: Sequence[str]) -> None:
    """Raises InputError for a name that no class can have, and for more classes than a label map can hold."""
    for name in classes:
        if name in ("", BACKGROUND) or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
            raise InputError(
                f"{name[:LONGEST_NAME]!r} cannot name a class: "
                f"up to {LONGEST_NAME} bytes, printable, not {BACKGROUND!r}"
            )
    if len(classes) > MOST_CLASSES:
        raise InputError(f"{len(classes)} classes, of which a label map can hold {MOST_CLASSES}")


def check_id(image_id: str) -> str:
    """`image_id`, when it can name a file of the results and nothing else. Raises InputError when it cannot."""
    if any(c in "/\\" or unicodedata.category(c) in ("Cc", "Cs") for c in image_id):
        raise InputError(f"image id {image_id[:60]!r} cannot name a file: it holds a slash or a control character")
    if not image_id or len(image_id.encode()) > 200 or image_id.startswith((".", "-")):
        raise InputError(f"image id {image_id[:60]!r} cannot name a file: 1 to 200 bytes, not starting with . or -")
    return image_id
