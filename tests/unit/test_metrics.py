import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_precision_recall_curve,
    multiclass_confusion_matrix,
    multiclass_jaccard_index,
    multilabel_average_precision,
)

from aepsl.metrics import ThresholdSweep, average_precision, confusion_matrix, iou, mean_iou, pixel_accuracy

seeds = st.integers(0, 2**32)


def random_pair(seed: int, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Truth with void pixels and a prediction that is right about half of the time, every class in both."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (25, 40)).astype(np.uint8)
    guess = rng.integers(0, classes, (25, 40)).astype(np.uint8)
    prediction = np.where(rng.random((25, 40)) < 0.5, truth, guess).astype(np.uint8)
    truth[rng.random((25, 40)) < 0.1] = 255
    return truth, prediction


def test_confusion_matrix_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 1, 1, 0, 2]], np.uint8)
    found = confusion_matrix(truth, prediction, 3)
    assert found.dtype == np.int64
    assert found.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]], "rows are the truth; void is not counted"
    assert iou(found).tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert mean_iou(found) == pytest.approx(1 / 3)
    assert pixel_accuracy(found) == pytest.approx(3 / 5)


@pytest.mark.parametrize("seed", range(5))
def test_confusion_and_its_ratios_equal_torchmetrics(seed: int) -> None:
    truth, prediction = random_pair(seed)
    found = confusion_matrix(truth, prediction, 6)
    tensors = torch.from_numpy(prediction).long(), torch.from_numpy(truth).long()
    options = {"num_classes": 6, "ignore_index": 255}
    assert found.tolist() == multiclass_confusion_matrix(*tensors, **options).tolist()
    per_class = options | {"average": "none"}
    np.testing.assert_allclose(iou(found), multiclass_jaccard_index(*tensors, **per_class).numpy(), rtol=1e-6)
    assert mean_iou(found) == pytest.approx(float(multiclass_jaccard_index(*tensors, **options)), rel=1e-6)


def test_class_only_predicted_counts_zero_and_absent_class_is_left_out() -> None:
    truth, prediction = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    found = confusion_matrix(truth, prediction, 5)
    np.testing.assert_allclose(iou(found), [1, 1 / 2, 0, np.nan, np.nan])
    assert mean_iou(found) == pytest.approx(0.5), "(1 + 1/2 + 0) / 3"


def test_ratios_without_pixels_are_nan_and_warn_nobody() -> None:
    empty = confusion_matrix(np.full((2, 2), 255), np.zeros((2, 2), int), 3)
    assert empty.sum() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ratio in (iou, mean_iou, pixel_accuracy):
            assert np.isnan(ratio(empty)).all()


def test_ignored_prediction_is_background_only_when_asked_for() -> None:
    truth, prediction = np.array([0, 1, 1, 255], np.uint8), np.array([255, 255, 1, 255], np.uint8)
    with pytest.raises(ValueError, match="prediction"):
        confusion_matrix(truth, prediction, 2)
    assert confusion_matrix(truth, prediction, 2, ignored_as_background=True).tolist() == [[1, 0], [1, 1]]
    labelled = prediction != 255
    assert confusion_matrix(truth[labelled], prediction[labelled], 2).tolist() == [[0, 0], [0, 1]]


def test_labels_that_are_no_class_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="prediction"):
        confusion_matrix(np.array([0]), np.array([3]), 3, ignored_as_background=True)
    for label in (3, -1):
        with pytest.raises(ValueError, match="truth"):
            confusion_matrix(np.array([label]), np.array([0]), 3)
    with pytest.raises(ValueError, match="one shape"):
        confusion_matrix(np.zeros((2, 3), int), np.zeros((3, 2), int), 3)


def test_counts_of_a_large_data_set_do_not_wrap() -> None:
    many = confusion_matrix(np.zeros(5, np.uint8), np.zeros(5, np.uint8), 2) * (2**31)
    assert iou(many + np.array([[0, 5 * 2**31], [0, 0]]))[0] == 0.5


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_order_of_pixels_and_split_into_images_do_not_matter(seed: int) -> None:
    truth, prediction = random_pair(seed)
    whole = confusion_matrix(truth, prediction, 6)
    halves = confusion_matrix(truth[:9], prediction[:9], 6) + confusion_matrix(truth[9:], prediction[9:], 6)
    np.testing.assert_array_equal(whole, halves)
    np.testing.assert_array_equal(whole, confusion_matrix(truth.T, prediction.T, 6))
    assert whole.sum() == (truth != 255).sum()


def image_level(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random((60, 7)) < 0.3
    return np.round(rng.normal(size=(60, 7)) + labels, 1).astype(np.float32), labels


def vocap(recalls: np.ndarray, precisions: np.ndarray) -> float:
    """VOCap.m of the VOC 2012 development kit, line by line."""
    mrec = [0.0, *recalls, 1.0]
    mpre = [0.0, *precisions, 0.0]
    for i in reversed(range(len(mpre) - 1)):
        mpre[i] = max(mpre[i], mpre[i + 1])
    return sum((mrec[i] - mrec[i - 1]) * mpre[i] for i in range(1, len(mrec)) if mrec[i] != mrec[i - 1])


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_equals_voc_on_the_curve_of_torchmetrics(seed: int) -> None:
    scores, labels = image_level(seed)
    assert len(np.unique(scores)) < scores.size, "equal scores are part of the test"
    for found, score, positive in zip(average_precision(scores, labels), scores.T, labels.T, strict=True):
        curve = binary_precision_recall_curve(torch.from_numpy(score).sigmoid(), torch.from_numpy(positive).long())
        precisions, recalls = (values.numpy()[-2::-1] for values in curve[:2])
        assert found == pytest.approx(vocap(recalls, precisions), rel=1e-5)
    without = multilabel_average_precision(
        torch.from_numpy(scores).sigmoid(), torch.from_numpy(labels).long(), num_labels=7, average="none"
    )
    assert (average_precision(scores, labels) > without.numpy()).all(), "without the envelope it is less"


def test_average_precision_by_hand() -> None:
    scores = np.array([[4.0, 1], [3, 2], [2, 3], [1, 4]])
    labels = np.array([[0, 0], [1, 0], [0, 0], [1, 0]])
    found = average_precision(scores, labels)
    assert found[0] == pytest.approx(0.5) and np.isnan(found[1]), "precisions 1/2 and 2/4; a class without positives"
    perfect = average_precision(-scores, np.array([[1, 1], [1, 1], [1, 0], [1, 0]]) > 0)
    assert perfect.tolist() == [1.0, 1.0]
    assert average_precision(np.zeros((4, 1)), np.array([[1], [0], [0], [0]]))[0] == 0.25, "all scores equal"
    with pytest.raises(ValueError, match="Got"):
        average_precision(scores, labels[:, :1])
    with pytest.raises(ValueError, match="nan"):
        average_precision(scores * np.nan, labels)


THRESHOLDS = np.arange(60) / 60


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sweep_is_bit_identical_to_thresholding_separately(dtype: type) -> None:
    rng = np.random.default_rng(3)
    sweep = ThresholdSweep(6, THRESHOLDS)
    expected = np.zeros((60, 6, 6), np.int64)
    for seed in range(4):
        truth, best = random_pair(seed)
        score = rng.random(truth.shape).astype(dtype)
        score[:3] = rng.choice([*THRESHOLDS, 1.0], score[:3].shape)  # many scores that equal a threshold
        sweep.add(sweep.cells(truth, best, score))
        for k, threshold in enumerate(THRESHOLDS):
            above = score.astype(np.float32) > float(threshold)
            expected[k] += confusion_matrix(truth, np.where(above, best, 0), 6)
    found = sweep.confusions()
    assert found.dtype == np.int64 and sweep.counts.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


@given(seeds, st.sets(st.floats(0, 1, width=32), min_size=1, max_size=8), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_sweep_over_any_thresholds_counts_each_pixel_once(seed: int, thresholds: set[float], classes: int) -> None:
    truth, best = random_pair(seed, classes)
    score = np.random.default_rng(seed).random(truth.shape).round(1).astype(np.float32)
    sweep = ThresholdSweep(classes, sorted(thresholds))
    sweep.add(sweep.cells(truth, best, score))
    for threshold, found in zip(sorted(thresholds), sweep.confusions(), strict=True):
        expected = confusion_matrix(truth, np.where(score > threshold, best, 0), classes)
        np.testing.assert_array_equal(found, expected)


def test_sweep_refuses_what_it_cannot_count() -> None:
    truth, best = random_pair(0)
    score = np.zeros(truth.shape)
    sweep = ThresholdSweep(6, [0.5])
    for wrong in (score - 0.1, score + 1.1, score * np.nan):
        with pytest.raises(ValueError, match="scores are in"):
            sweep.cells(truth, best, wrong)
    with pytest.raises(ValueError, match="best class"):
        sweep.cells(truth, np.full_like(best, 255), score)
    with pytest.raises(ValueError, match="one shape"):
        sweep.cells(truth, best, score.T)
    with pytest.raises(ValueError, match="thresholds rise"):
        ThresholdSweep(6, [0.5, 0.5])
    assert sweep.counts.sum() == 0
