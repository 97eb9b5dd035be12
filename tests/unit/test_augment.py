"""Random views of training photographs and their label maps."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from aepsl.data.augment import augment
from aepsl.settings.sections import Training

MEAN = (101.4, 150.6, 7.0)
MEAN_PIXEL = (101, 151, 7)
CROP = 33
LABEL_STEP = 10


def recipe(**options: Any) -> Training:
    return Training(**{"crop": CROP, "flip": False, **options})


def view(
    photograph: np.ndarray, labels: np.ndarray | None = None, *, seed: int = 0, **options: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(seed)
    return augment(photograph, labels, recipe=recipe(**options), mean_pixel=MEAN, rng=rng)


def numbered(height: int, width: int) -> np.ndarray:
    """A photograph whose pixels say where they are: (row, column, 200)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, np.full_like(y, 200)], -1).astype(np.uint8)


def blocks(height: int, width: int, side: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((y // side * 5 + x // side * 3) % 21).astype(np.uint8)


def shown(labels: np.ndarray) -> np.ndarray:
    """A photograph that shows its own label map."""
    return np.repeat((labels * LABEL_STEP)[:, :, None], 3, axis=2)


def test_every_crop_is_a_window_of_the_photograph_and_all_windows_come_up() -> None:
    photograph = numbered(36, 34)
    corners = []
    for seed in range(300):
        crop, labels = view(photograph, seed=seed)
        assert labels is None
        assert crop.shape == (CROP, CROP, 3)
        assert crop.dtype == np.uint8
        top, left, _ = (int(value) for value in crop[0, 0])
        np.testing.assert_array_equal(crop, photograph[top : top + CROP, left : left + CROP])
        corners.append((top, left))
    assert set(corners) == {(top, left) for top in range(4) for left in range(2)}
    assert min(corners.count(corner) for corner in set(corners)) > 300 / 8 / 3  # each about equally often


def test_a_small_photograph_floats_in_the_mean_pixel_and_label_255() -> None:
    photograph = numbered(31, 30)
    labels = blocks(31, 30, 7)
    corners = set()
    for seed in range(300):
        crop, ground = view(photograph, labels, seed=seed)
        inside = crop[:, :, 2] == 200
        top, left = (int(value) for value in np.argwhere(inside)[0])
        np.testing.assert_array_equal(crop[top : top + 31, left : left + 30], photograph)
        np.testing.assert_array_equal(ground[top : top + 31, left : left + 30], labels)
        assert inside.sum() == 31 * 30
        assert (crop[~inside] == MEAN_PIXEL).all()
        assert (ground[~inside] == 255).all()
        corners.add((top, left))
    assert corners == {(top, left) for top in range(3) for left in range(4)}


def test_a_photograph_that_is_longer_one_way_only_is_cropped_there_and_padded_here() -> None:
    photograph = numbered(80, 20)
    crop, ground = view(photograph, np.zeros((80, 20), np.uint8), seed=4)
    columns = np.flatnonzero((crop[:, :, 2] == 200).all(0))
    assert len(columns) == 20
    rows = crop[:, columns[0], 0]
    np.testing.assert_array_equal(np.diff(rows.astype(int)), 1)
    np.testing.assert_array_equal(ground == 255, crop[:, :, 2] != 200)


@pytest.mark.parametrize("size", [(50, 70), (33, 33), (20, 90), (12, 15)])
@pytest.mark.parametrize("flip", [False, True])
def test_photograph_and_label_map_get_the_same_geometry(size: tuple[int, int], flip: bool) -> None:
    labels = blocks(*size, 4)
    for seed in range(20):
        crop, ground = view(shown(labels), labels, seed=seed, flip=flip)
        inside = ground != 255
        np.testing.assert_array_equal(crop[inside, 0], ground[inside] * LABEL_STEP)
        assert (crop[~inside] == MEAN_PIXEL).all()


@pytest.mark.parametrize("scale", [[0.5, 0.5], [0.7, 1.9], [2.0, 2.0]])
def test_photograph_and_label_map_get_the_same_geometry_when_scaled(scale: list[float]) -> None:
    labels = blocks(90, 120, 30)
    compared = 0
    for seed in range(20):
        crop, ground = view(shown(labels), labels, seed=seed, scale=scale, flip=True)
        # Bilinear blurs the photograph's edges, those that lie just outside the crop too.
        highest, lowest = (
            extreme(ground, 5, mode="constant", cval=255) for extreme in (maximum_filter, minimum_filter)
        )
        inside = (highest == lowest) & (ground != 255)
        np.testing.assert_array_equal(crop[inside, 0], ground[inside] * LABEL_STEP)
        compared += int(inside.sum())
        assert set(np.unique(ground)) <= {*np.unique(labels), 255}  # and no label is a mixture
    assert compared > 20 * CROP * CROP / 3


def test_scaling_keeps_to_its_range_and_to_the_proportions() -> None:
    labels = np.ones((10, 20), np.uint8)
    heights = []
    for seed in range(200):
        _, ground = view(shown(labels), labels, seed=seed, scale=[0.5, 1.6])
        rows, columns = ((ground == 1).any(axis).sum() for axis in (1, 0))
        assert abs(columns - 2 * rows) <= 1
        heights.append(int(rows))
    assert (min(heights), max(heights)) == (5, 16)


def test_half_of_the_views_are_mirrored_and_none_without_flip() -> None:
    photograph = numbered(CROP, CROP)
    labels = blocks(CROP, CROP, 5)
    mirrored = 0
    for seed in range(200):
        crop, ground = view(photograph, labels, seed=seed, flip=True)
        flipped = crop[0, 0, 1] != 0
        mirrored += int(flipped)
        np.testing.assert_array_equal(crop, photograph[:, ::-1] if flipped else photograph)
        np.testing.assert_array_equal(ground, labels[:, ::-1] if flipped else labels)
        np.testing.assert_array_equal(view(photograph, seed=seed)[0], photograph)
    assert 70 < mirrored < 130


def test_a_view_depends_on_the_generator_alone() -> None:
    photograph, labels = numbered(60, 70), blocks(60, 70, 6)
    options: dict[str, Any] = {"scale": [0.5, 1.5], "flip": True, "brightness": 0.3}
    crop, ground = view(photograph, labels, seed=7, **options)
    again, ground_again = view(photograph.copy(), labels.copy(), seed=7, **options)
    np.testing.assert_array_equal(crop, again)
    np.testing.assert_array_equal(ground, ground_again)
    np.testing.assert_array_equal(crop, view(photograph, seed=7, **options)[0])
    assert not np.array_equal(crop, view(photograph, seed=8, **options)[0])


def test_one_setting_does_not_shift_the_draws_of_another() -> None:
    photograph, labels = numbered(60, 70), blocks(60, 70, 6)
    mirrored = 0
    for seed in range(10):
        plain = view(photograph, labels, seed=seed)[1]
        np.testing.assert_array_equal(view(photograph, labels, seed=seed, brightness=0.4)[1], plain)
        flipped = view(photograph, labels, seed=seed, flip=True)[1]
        mirrored += int(not np.array_equal(flipped, plain))
        assert np.array_equal(flipped, plain) or np.array_equal(flipped[:, ::-1], plain)
    assert 0 < mirrored < 10


def test_colour_changes_by_up_to_its_share_and_leaves_labels_alone() -> None:
    grey = np.full((CROP, CROP, 3), 100, np.uint8)  # neither contrast nor colour changes it
    labels = blocks(CROP, CROP, 4)
    levels = set()
    for seed in range(100):
        crop, ground = view(grey, labels, seed=seed, brightness=0.2)
        assert np.ptp(crop) == 0
        levels.add(int(crop[0, 0, 0]))
        np.testing.assert_array_equal(ground, labels)
    assert 79 <= min(levels) < 85
    assert 115 < max(levels) <= 120


def test_the_arrays_given_stay_as_they_were() -> None:
    photograph, labels = numbered(40, 40), blocks(40, 40, 4)
    before = photograph.copy(), labels.copy()
    view(photograph, labels, flip=True, brightness=0.5, scale=[0.5, 2.0])
    np.testing.assert_array_equal(photograph, before[0])
    np.testing.assert_array_equal(labels, before[1])
