"""Copy a folder of photographs, or of masks, scaled down: networks learn from crops of a few hundred pixels."""

import argparse
import logging
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl.data.images import load_photograph, longest_side
from aepsl.data.palette import load_label_map, save_label_map
from aepsl.data.walk import pictures
from aepsl.errors import InputError
from aepsl.files import replacing
from aepsl.machine import usable_cpus
from aepsl.parallel import in_processes
from aepsl.progress import each

QUALITY = 95  # of JPEG and WebP
log = logging.getLogger(__name__)


def options(parser: argparse.ArgumentParser) -> None:
    """The folder, its copy, the size."""
    parser.description = __doc__
    parser.add_argument("folder", type=Path, help="folder of pictures, also in folders below it")
    parser.add_argument("copy", type=Path, help="where the copies go, under the same names, with the table labels.csv")
    parser.add_argument("--side", type=int, default=500, help="most pixels on the long side (default: %(default)s)")
    parser.add_argument("--masks", action="store_true", help="label maps: each pixel keeps a label it had")


def run(options: argparse.Namespace) -> None:
    """Copy every picture; one that is small enough, or cannot be read, as it is, and the table."""
    folder, copy = options.folder, options.copy
    if options.side < 32:
        raise InputError(f"--side is at least 32 pixels. Got: {options.side}")
    if copy.resolve().is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(copy.resolve()):
        raise InputError(f"{copy}: one of the two folders lies in the other; copy to a place of its own")
    paths = [path.relative_to(folder) for path in pictures(folder, without=[copy]) if path.is_file()]
    if not paths:
        raise InputError(f"{folder}: no picture in this folder")

    for path in paths:
        if (copy / path).is_file():
            _check_that_nothing_larger_is_lost(folder / path, copy / path)

    def shrink(path: Path) -> str | None:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            (_shrink_mask if options.masks else _shrink)(folder / path, copy / path, options.side)
        except InputError as error:
            _copy(folder / path, copy / path)
            return str(error)
        return None

    unread = [said for said in in_processes(shrink, each(paths, "pictures"), workers=usable_cpus()) if said]
    if unread:
        log.warning("copied as they are: %d (%s)", len(unread), unread[0])
    table, copied = folder / "labels.csv", copy / "labels.csv"
    if copied.is_file() and table.is_file() and copied.read_bytes() != table.read_bytes():
        log.warning("%s: another table than %s, left as it is", copied, table)
    elif table.is_file():
        _copy(table, copied)


def _check_that_nothing_larger_is_lost(source: Path, target: Path) -> None:
    """Raises InputError where the target is the larger picture, as where the two folders are interchanged."""
    sides = []
    for path in (source, target):
        try:
            sides.append(longest_side(path))
        except (InputError, OSError):  # no picture, or none that can be read
            return
    if sides[0] < sides[1]:
        raise InputError(f"{target}: larger than {source}, which would take its place; the copies go to a new folder")


def _copy(source: Path, target: Path) -> None:
    with replacing(target, flushed=False) as temporary:
        shutil.copyfile(source, temporary)


def _shrink(source: Path, target: Path, side: int) -> None:
    photograph = load_photograph(source)
    if max(photograph.shape) <= side:
        _copy(source, target)
        return
    image = Image.fromarray(photograph)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    with replacing(target, flushed=False) as temporary:
        image.save(temporary, format=Image.registered_extensions()[target.suffix.lower()], quality=QUALITY)


def _shrink_mask(source: Path, target: Path, side: int) -> None:
    labels = load_label_map(source)
    image = Image.fromarray(labels)
    image.thumbnail((side, side), Image.Resampling.NEAREST)
    save_label_map(target, np.asarray(image))
