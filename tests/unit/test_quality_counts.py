"""Counts of mined regions and of label maps against the truth, by hand."""

import numpy as np
import pytest

from aepsl.metrics import rounded
from aepsl.quality import LabelCounts, RegionCounts, ratio

# Labels 1 and 2, 255 void; 12 pixels.
TRUTH = np.array([[0, 1, 1, 255], [0, 1, 2, 2], [0, 0, 2, 255]], np.uint8)
PARTS = np.array([[0, 1, 2, 0], [0, 2, 1, 3], [0, 0, 2, 0]], np.uint8)
ONE = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)  # bg, hit, void / hit, wrong class
TWO = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], bool)  # void / hit, hit


def test_regions_by_hand() -> None:
    counts = RegionCounts.of({1: ONE, 2: TWO}, TRUTH, None)
    assert (counts.hits, counts.mined, counts.objects, counts.images) == (4, 6, 6, 1)
    # Mined are 6 places of 12 (void ones too), 2 of them twice.
    assert counts.summary() == {
        "precision": round(4 / 6, 6),
        "recall": round(4 / 6, 6),
        "area": 0.5,
        "conflict": round(2 / 12, 6),
    }


def test_parts_by_hand() -> None:
    summary = RegionCounts.of({1: ONE, 2: TWO}, TRUTH, PARTS).summary()
    # Heads at (0, 1) and (1, 2), both mined; bodies at (0, 2), (1, 1), (2, 2), one mined; the limb at (1, 3), mined.
    assert summary["coverage"] == {"head": 1.0, "body": round(1 / 3, 6), "limb": 1.0}


def test_a_pixel_mined_for_the_wrong_class_is_no_hit() -> None:
    counts = RegionCounts.of({2: TRUTH == 1}, TRUTH, None)
    assert (counts.hits, counts.mined) == (0, 3)
    assert counts.summary()["precision"] == 0.0


def test_the_truth_itself_has_precision_and_recall_one() -> None:
    summary = RegionCounts.of({1: TRUTH == 1, 2: TRUTH == 2}, TRUTH, None).summary()
    assert (summary["precision"], summary["recall"], summary["conflict"]) == (1.0, 1.0, 0.0)


def test_without_a_region_precision_is_none_and_recall_zero() -> None:
    for mined in ({}, {1: np.zeros(TRUTH.shape, bool)}):
        summary = RegionCounts.of(mined, TRUTH, PARTS).summary()
        assert summary["precision"] is None
        assert (summary["recall"], summary["area"], summary["conflict"]) == (0.0, 0.0, 0.0)
        assert summary["coverage"] == {"head": 0.0, "body": 0.0, "limb": 0.0}


def test_pixels_add_up_over_images_and_areas_are_averaged_image_by_image() -> None:
    small = np.array([[1, 1]], np.uint8)
    total = RegionCounts()
    total += RegionCounts.of({1: ONE, 2: TWO}, TRUTH, PARTS)
    total += RegionCounts.of({1: np.array([[True, False]])}, small, np.array([[1, 2]], np.uint8))
    assert total.images == 2
    assert total.summary() == {
        "precision": round(5 / 7, 6),
        "recall": round(5 / 8, 6),
        "area": 0.5,  # 6 of 12 pixels and 1 of 2: an image counts once, whatever its size
        "conflict": round((2 / 12 + 0) / 2, 6),
        "coverage": {"head": 1.0, "body": 0.25, "limb": 1.0},
    }


def test_adding_leaves_what_is_added_as_it_was() -> None:
    one = RegionCounts.of({1: ONE}, TRUTH, PARTS)
    labels = LabelCounts.of(TRUTH % 255, TRUTH, 3)
    before = one.summary(), labels.summary()
    regions, maps = RegionCounts(), LabelCounts()
    for _ in range(3):
        regions += one
        maps += labels
    assert (one.summary(), labels.summary()) == before
    assert (regions.images, maps.images) == (3, 3)
    assert (regions.summary(), maps.summary()) == before  # three times the same image has the same shares


LABELS = np.array([[0, 1, 255, 1], [1, 255, 2, 0], [255, 0, 2, 255]], np.uint8)


def test_label_counts_by_hand() -> None:
    counts = LabelCounts.of(LABELS, TRUTH, 3)
    # truth → label: 0→0, 1→1, 1→255, void / 0→1, 1→255, 2→2, 2→0 / 0→255, 0→0, 2→2, void
    assert counts.labelled.tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert counts.as_background.tolist() == [[3, 1, 0], [2, 1, 0], [1, 0, 2]]
    summary = counts.summary()
    assert summary["miou"] == pytest.approx((3 / 7 + 1 / 4 + 2 / 3) / 3, abs=1e-6)
    assert summary["miou_labelled"] == pytest.approx((2 / 4 + 1 / 2 + 2 / 3) / 3, abs=1e-6)
    assert summary["labelled"] == pytest.approx(8 / 12, abs=1e-6)


def test_label_counts_add_up_as_one_picture_of_both_would() -> None:
    total = LabelCounts()
    total += LabelCounts.of(LABELS, TRUTH, 3)
    total += LabelCounts.of(TRUTH % 255, TRUTH, 3)
    both = LabelCounts.of(np.hstack([LABELS, TRUTH % 255]), np.hstack([TRUTH, TRUTH]), 3).summary()
    assert total.summary() == both
    # But pixels of images of other sizes weigh the same, and their labelled shares do not.
    total += LabelCounts.of(np.array([[255]], np.uint8), np.array([[0]], np.uint8), 3)
    assert total.summary()["labelled"] == pytest.approx((8 / 12 + 1 + 0) / 3, abs=1e-6)


def test_ignoring_all_is_no_virtue_in_the_headline() -> None:
    summary = LabelCounts.of(np.full_like(TRUTH, 255), TRUTH, 3).summary()
    assert summary["miou"] == pytest.approx((4 / 10 + 0 + 0) / 3, abs=1e-6)
    assert (summary["miou_labelled"], summary["labelled"]) == (None, 0.0)


def test_shares_of_nothing_are_none_and_numbers_have_six_decimals() -> None:
    assert ratio(0, 0) is None
    assert rounded(float("nan")) is None
    assert ratio(np.int64(2), np.int64(3)) == rounded(2 / 3) == 0.666667
