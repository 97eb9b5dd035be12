"""The control `reading: random`: regions of the target area that no classifier had a part in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.settings.stages import CalibrateSettings, MineSettings
from aepsl.stages import calibrate, mine

AREA, IMAGES = 0.3, 40


def mined(folder: Path, name: str, *, seed: int = 0, round: int = 1, earlier: list[Path] | None = None) -> np.ndarray:
    found, output = folder / f"{name}.json", folder / f"{name}.h5"
    read: dict[str, Any] = {"images": folder / "images.json", "cams": [], "earlier": earlier or []}
    calibrate.run(
        CalibrateSettings(round=round, target_area=AREA, seed=seed), output=found, machine=Machine(workers=1), **read
    )
    settings = MineSettings(round=round, reading="random", threshold=None, seed=seed)
    mine.run(settings, calibration=[found], output=output, machine=Machine(workers=1), **read)
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
    share = first.mean(0)
    assert share.min() > 0.05 and share.max() < 0.65, "no place is left out or preferred"
    second = mined(tmp_path, "second", round=2, earlier=[tmp_path / "first.h5"])
    assert abs(second.mean() - AREA) < 0.01
    assert not (first & second).any()
    assert (mined(tmp_path, "again") == first).all()
    assert (mined(tmp_path, "other", seed=1) != first).any()


@pytest.mark.parametrize("wrong", ["[]", "3", "{}", '{"fraction_of_max": 2}', '{"fraction_of_max": "x"}', "1" * 400])
def test_a_calibration_that_is_none_is_named(tmp_path: Path, wrong: str) -> None:
    Manifest(("cat",), (0.0, 0.0, 0.0), ".", ()).write(tmp_path / "images.json")
    (tmp_path / "threshold.json").write_text(wrong)
    settings = MineSettings(round=1, reading="calibrated", threshold=None)
    for calibration, said in (([tmp_path / "threshold.json"], "not a calibration"), ([], "--calibration is missing")):
        with pytest.raises(InputError, match=said):
            mine.run(
                settings, images=tmp_path / "images.json", cams=[], earlier=[], calibration=calibration,
                output=tmp_path / "m.h5", machine=Machine(workers=1),
            )  # fmt: skip
    assert not (tmp_path / "m.h5").exists()


def test_an_area_that_no_threshold_mines_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Manifest(("cat",), (0.0, 0.0, 0.0), ".", (Entry("a", "a.png", ("cat",), ""),)).write(tmp_path / "images.json")
    with stores.create(tmp_path / "cams.h5", "cams", {}) as store:
        store.add("a", {"cat": np.array([[200] * 3 + [0] * 7], np.uint8)}, size=(1, 10))
    for target, near in ((0.3, True), (0.9, False)):
        caplog.clear()
        with caplog.at_level("INFO"):
            calibrate.run(
                CalibrateSettings(round=1, target_area=target, seed=0), images=tmp_path / "images.json",
                cams=[tmp_path / "cams.h5"], earlier=[], output=tmp_path / "t.json", machine=Machine(workers=1),
            )  # fmt: skip
        assert json.loads((tmp_path / "t.json").read_text())["area"] == pytest.approx(0.3)
        assert "mines 30.0 % of the images" in caplog.messages[0]
        assert ("round 1: no threshold mines the 90.0 % asked for" in caplog.messages) != near
