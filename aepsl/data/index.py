"""Photographs of a manifest, and folders of pictures, one an image, with an index: what stages read and make."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.files import flush_all, sha256
from aepsl.parallel import ahead
from aepsl.progress import each

Array = npt.NDArray[np.uint8]


def photographs(manifest: Manifest, title: str) -> Iterator[tuple[Entry, Array]]:
    """Each entry with its photograph, uint8 (H, W, 3), read a little ahead; with a bar of that title."""

    def load(entry: Entry) -> tuple[Entry, Array]:
        return entry, load_photograph(manifest.file(entry))

    yield from ahead(load, each(manifest.entries, title))


def made(entry: Entry, folder: Path, save: Callable[[Path, Array], None], picture: Array) -> Entry:
    """Let `save` write the image's picture, as a PNG, into the folder; returns the picture's entry."""
    path = folder / f"{entry.id}.png"
    save(path, picture)
    return replace(entry, path=path.name, sha256=sha256(path))


def write_index(manifest: Manifest, entries: Iterable[Entry], output: Path) -> None:
    """Write index.json beside the pictures of its entries, last, when they are on the disk; else as the manifest."""
    there = tuple(entries)
    flush_all(output.parent / entry.path for entry in there)
    replace(manifest, root=".", entries=there).write(output)
