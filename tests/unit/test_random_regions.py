"""The control `reading: random`: regions of the target area that no classifier had a part in."""

from pathlib import Path

import numpy as np
from PIL import Image

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.machine import Machine
from aepsl.settings.stages import MineSettings
from aepsl.stages import mine

AREA, IMAGES = 0.3, 40


def mined(folder: Path, name: str, *, seed: int = 0, round: int = 1, earlier: list[Path] | None = None) -> np.ndarray:
    settings = MineSettings(round=round, reading="random", threshold=AREA, seed=seed)
    output = folder / f"{name}.h5"
    mine.run(
        settings,
        images=folder / "images.json",
        cams=[],
        earlier=earlier or [],
        output=output,
        machine=Machine(workers=1),
    )
    with stores.Reader(output, "masks") as store:
        assert store.attributes["reading"] == "random"
        return np.stack([store.read(image_id)["cat"] > 0 for image_id in store.ids()])


def test_random_regions_have_the_target_area_and_never_meet_earlier_ones(tmp_path: Path) -> None:
    entries = []
    for n in range(IMAGES):
        Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / f"{n}.png")
        entries.append(Entry(id=f"{n:02}", path=f"{n}.png", labels=("cat",), sha256=""))
    Manifest(("cat",), (0.0, 0.0, 0.0), ".", tuple(entries)).write(tmp_path / "images.json")
    first = mined(tmp_path, "first")
    assert abs(first.mean() - AREA) < 0.01
    assert abs(first.mean(0) - AREA).max() < 0.35, "no place is preferred"
    second = mined(tmp_path, "second", round=2, earlier=[tmp_path / "first.h5"])
    assert abs(second.mean() - AREA) < 0.01
    assert not (first & second).any()
    assert (mined(tmp_path, "again") == first).all()
    assert (mined(tmp_path, "other", seed=1) != first).any()
