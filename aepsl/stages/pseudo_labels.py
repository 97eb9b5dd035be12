"""Merge the rounds' mined regions with the saliency background into label maps (paper, section 3.2)."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.erasing import rounds_before_jump, union
from aepsl.errors import InputError, first_of
from aepsl.files import read_json_lines, sha256
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.pseudo_labels import IGNORED, BackgroundCalibration, pseudo_label
from aepsl.settings.stages import PseudoLabelsSettings

log = logging.getLogger(__name__)


def run(
    settings: PseudoLabelsSettings,
    *,
    images: Path,
    masks: list[Path],
    saliency: Path,
    histories: list[Path],
    output: Path,
    machine: Machine,
) -> None:
    """masks: of the rounds to merge; of all rounds, with their histories, where their number is to be found.

    output: index.json, a manifest of palette PNGs (0 background, 1.. the classes, 255 ignored), written last.
    """
    manifest = Manifest.read(images)
    merged = masks if settings.jump is None else masks[: merged_rounds(histories, jump=settings.jump)]
    threshold = background_threshold(
        settings.background_threshold, manifest, masks=masks[0], saliency=saliency, workers=machine.workers
    )

    def label(entry: Entry) -> tuple[Entry, set[int]]:
        found = saliency_of(saliency, entry) / np.float32(255)
        mined = merged_regions(merged, entry, manifest, size=found.shape)
        name = f"{entry.id}.png"
        labels = pseudo_label(mined, found, background_threshold=threshold)
        save_label_map(output.parent / name, labels)
        return replace(entry, path=name, sha256=sha256(output.parent / name)), set(np.unique(labels)) - {IGNORED}

    made = list(in_processes(label, each(manifest.entries, "pseudo-labels"), workers=machine.workers))
    _report_what_is_missing(manifest, [found for _, found in made])
    replace(manifest, root=".", entries=tuple(entry for entry, _ in made)).write(output)


def _report_what_is_missing(manifest: Manifest, found: list[set[int]]) -> None:
    """found: the labels in each image's map. Raises InputError where no map has any: nothing could be learned."""
    if not any(found):
        raise InputError("no pixel of any photograph is labelled: nothing was mined, and saliency sees no background")
    lost = [name for number, name in enumerate(manifest.classes, start=1) if number not in set().union(*found)]
    if lost:
        log.warning("classes without a pixel in any label map: %d (%s)", len(lost), first_of(lost))
    if empty := [entry.id for entry, labels in zip(manifest.entries, found, strict=True) if not labels]:
        log.warning("label maps without a labelled pixel: %d (%s)", len(empty), first_of(empty))


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
        regions = stores.opened(masks, "masks").read(entry.id, names=entry.labels, size=found.shape).values()
        calibration = BackgroundCalibration()
        calibration.add(union((region > 0 for region in regions), size=found.shape), found)  # type: ignore[arg-type]
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


def final_losses(history: Path) -> tuple[float, float]:
    """The converged loss of a round, and a constant predictor's. Raises InputError for a history without them."""
    records = read_json_lines(history)
    last = records[-1] if records and isinstance(records[-1], dict) else {}
    losses = last.get("converged_loss"), last.get("constant_loss")
    if not all(isinstance(loss, float | int) and abs(loss) < 1e300 for loss in losses):
        raise InputError(f"{history}: a history without its last record; remove it and run again")
    return losses  # type: ignore[return-value]


def merged_rounds(histories: Sequence[Path], *, jump: float) -> int:
    """How many rounds `erasing.merge: auto` takes. Raises InputError for a history without its last record."""
    losses = [final_losses(path) for path in histories]
    count = rounds_before_jump(losses, jump=jump)
    log.info("%d of %d rounds are merged: the converged loss jumps after them", count, len(losses))
    return count
