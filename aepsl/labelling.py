"""What label maps are made from: the rounds' mined regions, the saliency, and where the background begins."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.erasing import union
from aepsl.errors import InputError
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.pseudo_labels import BackgroundCalibration

log = logging.getLogger(__name__)


def saliency_of(path: Path, entry: Entry) -> np.ndarray:
    """The photograph's saliency, uint8 (H, W)."""
    return stores.opened(path, "saliency").read(entry.id, names=["saliency"])["saliency"]


def merged_regions(
    masks: Sequence[Path], entry: Entry, manifest: Manifest, *, size: tuple[int, ...]
) -> dict[int, np.ndarray]:
    """label number → pixels (H, W) that any of the rounds mined for it: ∪_t F_t^c."""
    merged: dict[int, np.ndarray] = {}
    for path in masks:
        for name, mask in stores.opened(path, "masks").read(entry.id, names=entry.labels, size=size).items():
            label = manifest.classes.index(name) + 1
            merged[label] = merged.get(label, False) | (mask > 0)
    return merged


def background_threshold(
    given: float | Literal["mined"], manifest: Manifest, *, masks: Path, saliency: Path, workers: int
) -> float:
    """The threshold as given, or that which best tells what the first round mined (masks) from the rest.

    The first round alone: its regions come from whole photographs, and merges of more rounds can be compared.
    Raises InputError where saliency cannot tell them.
    """
    if given != "mined":
        return given

    def count(entry: Entry) -> BackgroundCalibration:
        found = saliency_of(saliency, entry)
        regions = merged_regions([masks], entry, manifest, size=found.shape).values()
        calibration = BackgroundCalibration()
        calibration.add(union(regions, size=found.shape), found)  # type: ignore[arg-type]
        return calibration

    total = BackgroundCalibration()
    for one in in_processes(count, each(manifest.entries, "background threshold"), workers=workers):
        total.include(one)
    try:
        threshold = total.threshold()
    except ValueError as error:
        raise InputError(f"{masks}: {error}; set pseudo_labels.background_threshold to a number") from None
    log.info("background is saliency < %.3f, which best tells mined pixels from the others", threshold)
    return threshold
