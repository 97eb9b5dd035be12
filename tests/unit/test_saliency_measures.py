"""How saliency maps are judged: by hand, and against torchmetrics."""

import numpy as np
import pytest
import torch
from torchmetrics.functional import mean_absolute_error as torch_mae
from torchmetrics.functional.classification import (
    binary_precision,
    binary_precision_recall_curve,
    binary_recall,
    multiclass_accuracy,
)

from aepsl.saliency.measures import LEVELS, background, best_f_measure, levels, mean_absolute_error

# One image of six pixels, one of two; 0.2 is 51.
ONE = np.array([[0, 51, 255], [204, 51, 0]], np.uint8)
ONE_TRUTH = np.array([[0, 0, 7], [1, 1, 255]], np.uint8)
TWO = np.array([[102, 102]], np.uint8)
TWO_TRUTH = np.array([[1, 0]], np.uint8)
BOTH = np.stack([levels(ONE, ONE_TRUTH), levels(TWO, TWO_TRUTH)])


def photographs(count: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    """Maps (H, W) that say something of their truth, and the truth with void pixels."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(count):
        truth = rng.choice([0, 0, 3, 255], (9, 8 + number)).astype(np.uint8)
        saliency = np.where(truth == 3, rng.integers(60, 256, truth.shape), rng.integers(0, 200, truth.shape))
        found.append((saliency.astype(np.uint8), truth))
    return found


def stacked(images: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.stack([levels(*image) for image in images])


def counted(images: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Saliency in 0..1 and truth 0, 1 of the pixels that are not void."""
    pairs = [(saliency[truth != 255], truth[truth != 255]) for saliency, truth in images]
    return [(torch.tensor(s.astype(np.float64) / 255), torch.tensor((t > 0).astype(np.int64))) for s, t in pairs]


def test_levels_count_background_objects_and_void_by_value() -> None:
    found = levels(ONE, ONE_TRUTH)
    assert {(kind, value): found[kind, value] for kind, value in np.argwhere(found).tolist()} == {
        (0, 0): 1,
        (0, 51): 1,
        (1, 51): 1,
        (1, 204): 1,
        (1, 255): 1,
        (2, 0): 1,
    }
    for wrong in (ONE / 255, ONE.T, ONE.astype(np.int64)):
        with pytest.raises(ValueError, match="uint8 of one shape"):
            levels(wrong, ONE_TRUTH)


def test_error_by_hand_is_the_mean_of_the_images_means() -> None:
    # 0 + 0.2 + 0 + 0.2 + 0.8 of five pixels, and 0.6 + 0.4 of two.
    assert mean_absolute_error(BOTH) == pytest.approx((1.2 / 5 + 1.0 / 2) / 2)


def test_f_measure_by_hand() -> None:
    # Up to 0.2: precision 3/4 and 1/2, recall 1 and 1; up to 0.4: 1 and 1/2, 2/3 and 1; to 0.8: 1 and 0, 2/3 and 0.
    found = best_f_measure(BOTH)
    precision, recall = 3 / 4, 5 / 6
    assert found == pytest.approx((1.3 * precision * recall / (0.3 * precision + recall), 52 / 255, precision, recall))


def test_background_by_hand() -> None:
    found = background(BOTH, 0.3)  # low: two of background and an object in ONE, nothing in TWO
    assert found == pytest.approx((2 / 3, 2 / 3, 3 / 7, 3 / 4))
    assert found.balanced == pytest.approx((2 / 3 + 3 / 4) / 2)
    own = background(BOTH, np.array([0.1, 0.5]))  # one of background in ONE, both in TWO
    assert own == pytest.approx((2 / 3, 2 / 3, 3 / 7, 3 / 4))
    assert background(BOTH, 51 / 255) == background(BOTH, 0.1), "what is at the threshold is not low"


def test_a_threshold_of_zero_takes_nothing_for_background() -> None:
    found = background(BOTH, 0.0)
    assert np.isnan(found.precision) and found[1:] == (0, 0, 1)


def test_errors_agree_with_torchmetrics() -> None:
    images = photographs()
    expected = np.mean([torch_mae(saliency, truth.double()).item() for saliency, truth in counted(images)])
    assert mean_absolute_error(stacked(images)) == pytest.approx(expected)


def test_f_measure_agrees_with_torchmetrics_at_every_threshold() -> None:
    images = photographs()
    curves = [
        binary_precision_recall_curve(saliency, truth, thresholds=torch.tensor(LEVELS))
        for saliency, truth in counted(images)
    ]
    # Nothing predicted: nan there, 0 here.
    precision = torch.stack([curve[0][:-1].nan_to_num() for curve in curves]).double().mean(0).numpy()
    recall = torch.stack([curve[1][:-1] for curve in curves]).double().mean(0).numpy()
    values = 1.3 * precision * recall / np.maximum(0.3 * precision + recall, 1e-12)
    found = best_f_measure(stacked(images))
    assert found.value == pytest.approx(values.max(), abs=1e-6)
    assert found.threshold == LEVELS[values.argmax()]
    assert 0.5 < found.value < 0.95


def test_background_agrees_with_torchmetrics() -> None:
    images = photographs()
    thresholds = np.linspace(0.2, 0.6, len(images))
    low = torch.cat([(s < t).long() for (s, _), t in zip(counted(images), thresholds, strict=True)])
    truth = torch.cat([1 - one for _, one in counted(images)])
    found = background(stacked(images), thresholds)
    assert found.precision == pytest.approx(binary_precision(low, truth).item())
    assert found.recall == pytest.approx(binary_recall(low, truth).item())
    assert found.area == pytest.approx(low.double().mean().item())
    assert found.balanced == pytest.approx(multiclass_accuracy(low, truth, num_classes=2, average="macro").item())


def test_the_truth_itself_is_without_error_and_its_inverse_with_all() -> None:
    truths = [truth for _, truth in photographs()]
    right = stacked([(np.where(truth == 0, 0, 255).astype(np.uint8), truth) for truth in truths])
    wrong = stacked([(np.where(truth == 0, 255, 0).astype(np.uint8), truth) for truth in truths])
    assert (mean_absolute_error(right), best_f_measure(right).value) == (0, 1)
    assert background(right, 0.5)[:2] == (1, 1) and background(right, 0.5).balanced == 1
    assert mean_absolute_error(wrong) == 1 and background(wrong, 0.5).balanced == 0


def test_images_that_are_all_void_or_without_objects_are_left_out() -> None:
    void = levels(ONE, np.full_like(ONE, 255))
    ground = levels(ONE, np.zeros_like(ONE))
    assert mean_absolute_error(np.stack([*BOTH, void])) == mean_absolute_error(BOTH)
    assert best_f_measure(np.stack([*BOTH, void, ground])) == best_f_measure(BOTH)
    assert np.isnan(mean_absolute_error(void[None]))
    with pytest.raises(ValueError, match="no image has an object"):
        best_f_measure(ground[None])
