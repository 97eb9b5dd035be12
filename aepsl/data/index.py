"""A folder of pictures, one an image, with an index: what stages make of photographs that is no HDF5 file."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aepsl.data.manifest import Entry, Manifest
from aepsl.files import flush_all, sha256

Array = npt.NDArray[np.uint8]


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
