"""From score maps to label maps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from aepsl.prediction import candidates, label_map, probabilities, prohibited, stack, upsampled_scores


def random_scores(seed: int, *, channels: int = 6, size: tuple[int, int] = (4, 5), spread: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=spread, size=(channels, *size)).astype(np.float32)


@pytest.mark.parametrize(
    ("cells", "size"), [((5, 9), (33, 65)), ((5, 9), (17, 100)), ((4, 3), (4, 3)), ((9, 2), (5, 7))]
)
def test_upsampled_scores_equal_torchs_with_aligned_corners(cells: tuple[int, int], size: tuple[int, int]) -> None:
    scores = random_scores(0, size=cells)
    found = upsampled_scores(scores, size)
    assert (found.shape, found.dtype) == ((6, *size), np.float32)
    expected = F.interpolate(torch.from_numpy(scores)[None], size, mode="bilinear", align_corners=True)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    half = upsampled_scores(scores.astype(np.float16), size)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, found, atol=0.01)


@pytest.mark.parametrize("size", [(33, 65), (7, 40), (4, 5)])
def test_a_label_map_is_the_argmax_of_the_upsampled_scores_the_first_of_equal_ones(size: tuple[int, int]) -> None:
    scores = random_scores(5).round()
    scores[4] = scores[2]
    found = label_map(scores, size)
    assert (found.shape, found.dtype) == (size, np.uint8)
    np.testing.assert_array_equal(found, winners(scores, size))
    assert {2} <= set(found.ravel()) and 4 not in found


def test_probabilities_equal_torchs_softmax_even_for_huge_scores() -> None:
    for spread in (1, 300):
        scores = random_scores(1, spread=spread)
        expected = torch.from_numpy(scores).softmax(0)
        np.testing.assert_allclose(probabilities(scores), expected, atol=1e-6)


def winners(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return upsampled_scores(scores, size).argmax(0).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([0.01, 1.0, 20.0]), channels=st.integers(2, 8))
def test_leaving_out_all_but_the_candidates_never_changes_the_argmax(seed: int, spread: float, channels: int) -> None:
    scores = random_scores(seed, channels=channels, spread=spread)
    size = (9, 14)
    label_map = winners(scores, size)
    kept = candidates(scores, label_map)
    assert kept == sorted(set(kept))
    np.testing.assert_array_equal(np.array(kept)[winners(scores[kept], size)], label_map)


def test_candidates_are_background_winners_and_whatever_is_likely_somewhere() -> None:
    p = np.array([[0.0005, 0.0005], [0.5, 0.3], [0.4974, 0.6989], [0.0012, 0.0001], [0.0009, 0.0002]])[:, None]
    scores = np.log(p).astype(np.float32)
    assert candidates(scores, np.array([[1, 2]], np.uint8)) == [0, 1, 2, 3]
    assert candidates(scores, np.array([[1, 4]], np.uint8)) == [0, 1, 2, 3, 4]


def test_classes_below_the_threshold_win_no_pixel_and_others_keep_their_scores() -> None:
    scores = random_scores(2)
    scores[2] += 50  # would win everywhere
    class_scores = np.array([0.5, 0.099, 0.1, 0.9, 0.05], np.float32)
    before = scores.copy()
    found = prohibited(scores, class_scores, below=0.1)
    np.testing.assert_array_equal(scores, before)
    np.testing.assert_array_equal(found[[0, 1, 3, 4]], scores[[0, 1, 3, 4]])
    won = np.unique(winners(found, (20, 30)))
    assert not {2, 5} & set(won.tolist())
    assert {2, 5}.isdisjoint(candidates(found, winners(found, (20, 30))))
    assert np.isfinite(found.astype(np.float16)).all()  # as it is stored


def test_with_all_classes_prohibited_all_is_background_and_with_none_nothing_changes() -> None:
    scores = random_scores(3)
    class_scores = np.full(5, 0.3, np.float32)
    assert not winners(prohibited(scores, class_scores, below=0.5), (8, 8)).any()
    np.testing.assert_array_equal(prohibited(scores, class_scores, below=0.0), scores)
    np.testing.assert_array_equal(prohibited(scores, class_scores, below=0.3), scores)  # below, not at it


def test_a_stack_is_in_the_order_of_the_labels_whatever_the_names() -> None:
    classes = ("zebra", "ant", "mule")
    picture = {name: np.full((2, 3), n, np.float16) for n, name in enumerate(["mule", "background", "zebra"])}
    labels, scores = stack(picture, classes)
    assert labels.tolist() == [0, 1, 3]
    assert labels.dtype == np.uint8
    assert (scores.dtype, scores.shape) == (np.float32, (3, 2, 3))
    assert scores[:, 0, 0].tolist() == [1, 2, 0]
