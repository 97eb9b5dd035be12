"""Mine the regions R = {u : H_u > δ} of each image's own classes: F_t^c (paper, Algorithm 1)."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aepsl import erasing, stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.seeds import generator
from aepsl.settings.stages import MineSettings
from aepsl.upsampling import upsample

log = logging.getLogger(__name__)

Size = tuple[int, int]
Maps = Callable[[Entry], tuple[Size, dict[str, np.ndarray]]]


def run(
    settings: MineSettings, *, images: Path, cams: list[Path], earlier: list[Path], output: Path, machine: Machine
) -> None:
    """cams: this round's; none are read where the reading is `random`. output: masks.h5, 255 where mined.

    earlier: masks of the rounds before, whose pixels are not mined again.
    """
    manifest = Manifest.read(images)
    maps = _noise(settings, manifest) if settings.reading == "random" else _cams(cams[0])
    reading: erasing.Threshold
    if settings.reading == "calibrated" or settings.reading == "random":
        reading, threshold = "fraction_of_max", _fraction(settings, manifest, maps, earlier, machine)
    else:
        reading, threshold = settings.reading, settings.threshold

    def mine(entry: Entry) -> tuple[str, Size, dict[str, np.ndarray]]:
        size, found = maps(entry)
        taken = _taken(entry, earlier, size)
        mined = {c: erasing.mine(map_, reading=reading, threshold=threshold) & ~taken for c, map_ in found.items()}
        return entry.id, size, mined

    attributes = {
        "title": f"mined regions of round {settings.round}",
        "round": settings.round,
        "classes": list(manifest.classes),
        "units": "255 where mined",
        "reading": settings.reading,
        "threshold": threshold,
        "settings": canonical(settings.model_dump()),
    }
    entries = each(manifest.entries, f"round {settings.round} mining")
    with stores.create(output, "masks", attributes) as store:
        for image_id, size, mined in in_processes(mine, entries, workers=machine.workers):
            store.add(image_id, {name: mask.astype(np.uint8) * 255 for name, mask in mined.items()}, size=size)


def _cams(path: Path) -> Maps:
    """Each photograph's size, and its classes' maps at that size."""

    def maps(entry: Entry) -> tuple[Size, dict[str, np.ndarray]]:
        store = stores.opened(path, "cams")
        size = store.size(entry.id)
        found = store.read(entry.id, names=entry.labels)
        return size, {name: upsample(map_, size=size) for name, map_ in found.items()}

    return maps


def _noise(settings: MineSettings, manifest: Manifest) -> Maps:
    """The same with maps that say nothing: the control of the reading `random`."""

    def maps(entry: Entry) -> tuple[Size, dict[str, np.ndarray]]:
        size = load_photograph(manifest.file(entry)).shape[:2]
        rng = generator(settings.seed or 0, "random regions", settings.round, entry.id)
        return size, {name: erasing.noise_map(size, rng) for name in entry.labels}

    return maps


def _taken(entry: Entry, earlier: list[Path], size: Size) -> np.ndarray:
    """Pixels (H, W) that earlier rounds mined."""
    found = [stores.opened(path, "masks").read(entry.id, names=entry.labels, size=size) for path in earlier]
    return erasing.union([mask > 0 for masks in found for mask in masks.values()], size=size)


def _fraction(settings: MineSettings, manifest: Manifest, maps: Maps, earlier: list[Path], machine: Machine) -> float:
    """The fraction of max at which the round mines the target area of the images, over all of them."""

    def histogram(entry: Entry) -> erasing.AreaCalibration:
        calibration = erasing.AreaCalibration()
        size, found = maps(entry)
        calibration.add(list(found.values()), left_out=_taken(entry, earlier, size))
        return calibration

    total = erasing.AreaCalibration()
    for one in in_processes(histogram, manifest.entries, workers=machine.workers):
        total.include(one)
    fraction = total.fraction(settings.threshold)
    log.info("round %d: H > %.3f·max mines %.1f %% of the images", settings.round, fraction, 100 * settings.threshold)
    return fraction
