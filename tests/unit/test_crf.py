from typing import Any

import numpy as np
import pytest
from pydensecrf.densecrf import DenseCRF2D
from skimage import data

from aepsl.crf import KERNEL_SUM, contenders, crf_labels, dense_crf
from aepsl.settings.sections import CRF
from aepsl.upsampling import upsample

DEEPLAB: dict[str, Any] = {
    "iterations": 10,
    "bilateral_weight": 4.0,
    "bilateral_xy": 49.0,
    "bilateral_rgb": 5.0,
    "gaussian_weight": 3.0,
    "gaussian_xy": 3.0,
}
KOLTUN = DEEPLAB | {"bilateral_weight": 10.0, "bilateral_xy": 80.0, "bilateral_rgb": 13.0}


def photograph() -> np.ndarray:
    """(80, 120, 3)."""
    return np.ascontiguousarray(data.astronaut()[:320:4, 10:490:4])


def probabilities(classes: int, *, present: int, absent_score: float, seed: int = 0) -> np.ndarray:
    """Smooth softmax maps (C, 80, 120): `present` classes compete, the others score about `absent_score`."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (classes, 7, 9))
    scores[present:] = absent_score + 0.5 * rng.normal(size=(classes - present, 7, 9))
    full = np.exp([upsample(score, size=(80, 120)) for score in scores])
    return full / full.sum(0)


def of_all_classes(image: np.ndarray, probs: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """pydensecrf as its users call it, on every class."""
    classes, height, width = probs.shape
    crf = DenseCRF2D(width, height, classes)
    unary = -np.log(np.clip(probs, 1e-5, 1)).reshape(classes, -1).astype(np.float32)
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    crf.addPairwiseGaussian(sxy=settings["gaussian_xy"], compat=settings["gaussian_weight"])
    crf.addPairwiseBilateral(
        sxy=settings["bilateral_xy"],
        srgb=settings["bilateral_rgb"],
        rgbim=image.copy(),
        compat=settings["bilateral_weight"],
    )
    return np.array(crf.inference(settings["iterations"])).reshape(probs.shape)


@pytest.mark.parametrize("settings", [DEEPLAB, KOLTUN], ids=["deeplab", "koltun"])
@pytest.mark.parametrize(
    ("classes", "present", "absent_score"),
    [(2, 2, 0.0), (3, 3, 0.0), (4, 4, 0.0), (4, 2, -8.0), (6, 3, -9.0), (21, 2, -11.0), (21, 3, -6.0), (21, 4, -60.0)],
)
def test_result_equals_pydensecrf_on_all_classes(
    classes: int, present: int, absent_score: float, settings: dict[str, Any]
) -> None:
    probs = probabilities(classes, present=present, absent_score=absent_score)
    expected = of_all_classes(photograph(), probs, settings)
    found = dense_crf(photograph(), probs, CRF(**settings))
    assert found.dtype == np.float32 and found.shape == probs.shape
    np.testing.assert_array_equal(found.argmax(0), expected.argmax(0))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    labels = crf_labels(photograph(), probs, CRF(**settings))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected.argmax(0))
    assert (labels != probs.argmax(0)).mean() > 0.01, "the case is no test unless the CRF changes labels"


def test_classes_that_cannot_win_are_left_out_and_those_that_may_are_kept() -> None:
    clear = probabilities(21, present=3, absent_score=-11.0)
    assert set(contenders(clear, weight=7.0)) == {0, 1, 2}
    murky = probabilities(21, present=3, absent_score=-3.0)
    assert set(contenders(murky, weight=7.0)) > {0, 1, 2}
    one_pixel = np.stack([np.ones((4, 5)), np.zeros((4, 5))])
    one_pixel[:, 2, 3] = 0.4, 0.6
    assert contenders(one_pixel, weight=7.0).tolist() == [0, 1]


@pytest.mark.parametrize("weight", [1e-6, 1.0, 7.0, 100.0])
def test_every_class_that_wins_before_the_crf_is_a_contender(weight: float) -> None:
    for seed in range(20):
        scores = np.random.default_rng(seed).gumbel(size=(12, 6, 6)) * 5
        probs = np.exp(scores) / np.exp(scores).sum(0)
        assert set(contenders(probs, weight=weight)) >= set(probs.argmax(0).flat)


@pytest.mark.parametrize("name", ["photograph", "noise", "grating", "flat"])
def test_kernels_sum_to_no_more_than_the_bound_that_contenders_rests_on(name: str) -> None:
    rng = np.random.default_rng(0)
    grating = np.broadcast_to(np.indices((80, 120)).sum(0)[..., None] % 2 * 255, (80, 120, 3))
    image = {
        "photograph": photograph(),
        "noise": rng.normal(128, 8, (80, 120, 3)).astype(np.uint8),
        "grating": grating.astype(np.uint8),
        "flat": np.full((80, 120, 3), 9, np.uint8),
    }[name]
    certain, doubtful = 1 - 1e-3, 1e-3
    probs = np.stack([np.full((80, 120), certain), np.full((80, 120), doubtful)])
    for only in ("gaussian", "bilateral"):
        weights = {"gaussian_weight": float(only == "gaussian"), "bilateral_weight": float(only == "bilateral")}
        found = of_all_classes(image, probs, DEEPLAB | weights | {"iterations": 1}).astype(float)
        # One update adds w K̃(Q(0) - Q(1)), here (K̃1)(certain - doubtful), to the log of the ratio.
        gained = np.log(found[0] / found[1]) - np.log(certain / doubtful)
        assert gained.max() / (certain - doubtful) <= KERNEL_SUM


def test_no_iteration_or_no_weight_or_one_sure_class_changes_nothing() -> None:
    probs = probabilities(5, present=3, absent_score=-3.0)
    same = probs.astype(np.float32)
    np.testing.assert_array_equal(dense_crf(photograph(), probs, CRF(**DEEPLAB | {"iterations": 0})), same)
    weightless = DEEPLAB | {"bilateral_weight": 0.0, "gaussian_weight": 0.0}
    np.testing.assert_array_equal(dense_crf(photograph(), probs, CRF(**weightless)), same)
    sure = np.stack([np.full((80, 120), 0.001), np.full((80, 120), 0.999)])
    np.testing.assert_array_equal(dense_crf(photograph(), sure, CRF(**DEEPLAB)), sure.astype(np.float32))
    assert (of_all_classes(photograph(), sure, DEEPLAB).argmax(0) == 1).all(), "as all classes would give"


def test_labels_follow_the_edge_of_the_photograph_and_sides_do_not_change_places() -> None:
    image = np.full((30, 90, 3), 200, np.uint8)
    image[:, 60:] = (40, 90, 20)
    left = np.broadcast_to(np.linspace(0.9, 0.1, 90), (30, 90))
    probs = np.stack([left, 1 - left])
    expected = np.broadcast_to(np.arange(90) >= 60, (30, 90))
    assert (probs.argmax(0) != expected).mean() > 0.1
    assert (crf_labels(image, probs, CRF(**DEEPLAB)) == expected).mean() > 0.99


def test_each_kernel_can_be_switched_off() -> None:
    probs = probabilities(3, present=3, absent_score=0.0)
    both = dense_crf(photograph(), probs, CRF(**DEEPLAB))
    for name in ("bilateral_weight", "gaussian_weight"):
        one = dense_crf(photograph(), probs, CRF(**DEEPLAB | {name: 0.0}))
        np.testing.assert_allclose(one, of_all_classes(photograph(), probs, DEEPLAB | {name: 0.0}), atol=1e-5)
        assert np.abs(one - both).max() > 0.1


def test_read_only_and_strided_arrays_are_taken_and_left_alone() -> None:
    image, probs = photograph(), probabilities(3, present=3, absent_score=0.0)
    expected = dense_crf(image, probs, CRF(**DEEPLAB))
    strided = np.asfortranarray(image)
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(probs, 0, 2)), 2, 0)
    for array in (strided, moved):
        array.flags.writeable = False
    np.testing.assert_array_equal(dense_crf(strided, moved, CRF(**DEEPLAB)), expected)


def test_scores_that_do_not_sum_to_one_are_normalised() -> None:
    probs = probabilities(3, present=3, absent_score=0.0)
    expected = dense_crf(photograph(), probs, CRF(**DEEPLAB))
    for factor in (0.02, 50):
        np.testing.assert_allclose(dense_crf(photograph(), probs * factor, CRF(**DEEPLAB)), expected, atol=1e-3)


def test_other_dtypes_shapes_and_values_are_refused() -> None:
    image, probs = photograph(), probabilities(3, present=3, absent_score=0.0)
    for wrong in (image.astype(np.float32), image.transpose(1, 0, 2), image[..., 0]):
        with pytest.raises(ValueError, match="photograph is"):
            dense_crf(wrong, probs, CRF(**DEEPLAB))
    for value in (np.nan, -0.1):
        broken = probs.copy()
        broken[0, 0, 0] = value
        with pytest.raises(ValueError, match="finite and not negative"):
            dense_crf(image, broken, CRF(**DEEPLAB))
