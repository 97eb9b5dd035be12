"""Find the fraction of max at which a round mines the area asked for: the readings `calibrated` and `random`."""

import logging
from pathlib import Path

from aepsl import erasing
from aepsl.data.manifest import Entry, Manifest
from aepsl.files import write_json
from aepsl.machine import Machine
from aepsl.mining import maps_of, taken
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.stages import CalibrateSettings

log = logging.getLogger(__name__)

NEAR = 0.01  # of the images


def run(
    settings: CalibrateSettings, *, images: Path, cams: list[Path], earlier: list[Path], output: Path, machine: Machine
) -> None:
    """cams: this round's; none are read where the reading is `random`. output: threshold.json,
    `fraction_of_max` and the `area` that it mines, which maps of too few positive pixels keep below the one asked for.

    earlier: masks of the rounds before, whose pixels are not mined again.
    """
    manifest = Manifest.read(images)
    maps = maps_of(manifest, cams, round=settings.round, seed=settings.seed)

    def histogram(entry: Entry) -> erasing.AreaCalibration:
        calibration = erasing.AreaCalibration()
        size, found = maps(entry)
        calibration.add(list(found.values()), left_out=taken(entry, earlier, size))
        return calibration

    total = erasing.AreaCalibration()
    entries = each(manifest.entries, f"round {settings.round} threshold")
    for one in in_processes(histogram, entries, workers=machine.workers):
        total.include(one)
    fraction = total.fraction(settings.target_area)
    area = total.area(fraction)
    log.info("round %d: H > %.3f·max mines %.1f %% of the images", settings.round, fraction, 100 * area)
    if abs(area - settings.target_area) > NEAR:
        log.warning("round %d: no threshold mines the %.1f %% asked for", settings.round, 100 * settings.target_area)
    write_json(output, {"fraction_of_max": fraction, "area": round(area, 6)})
