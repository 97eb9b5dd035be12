import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aepsl.pseudo_labels import parts, pseudo_label


def row(*values: int) -> np.ndarray:
    return np.array([values], bool)


# Six pixels: mined for cat and salient, mined for both, mined for dog and not salient, only salient, neither, mined for
# both and not salient.
CAT, DOG = row(1, 1, 0, 0, 0, 1), row(0, 1, 1, 0, 0, 1)
SALIENCY = np.array([[0.9, 0.9, 0.01, 0.9, 0.01, 0.01]], np.float32)


def test_conflicts_low_saliency_and_unassigned_are_ignored_and_the_rest_is_labelled() -> None:
    labels = pseudo_label({8: CAT, 12: DOG}, SALIENCY, background_threshold=0.06)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[8, 255, 255, 255, 0, 255]]


def test_parts_name_what_became_of_each_pixel() -> None:
    found = parts({8: CAT, 12: DOG}, SALIENCY, background_threshold=0.06)
    names = ["object", "conflict", "low_saliency", "unassigned", "background", "conflict"]
    assert {name: mask.tolist() for name, mask in found._asdict().items()} == {
        part: [[name == part for name in names]] for part in found._fields
    }


def test_saliency_at_the_threshold_is_not_low() -> None:
    saliency = np.array([[0.06, np.nextafter(np.float32(0.06), np.float32(0))]], np.float32)
    assert pseudo_label({}, saliency, background_threshold=0.06).tolist() == [[255, 0]]
    assert pseudo_label({3: row(1, 1)}, saliency, background_threshold=0.06).tolist() == [[3, 255]]


def test_image_without_mined_regions_has_background_and_ignored_pixels_only() -> None:
    assert pseudo_label({}, SALIENCY, background_threshold=0.06).tolist() == [[255, 255, 0, 255, 0, 0]]


def test_three_classes_on_a_pixel_conflict_too() -> None:
    everywhere = row(1, 1, 1, 1, 1, 1)
    labels = pseudo_label({1: everywhere, 2: everywhere, 3: everywhere}, SALIENCY, background_threshold=0.06)
    assert (labels == 255).all()


def by_the_rule(mined: dict[int, np.ndarray], saliency: np.ndarray, threshold: float) -> np.ndarray:
    labels = np.empty(saliency.shape, int)
    for pixel in np.ndindex(saliency.shape):
        found = [label for label, mask in mined.items() if mask[pixel]]
        low = saliency[pixel] < threshold
        if len(found) > 1:
            labels[pixel] = 255
        elif len(found) == 1:
            labels[pixel] = 255 if low else found[0]
        else:
            labels[pixel] = 0 if low else 255
    return labels


@given(st.integers(0, 2**32), st.sets(st.integers(1, 254), max_size=5), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_labels_and_parts_follow_the_rule_pixel_by_pixel(seed: int, classes: set[int], threshold: float) -> None:
    rng = np.random.default_rng(seed)
    mined = {label: rng.random((6, 7)) < 0.4 for label in classes}
    saliency = rng.random((6, 7))
    labels = pseudo_label(mined, saliency, background_threshold=threshold)
    np.testing.assert_array_equal(labels, by_the_rule(mined, saliency, threshold))
    found = parts(mined, saliency, background_threshold=threshold)
    np.testing.assert_array_equal(np.sum(found, axis=0), 1, "each pixel is in exactly one part")
    np.testing.assert_array_equal(found.conflict | found.low_saliency | found.unassigned, labels == 255)
    np.testing.assert_array_equal(found.background, labels == 0)


def test_bad_labels_shapes_and_saliency_are_refused() -> None:
    for label in (0, 255, -1, 300):
        with pytest.raises(ValueError, match=r"1\.\.254"):
            pseudo_label({label: CAT}, SALIENCY, background_threshold=0.06)
    with pytest.raises(ValueError, match="one shape"):
        pseudo_label({1: CAT.T}, SALIENCY, background_threshold=0.06)
    for value in (-0.1, 15.0, np.nan):
        with pytest.raises(ValueError, match="saliency is in"):
            pseudo_label({}, np.full((2, 2), value), background_threshold=0.06)
