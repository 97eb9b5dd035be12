"""Manifests: the images of a split, or of a round, with their labels. Every stage finds its images through one."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aepsl.errors import InputError
from aepsl.files import read_json, write_text

FORMAT = "aepsl manifest 1"
BACKGROUND = "background"  # the name of label 0


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
            manifest = cls(
                classes=tuple(value["classes"]),
                mean_pixel=tuple(value["mean_pixel"]) if value["mean_pixel"] else None,
                root=value["root"],
                entries=tuple(
                    Entry(id=i["id"], path=i["path"], labels=tuple(i["labels"]), sha256=i["sha256"])
                    for i in value["images"]
                ),
                skipped=value.get("skipped", 0),
                folder=path.parent,
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: not a whole manifest ({error}); remove it and run again") from None
        for entry in manifest.entries:
            if unknown := set(entry.labels) - set(manifest.classes):
                raise InputError(f"{path}: image {entry.id} has a label that is no class: {sorted(unknown)[0]!r}")
        return manifest


def entries_by_id(manifest: Manifest, path: Path, ids: Iterable[str]) -> dict[str, Entry]:
    """The manifest's entries by id. Raises InputError when one of `ids` has none."""
    found = {entry.id: entry for entry in manifest.entries}
    if missing := [image_id for image_id in ids if image_id not in found]:
        raise InputError(f"{path}: no image {missing[0]} in it ({len(missing)} missing)")
    return found


def one_hot(manifest: Manifest, labels: Sequence[str]) -> list[float]:
    """1.0 for the classes among `labels`, 0.0 for the others, in class order."""
    return [float(name in labels) for name in manifest.classes]


def check_id(image_id: str) -> str:
    """`image_id`, when it can name a file of the results and nothing else. Raises InputError when it cannot."""
    if any(c in "/\\" or unicodedata.category(c) in ("Cc", "Cs") for c in image_id):
        raise InputError(f"image id {image_id[:60]!r} cannot name a file: it holds a slash or a control character")
    if not image_id or len(image_id.encode()) > 200 or image_id.startswith((".", "-")):
        raise InputError(f"image id {image_id[:60]!r} cannot name a file: 1 to 200 bytes, not starting with . or -")
    return image_id
