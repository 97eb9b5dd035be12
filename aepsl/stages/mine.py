"""Mine the regions R = {u : H_u > δ} of each image's own classes: F_t^c (paper, Algorithm 1)."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aepsl import erasing, stores
from aepsl.data.manifest import Manifest
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import MineSettings

log = logging.getLogger(__name__)


def run(
    settings: MineSettings, *, images: Path, cams: Path, earlier: list[Path], output: Path, machine: Machine
) -> None:
    """earlier: masks of the rounds before, whose pixels are not mined again. output: masks.h5, 255 where mined."""
    manifest = Manifest.read(images)
    ids = [entry.id for entry in manifest.entries]
    fraction = _fraction(settings, ids, cams, earlier, machine) if settings.reading == "calibrated" else None
    reading = settings.reading if settings.reading != "calibrated" else "fraction_of_max"
    threshold = settings.threshold if fraction is None else fraction

    def mine(image_id: str) -> tuple[str, tuple[int, int], dict[str, np.ndarray]]:
        size, maps, taken = _maps(image_id, cams, earlier)
        mined = {c: erasing.mine(map_, reading=reading, threshold=threshold) & ~taken for c, map_ in maps.items()}
        return image_id, size, mined

    attributes = {
        "title": f"mined regions of round {settings.round}",
        "round": settings.round,
        "classes": list(manifest.classes),
        "units": "255 where mined",
        "reading": settings.reading,
        "threshold": threshold,
        "settings": canonical(settings.model_dump()),
    }
    with stores.create(output, "masks", attributes) as store:
        for image_id, size, mined in in_processes(
            mine, each(ids, f"round {settings.round} mining"), workers=machine.workers
        ):
            store.add(image_id, {c: mask.astype(np.uint8) * 255 for c, mask in mined.items()}, size=size)


def _maps(
    image_id: str, cams: Path, earlier: Iterable[Path]
) -> tuple[tuple[int, int], dict[str, np.ndarray], np.ndarray]:
    """The photograph's size, its classes' maps at that size, and the pixels that earlier rounds mined."""
    store = stores.opened(cams, "cams")
    size = store.size(image_id)
    maps = {c: erasing.upsample(map_, size=size) for c, map_ in store.read(image_id).items()}
    taken = np.zeros(size, bool)
    for path in earlier:
        masks = stores.opened(path, "masks").read(image_id)
        taken |= erasing.union([mask > 0 for mask in masks.values()])
    return size, maps, taken


def _fraction(settings: MineSettings, ids: list[str], cams: Path, earlier: list[Path], machine: Machine) -> float:
    """The fraction of max at which the round mines the target area of the images, over all of them."""

    def histogram(image_id: str) -> erasing.AreaCalibration:
        _, maps, taken = _maps(image_id, cams, earlier)
        calibration = erasing.AreaCalibration()
        calibration.add(list(maps.values()), left_out=taken)
        return calibration

    total = erasing.AreaCalibration()
    for one in in_processes(histogram, ids, workers=machine.workers):
        total.include(one)
    fraction = total.fraction(settings.threshold)
    log.info("round %d: H > %.3f·max mines %.1f %% of the images", settings.round, fraction, 100 * settings.threshold)
    return fraction
