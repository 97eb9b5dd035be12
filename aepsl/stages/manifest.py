"""List a split's photographs with their image-level labels, and look at each once: it can be read, its mean pixel."""

import os
from pathlib import Path

import numpy as np

from aepsl.data import voc
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.scenes.names import CLASSES
from aepsl.files import sha256
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import ManifestSettings


def run(settings: ManifestSettings, *, scenes: list[Path], output: Path, machine: Machine) -> None:
    """scenes: labels.csv of the drawn photographs, where the format is scenes. output: the manifest (JSON)."""
    dataset = settings.dataset
    root = Path(dataset.root) if not scenes else scenes[0].parent
    classes = voc.VOC_CLASSES if not scenes else CLASSES
    image_set = {"train": dataset.train_list, "val": dataset.val_list}[settings.split]
    listing = voc.read(
        root,
        image_set=image_set if not scenes else settings.split,
        labels=Path(dataset.labels) if dataset.labels else None,
        classes=classes,
    )

    def look(image: tuple[str, str, tuple[str, ...]]) -> tuple[Entry, np.ndarray, int]:
        image_id, name, labels = image
        photograph = load_photograph(listing.folder / name)
        height, width = photograph.shape[:2]
        entry = Entry(id=image_id, path=name, labels=labels, sha256=sha256(listing.folder / name))
        return entry, photograph.reshape(-1, 3).sum(0, dtype=np.int64), height * width

    entries, total, pixels = [], np.zeros(3, np.int64), 0
    for entry, summed, count in in_processes(
        look, each(listing.images, f"{settings.split} photographs"), workers=machine.workers
    ):
        entries.append(entry)
        total += summed
        pixels += count
    mean = tuple(round(float(value), 3) for value in total / pixels)
    Manifest(
        classes=classes,
        mean_pixel=mean if settings.split == "train" else None,  # type: ignore[arg-type]
        root=_relative(listing.folder, output.parent),
        entries=tuple(entries),
    ).write(output)


def _relative(folder: Path, start: Path) -> str:
    """`folder` as seen from `start`, so that a project can be moved as a whole; an absolute folder stays so."""
    return str(folder) if folder.is_absolute() else Path(os.path.relpath(folder, start)).as_posix()
