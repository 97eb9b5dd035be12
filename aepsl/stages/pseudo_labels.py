"""Merge the rounds' mined regions with the saliency background into label maps (paper, section 3.2)."""

import logging
from pathlib import Path

import numpy as np

from aepsl.data.index import made, write_index
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.data.void import VOID
from aepsl.errors import InputError, first_of
from aepsl.labelling import background_threshold, merged_regions, saliency_of
from aepsl.machine import Machine
from aepsl.merging import merged_rounds
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.pseudo_labels import pseudo_label
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
        labels = pseudo_label(mined, found, background_threshold=threshold)
        own = made(entry, output.parent, save_label_map, labels)
        return own, set(np.unique(labels)) - {VOID}

    labelled = list(in_processes(label, each(manifest.entries, "pseudo-labels"), workers=machine.workers))
    _report_what_is_missing(manifest, [found for _, found in labelled])
    write_index(manifest, (entry for entry, _ in labelled), output)


def _report_what_is_missing(manifest: Manifest, found: list[set[int]]) -> None:
    """found: the labels in each image's map. Raises InputError where no map has any: nothing could be learned."""
    if not any(found):
        raise InputError("no pixel of any photograph is labelled: nothing was mined, and saliency sees no background")
    lost = [name for number, name in enumerate(manifest.classes, start=1) if number not in set().union(*found)]
    if lost:
        log.warning("classes without a pixel in any label map: %d (%s)", len(lost), first_of(lost))
    if empty := [entry.id for entry, labels in zip(manifest.entries, found, strict=True) if not labels]:
        log.warning("label maps without a labelled pixel: %d (%s)", len(empty), first_of(empty))
