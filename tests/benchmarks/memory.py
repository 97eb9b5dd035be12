"""Peak memory of the streaming stages, each run by its command, at 200 and at 2,000 images."""

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import Finding

FEW, MANY = 200, 2000
ROUND = ("--round", "1")
PREPARED = (
    ("scenes",),
    ("manifest", "--split", "train"),
    ("manifest", "--split", "val"),
    ("train-classifier", *ROUND),
)
# In the order of the workflow; the networks are trained in between.
STAGES = (
    ("cams", *ROUND),
    ("mine", *ROUND),
    ("erase", *ROUND),
    ("saliency",),
    ("pseudo-labels",),
    ("train-segmentation",),
    ("predict",),
    ("crf",),
    ("evaluate",),
    ("quality",),
)
SMALL = {"epochs": 1, "batch": 32, "crop": 33}


def measure(folder: Path) -> list[Finding]:
    """A stage's peak at 2,000 images to that at 200: near 1 where memory does not grow with the data."""
    few, many = _peaks(folder / "few", FEW), _peaks(folder / "many", MANY)
    return [
        Finding(
            f"memory of {stage} at {MANY:,} / {FEW} images",
            many[stage] / few[stage],
            1.15,
            f"{many[stage] / 1024:.0f} to {few[stage] / 1024:.0f} MiB",
        )
        for stage in few
    ]


def _peaks(folder: Path, images: int) -> dict[str, int]:
    """stage → KiB of the largest of its processes."""
    folder.mkdir()
    config = folder / "config.yaml"
    settings = {
        "results": str(folder / "results"),
        "dataset": {"format": "scenes", "scenes": {"train": images, "val": images, "size": 64}},
        "network": {"weights": None, "width": 0.125, "blocks": 3, "stride": 4, "dilation": 1, "norm": "batch"},
        "classification": {"training": SMALL},
        "erasing": {"rounds": 1, "merge": 1},
        "segmentation": {"training": SMALL},
        "crf": {"iterations": 3},
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    for stage in PREPARED:
        _peak(stage, config)
    return {stage[0]: _peak(stage, config) for stage in STAGES}


def _peak(stage: tuple[str, ...], config: Path) -> int:
    name, *options = stage
    command = [sys.executable, "-m", "aepsl", name, "--config", str(config), *options]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.peak", *command], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout.split()[-1])
