"""The background threshold that is found without masks."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import load_label_map
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.pseudo_labels import BackgroundCalibration
from aepsl.settings.settings import Settings, validate
from aepsl.settings.stages import PseudoLabelsSettings
from aepsl.stages import pseudo_labels


def calibrated(*images: tuple[np.ndarray, np.ndarray]) -> BackgroundCalibration:
    calibration = BackgroundCalibration()
    for mined, saliency in images:
        calibration.add(mined, saliency)
    return calibration


def test_threshold_by_hand() -> None:
    saliency = np.array([[0, 0, 10, 10, 40, 200]], np.uint8)
    mined = np.array([[0, 0, 0, 1, 1, 1]], bool)
    # Below 0.5: 2 of 3 others, no mined one: 0.67. Below 10.5: 3 of 3, 1 of 3: no better.
    assert calibrated((mined, saliency)).threshold() == pytest.approx(0.5 / 255)
    mined[0, 3] = False
    assert calibrated((mined, saliency)).threshold() == pytest.approx(10.5 / 255)


@given(st.integers(0, 2**32), st.integers(1, 3))
def test_no_threshold_has_a_greater_balanced_accuracy(seed: int, images: int) -> None:
    rng = np.random.default_rng(seed)
    maps = [rng.integers(0, rng.choice([3, 256]), (5, 7)).astype(np.uint8) for _ in range(images)]
    mined = [rng.random(map_.shape) < 0.2 + 0.6 * map_ / 255 for map_ in maps]
    s, m = np.concatenate([*map(np.ravel, maps)]), np.concatenate([*map(np.ravel, mined)])
    tried = {t: (s[~m] / 255 < t).mean() - (s[m] / 255 < t).mean() for t in (np.arange(255) + 0.5) / 255}
    if max(tried.values()) <= 0:
        with pytest.raises(ValueError, match="no more salient"):
            calibrated(*zip(mined, maps, strict=True)).threshold()
    else:
        found = calibrated(*zip(mined, maps, strict=True)).threshold()
        assert tried[found] == pytest.approx(max(tried.values()), abs=1e-12)
        assert all(value < tried[found] for t, value in tried.items() if t < found)


@pytest.mark.parametrize(("recall", "false"), [(1.0, 0.0), (0.3, 0.1), (0.6, 0.4), (0.2, 0.02)])
def test_mined_regions_that_miss_and_err_give_the_threshold_of_the_objects(recall: float, false: float) -> None:
    rng = np.random.default_rng(4)
    objects = rng.random((600, 700)) < 0.3
    # Values 0, 30, …, 150; objects are likelier than background from 90 on.
    values = np.arange(0, 180, 30).astype(np.uint8)
    background = rng.choice(values, objects.shape, p=[0.4, 0.3, 0.15, 0.07, 0.05, 0.03])
    saliency = np.where(objects, rng.choice(values, objects.shape, p=[0.05, 0.05, 0.1, 0.2, 0.3, 0.3]), background)
    mined = rng.random(objects.shape) < np.where(objects, recall, false)
    assert calibrated((mined, saliency)).threshold() == pytest.approx(60.5 / 255)


def test_counts_of_several_images_and_of_several_calibrations_add_up() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 256, (4, 6 + n)).astype(np.uint8) for n in range(4)]
    mined = [rng.random(map_.shape) < map_ / 400 for map_ in maps]
    images = list(zip(mined, maps, strict=True))
    together = calibrated((np.hstack(mined), np.hstack(maps))).threshold()
    one, other = calibrated(*images[:1]), calibrated(*images[1:])
    assert calibrated(*images).threshold() == together
    one.include(other)
    assert one.threshold() == together


def test_what_cannot_be_told_apart_is_refused() -> None:
    saliency = np.array([[0, 100, 200]], np.uint8)
    for mined, said in (([0, 0, 0], "of 3 pixels 0 are mined"), ([1, 1, 1], "of 3 pixels 3 are mined")):
        with pytest.raises(ValueError, match=said):
            calibrated((np.array([mined], bool), saliency)).threshold()
    with pytest.raises(ValueError, match="of 0 pixels"):
        BackgroundCalibration().threshold()
    with pytest.raises(ValueError, match="no more salient"):
        calibrated((np.array([[1, 0, 0]], bool), saliency)).threshold()
    for wrong in (saliency.T, saliency / 255):
        with pytest.raises(ValueError, match="one shape"):
            BackgroundCalibration().add(np.zeros((1, 3), bool), wrong)


CAT = np.array([[0, 0, 0, 0, 255, 255]], np.uint8)
SALIENCY = np.array([[0, 10, 20, 150, 20, 200]], np.uint8)  # below 20.5: 3 of 4 others, 1 of 2 mined; below 10.5: 2, 0


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Three images, of which the first round mined CAT, the second the fourth pixel."""
    ids = ("a", "b", "c")
    later = np.array([[0, 0, 0, 255, 0, 0]], np.uint8)
    files = {name: tmp_path / name for name in ("images.json", "1.h5", "2.h5", "saliency.h5")}
    entries = tuple(Entry(id=one, path=f"{one}.jpg", labels=("cat",), sha256="") for one in ids)
    Manifest(classes=("cat",), mean_pixel=None, root=".", entries=entries).write(files["images.json"])
    pictures = {"1.h5": {"cat": CAT}, "2.h5": {"cat": later}, "saliency.h5": {"saliency": SALIENCY}}
    for name, kind in (("1.h5", "masks"), ("2.h5", "masks"), ("saliency.h5", "saliency")):
        with stores.create(files[name], kind, {}) as store:
            for one in ids:
                store.add(one, pictures[name], size=(1, 6))
    return files


def labelled(files: dict[str, Path], threshold: object, folder: Path, *, workers: int = 1) -> dict[str, bytes]:
    pseudo_labels.run(
        PseudoLabelsSettings(background_threshold=threshold, jump=None),  # type: ignore[arg-type]
        images=files["images.json"],
        masks=[files["1.h5"], files["2.h5"]],
        saliency=files["saliency.h5"],
        histories=[],
        output=folder / "index.json",
        machine=Machine(workers=workers),
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_stage_finds_the_threshold_by_the_first_round(
    files: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="aepsl"):
        found = labelled(files, "mined", tmp_path / "found")
    assert "background is saliency < 0.041" in caplog.text
    assert load_label_map(tmp_path / "found" / "a.png").tolist() == [[0, 0, 255, 1, 1, 1]]
    assert found == labelled(files, 10.5 / 255, tmp_path / "given")
    assert found == labelled(files, "mined", tmp_path / "two", workers=2)


def test_the_stage_names_masks_that_say_nothing(files: dict[str, Path], tmp_path: Path) -> None:
    with stores.create(files["1.h5"], "masks", {}) as store:
        for one in ("a", "b", "c"):
            store.add(one, {"cat": np.zeros_like(CAT)}, size=(1, 6))
    with pytest.raises(InputError, match=r"1\.h5: of 18 pixels 0 are mined.*set pseudo_labels\.background_threshold"):
        labelled(files, "mined", tmp_path / "found")
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize("wrong", [0.0, 1.0, "auto", None, True])
def test_other_thresholds_are_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"pseudo_labels\.background_threshold: .* or 'mined'\. Got: "):
        validate(Settings, {"pseudo_labels": {"background_threshold": wrong}}, source="test")
