"""Mine the regions R = {u : H_u > δ} of each image's own classes: F_t^c (paper, Algorithm 1)."""

from pathlib import Path

import numpy as np

from aepsl import erasing, stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.files import canonical, read_json
from aepsl.machine import Machine
from aepsl.mining import Size, maps_of, taken
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import MineSettings
from aepsl.shards import WHOLE, Shard


def run(
    settings: MineSettings,
    *,
    images: Path,
    cams: list[Path],
    earlier: list[Path],
    calibration: list[Path],
    output: Path,
    machine: Machine,
    shard: Shard = WHOLE,
) -> None:
    """cams: this round's; none are read where the reading is `random`. output: masks.h5, 255 where mined.

    earlier: masks of the rounds before, whose pixels are not mined again. calibration: threshold.json, where the
    reading is `calibrated` or `random`.
    """
    manifest = Manifest.read(images).shard(shard)
    maps = maps_of(manifest, cams, round=settings.round, seed=settings.seed)
    reading: erasing.Threshold
    if settings.reading == "calibrated" or settings.reading == "random":
        reading, threshold = "fraction_of_max", _calibrated(calibration)
    else:
        assert settings.threshold is not None
        reading, threshold = settings.reading, settings.threshold

    def mine(entry: Entry) -> tuple[str, Size, dict[str, np.ndarray]]:
        size, found = maps(entry)
        left = ~taken(entry, earlier, size)
        mined = {c: erasing.mine(map_, reading=reading, threshold=threshold) & left for c, map_ in found.items()}
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


def _calibrated(calibration: list[Path]) -> float:
    """The fraction of max that the calibration found. Raises InputError where it holds none."""
    if not calibration:
        raise InputError("--calibration is missing: readings that aim at an area need threshold.json")
    try:
        fraction = float(read_json(calibration[0])["fraction_of_max"])
    except (KeyError, TypeError, ValueError, OverflowError):
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise InputError(f"{calibration[0]}: not a calibration; remove it and run again")
    return fraction
