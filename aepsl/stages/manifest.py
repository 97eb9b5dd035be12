"""List a split's photographs with their image-level labels, and look at each once: it can be read, its mean pixel."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Listing, Manifest
from aepsl.data.scenes.names import CLASSES
from aepsl.errors import SHOWN, InputError, first_of
from aepsl.files import sha256
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import ManifestSettings

LEAST_SIDE = 16  # pixels: one cell of the coarsest features
LARGE = 1200  # pixels on the long side: an object no longer fits the crops that networks learn from
log = logging.getLogger(__name__)


def run(settings: ManifestSettings, *, scenes: list[Path], output: Path, machine: Machine) -> None:
    """scenes: labels.csv of the drawn photographs, where the format is scenes. output: the manifest (JSON)."""
    listing = _listing(settings, scenes)

    def look(image: tuple[str, str, tuple[str, ...]]) -> tuple[Entry, np.ndarray, tuple[int, int]] | str:
        image_id, name, labels = image
        path = listing.folder / name
        try:
            photograph = load_photograph(path)
            height, width = photograph.shape[:2]
            if min(height, width) < LEAST_SIDE:
                raise InputError(f"{path}: {width}×{height} pixels; a photograph has at least {LEAST_SIDE} a side")
            entry = Entry(id=image_id, path=name, labels=labels, sha256=sha256(path))
        except InputError as error:
            if not settings.dataset.skip_unreadable:
                raise
            return str(error)
        return entry, photograph.reshape(-1, 3).sum(0, dtype=np.int64), (height, width)

    entries, skipped = [], [f"{name}: no such photograph" for name in listing.missing]
    total, sizes = np.zeros(3, np.int64), []
    for seen in in_processes(look, each(listing.images, f"{settings.split} photographs"), workers=machine.workers):
        if isinstance(seen, str):
            skipped.append(seen)
            continue
        entry, summed, size = seen
        entries.append(entry)
        total += summed
        sizes.append(size)
    if not entries:
        raise InputError(f"{listing.folder}: none of {len(skipped)} photographs can be read; the first: {skipped[0]}")
    if skipped:
        log.warning("photographs left out: %d (%s)", len(skipped), first_of(skipped, "; "))
        _log_all("left out", skipped)
    if settings.split == "train":
        _warn_of_training(listing, entries)
    if (side := int(np.median(np.max(sizes, axis=1)))) > LARGE:
        log.warning(
            "photographs of %d pixels on the long side: `python -m aepsl shrink` makes copies to learn from", side
        )
    mean = tuple(round(float(value), 3) for value in total / np.prod(sizes, axis=1).sum())
    Manifest(
        classes=listing.classes,
        mean_pixel=mean if settings.split == "train" else None,  # type: ignore[arg-type]
        root=_relative(listing.folder, output.parent),
        entries=tuple(entries),
        skipped=len(skipped),
    ).write(output)


def _listing(settings: ManifestSettings, scenes: list[Path]) -> Listing:
    dataset, split = settings.dataset, settings.split
    reader = import_module("aepsl.data.folder" if dataset.format == "folder" else "aepsl.data.voc")  # it alone is code
    listing: Listing
    if dataset.format == "folder":
        listing = reader.read(dataset, split)
    elif dataset.format == "scenes":
        listing = reader.read(scenes[0].parent, image_set=split, labels=None, classes=CLASSES)
    else:
        labels = Path(dataset.labels) if dataset.labels else None
        image_set = reader.image_set(dataset, split)
        listing = reader.read(Path(dataset.root), image_set=image_set, labels=labels, labelled=split == "train")
    return listing


def _warn_of_training(listing: Listing, entries: Sequence[Entry]) -> None:
    """Say what cannot be trained on, and what cannot be learned."""
    if listing.unlabelled:
        found = listing.unlabelled
        log.warning("photographs without a label, not trained on: %d (%s)", len(found), first_of(found))
        _log_all("without a label", found)
    labelled = Counter(label for entry in entries for label in entry.labels)
    log.info(
        "training photographs of each class: %s", ", ".join(f"{name} {labelled[name]}" for name in listing.classes)
    )
    folded = Counter(name.casefold() for name in listing.classes)
    if alike := [name for name in listing.classes if folded[name.casefold()] > 1 or set(name) & set(",;|")]:
        log.warning("classes that may be a slip in the table of labels: %s", "; ".join(alike))
    if unseen := [name for name in listing.classes if name not in labelled]:
        log.warning("classes without a training photograph: %d (%s)", len(unseen), first_of(unseen))


def _log_all(what: str, names: Sequence[str]) -> None:
    """All of them into the log, where the line on the screen has the first few."""
    if len(names) > SHOWN:
        for name in names:
            log.debug("%s: %s", what, name)


def _relative(folder: Path, start: Path) -> str:
    """`folder` as seen from `start`, so that a project can be moved as a whole; an absolute folder stays so."""
    return str(folder) if folder.is_absolute() else Path(os.path.relpath(folder, start)).as_posix()
