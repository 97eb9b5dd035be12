"""The tool that judges saliency maps, on drawn pictures."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.cli import main
from aepsl.data.palette import save_label_map

SIZE = (48, 64)
WORDS = ["judge-saliency", "--images", "images", "--masks", "masks", "--output", "judged.json"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three photographs of a red rectangle on a green ground, their masks, and maps that are the masks."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("images", "masks", "maps"):
        Path(name).mkdir()
    for number in range(3):
        mask = np.zeros(SIZE, np.uint8)
        mask[14:30, 12 + 8 * number : 36 + 8 * number] = 255
        ground = np.where(mask[..., None] > 0, (220, 40, 40), (60, 120, 60))
        photograph = np.clip(ground + rng.normal(0, 6, (*SIZE, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(photograph).save(f"images/p{number}.png")
        for name in ("masks", "maps"):
            Image.fromarray(mask).save(f"{name}/p{number}.png")
    logger = logging.getLogger("aepsl")
    level = logger.level
    yield
    logger.handlers.clear()
    logger.setLevel(level)


def judged(*words: str) -> dict:
    main([*WORDS, *words])
    return json.loads(Path("judged.json").read_text())


def row(found: dict, rule: str) -> dict:
    return next(one for one in found["background"] if one["rule"] == rule)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main([*WORDS, *words])
    line = capsys.readouterr().err.splitlines()[-1]
    assert caught.value.code == 2 and line.startswith("aepsl judge-saliency: ")
    assert not Path("judged.json").exists()
    return line


def test_maps_that_are_the_masks_are_without_error(capsys: pytest.CaptureFixture[str]) -> None:
    found = judged("--maps", "maps")
    assert (found["images"], found["mean_absolute_error"], found["f_measure"]["value"]) == (3, 0, 1)
    share = 16 * 24 / (48 * 64)
    perfect = {"precision": 1.0, "recall": 1.0, "area": 1 - share, "objects_kept": 1.0, "balanced_accuracy": 1.0}
    assert row(found, "below 0.06") == {"rule": "below 0.06", "threshold": 0.06, **perfect}
    assert row(found, "mean, each image") == {"rule": "mean, each image", "threshold": share, **perfect}
    assert row(found, "twice the mean, all images")["threshold"] == 2 * share
    assert row(found, "Otsu, each image")["balanced_accuracy"] == 1
    nothing = row(found, "Otsu, first of three classes, each image")
    assert (nothing["threshold"], nothing["precision"], nothing["recall"]) == (0, None, 0), "two values, three classes"
    said = capsys.readouterr().out
    assert "3 images" in said and "mean absolute error 0.000" in said and "best in hindsight" in said


def test_rbd_finds_the_rectangles_and_processes_change_nothing() -> None:
    found = judged("--workers", "1")
    assert found["mean_absolute_error"] < 0.05 and found["f_measure"]["value"] > 0.95
    assert row(found, "best in hindsight")["balanced_accuracy"] > 0.98
    bytes_ = Path("judged.json").read_bytes()
    judged("--method", "rbd", "--workers", "2")
    assert Path("judged.json").read_bytes() == bytes_


def test_hindsight_is_no_worse_than_any_fixed_threshold() -> None:
    rng = np.random.default_rng(1)
    for path in Path("maps").iterdir():
        Image.fromarray(rng.integers(0, 200, SIZE).astype(np.uint8) + np.asarray(Image.open(path)) // 5).save(path)
    found = judged("--maps", "maps", "--thresholds", *(f"{t:.3f}" for t in np.linspace(0.01, 1, 60)))
    fixed = [one["balanced_accuracy"] for one in found["background"] if one["rule"].startswith("below")]
    assert len(fixed) == 60
    assert max(fixed) <= row(found, "best in hindsight")["balanced_accuracy"] <= max(fixed) + 0.02


def test_label_maps_are_masks_too_and_void_is_not_counted() -> None:
    before = judged("--maps", "maps")
    for path in Path("masks").iterdir():
        labels = (np.asarray(Image.open(path)) > 0).astype(np.uint8) * 12
        labels[:4] = 255
        save_label_map(path, labels)
    after = judged("--maps", "maps")
    assert (after["mean_absolute_error"], after["f_measure"]["value"]) == (0, 1)
    assert row(after, "below 0.06")["area"] == pytest.approx(1 - 16 * 24 / (44 * 64), abs=1e-6)
    assert row(after, "mean, each image")["threshold"] == row(before, "mean, each image")["threshold"]


def test_a_list_names_what_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    Path("masks/p1.png").unlink()
    Path("some.txt").write_text("\ufeffp2\np0.jpg\n", encoding="utf-8")
    assert judged("--maps", "maps", "--list", "some.txt")["images"] == 2
    Path("judged.json").unlink()
    taken = refused(capsys, "--list", "some.txt", "--output", "some.txt")
    assert "some.txt: is there already, and is no .json" in taken
    assert "masks/p1.png: no such label map" in refused(capsys, "--maps", "maps")
    Path("some.txt").write_text("p0\np7\np8")
    assert "some.txt: images has no photograph p7 (2 missing)" in refused(capsys, "--list", "some.txt")
    Path("some.txt").write_text("\n")
    assert "some.txt: the list names no image" in refused(capsys, "--list", "some.txt")
    assert "absent.txt: the list cannot be read" in refused(capsys, "--list", "absent.txt")


def test_bad_pictures_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    grey = np.full(SIZE, 5, np.uint8)
    Image.fromarray(grey).save("masks/p0.png")
    assert "masks/p0.png: 100% of it is neither black nor white" in refused(capsys, "--maps", "maps")
    Image.fromarray(grey[:9]).save("masks/p0.png")
    assert "masks/p0.png: (9, 64) pixels, expected (48, 64)" in refused(capsys, "--maps", "maps")
    Path("maps/p0.png").unlink()
    assert "maps/p0.png: no saliency map" in refused(capsys, "--maps", "maps")
    Path("images/p0.png").write_bytes(b"")
    assert "images/p0.png: not a readable photograph" in refused(capsys)
    Image.fromarray(grey).save("images/p2.jpg")
    assert "another photograph has this name too" in refused(capsys)


def test_folders_and_thresholds_that_are_none_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "absent: no such folder of photographs" in refused(capsys, "--images", "absent")
    Path("empty").mkdir()
    assert "empty: no photograph in this folder" in refused(capsys, "--images", "empty")
    for wrong in ("0", "1.5", "nan", "-1"):
        assert "--thresholds: saliency is in 0..1" in refused(capsys, "--thresholds", "0.06", wrong)
    for path in Path("masks").iterdir():
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(path)
    assert "masks: none of these 3 masks has an object" in refused(capsys, "--maps", "maps")
