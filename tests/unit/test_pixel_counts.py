"""Pixels by image and class: mIoU of samples, the bootstrap, the table."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap

from aepsl.errors import InputError
from aepsl.metrics import mean_iou
from aepsl.pixel_counts import PixelCounts, interval, pixels_of, resampled

CLASSES = ("background", "cat, wild", 'a "b"/ü')


def confusions(images: int) -> np.ndarray:
    """Random confusion matrices; the last image has nothing of the last class."""
    drawn = np.random.default_rng(1).integers(0, 50, (images, 3, 3))
    drawn[-1, 2] = drawn[-1, :, 2] = 0
    return drawn


def counted(matrices: np.ndarray) -> PixelCounts:
    pixels = np.stack([pixels_of(matrix) for matrix in matrices], axis=1)
    return PixelCounts(tuple(f"image {n}" for n in range(len(matrices))), CLASSES, pixels)


def test_a_sample_is_scored_as_its_confusion_matrices_added_up() -> None:
    matrices = confusions(4)
    repeats = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 4]])
    expected = [mean_iou(np.tensordot(row, matrices, 1)) for row in repeats]
    np.testing.assert_allclose(counted(matrices).mean_iou(repeats), expected)


def test_an_image_alone_is_scored_over_its_own_classes() -> None:
    pixels = np.array([[[6, 4, 0], [0, 0, 0]], [[8, 0, 2], [0, 0, 0]], [[5, 0, 0], [0, 0, 0]]])
    found = PixelCounts(("a", "b"), CLASSES, pixels)
    assert found.by_image()[0] == pytest.approx((5 / 9 + 0 + 0) / 3) and np.isnan(found.by_image()[1])
    np.testing.assert_array_equal(found.mean_iou(np.eye(2, dtype=np.int64)), found.by_image())


def test_the_interval_is_that_of_scipy() -> None:
    pixels = counted(confusions(30))

    def statistic(index: np.ndarray, axis: int) -> np.ndarray:
        repeats = np.apply_along_axis(np.bincount, axis, index, minlength=30)
        return pixels.mean_iou(repeats.reshape(-1, 30)).reshape(index.shape[:-1])

    draws = {"n_resamples": 4000, "method": "percentile", "vectorized": True}
    theirs = bootstrap((np.arange(30),), statistic, rng=np.random.default_rng(5), **draws).confidence_interval
    ours = interval(pixels.mean_iou(resampled(30)))
    np.testing.assert_allclose(ours, theirs, atol=0.1 * (theirs.high - theirs.low))


def test_images_are_drawn_with_replacement_the_same_ones_each_time() -> None:
    repeats = resampled(7)
    assert (repeats.sum(1) == 7).all() and (repeats == 0).any() and (repeats > 1).any()
    np.testing.assert_array_equal(repeats, resampled(7))


@pytest.mark.parametrize("row", ["a,cat,3,3,3", "b,cat,-1,2,0", "b,cat,1,2,2", "b,cat,0,0,0"])
def test_rows_that_cannot_be_are_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.csv").write_text(f"image,class,truth,predicted,both\na,cat,4,2,1\n{row}\n")
    with pytest.raises(InputError, match="is there twice, or cannot have so many"):
        PixelCounts.read(tmp_path / "a.csv")


def test_the_table_is_read_as_written(tmp_path: Path) -> None:
    own = counted(confusions(3))
    own.write(tmp_path / "a.csv")
    read = PixelCounts.read(tmp_path / "a.csv")
    assert (read.images, read.classes) == (own.images, own.classes)
    np.testing.assert_array_equal(read.pixels, own.pixels)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3 * 3 - 1


HEADER = "image,class,truth,predicted,both\n"


ROWS = ["a,b,1", "a,b,1,x,2", f"a,b,1,{10**30},2"]


@pytest.mark.parametrize("text", ["", "image,class\n", HEADER, *(f"{HEADER}{row}\n" for row in ROWS)])
def test_what_is_no_such_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.csv: not a table of pixel counts"):
        PixelCounts.read(path)
