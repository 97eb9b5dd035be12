"""Judging saliency maps against masks. One image's levels say all: how many pixels of each kind have which value."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aepsl.data.void import VOID

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEVELS = np.arange(256) / 255
BETA_SQUARED = 0.3  # precision before recall, as all papers on salient objects since Achanta et al., CVPR 2009


def levels(saliency: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> Counts:
    """Pixels of one image by kind and value, int64 (3, 256): background, objects, void.

    saliency: (H, W), 255 for 1. truth: (H, W), 0 background, 255 void, anything else an object. Raises ValueError for
    other dtypes and for shapes that differ.
    """
    if saliency.shape != truth.shape or not saliency.dtype == truth.dtype == np.uint8:
        got = f"{saliency.dtype} {saliency.shape} and {truth.dtype} {truth.shape}"
        raise ValueError(f"saliency and truth are uint8 of one shape. Got: {got}")
    kind = np.where(truth == VOID, 2, truth > 0).astype(np.intp)
    cells = kind * 256 + saliency
    return np.bincount(cells.ravel(), minlength=3 * 256).astype(np.int64).reshape(3, 256)


def mean_absolute_error(found: Counts) -> float:
    """Mean over the images of the mean of |saliency − truth|, the truth 0 or 1, void left out. found: (N, 3, 256).

    Images that are all void are left out; nan when no image is left.
    """
    found = found[found[:, :2].any(axis=(1, 2))]
    errors = found[:, 0] @ LEVELS + found[:, 1] @ (1 - LEVELS)
    return float((errors / found[:, :2].sum((1, 2))).mean()) if len(found) else float("nan")


class FMeasure(NamedTuple):
    """F = (1 + β²)·P·R / (β²·P + R), β² = 0.3, of the mean precision P and the mean recall R."""

    value: float
    threshold: float
    """An object is what is at least this salient."""
    precision: float
    recall: float


def best_f_measure(found: Counts) -> FMeasure:
    """The greatest F-measure of all 256 thresholds; P and R are means over the images. found: (N, 3, 256).

    An image in which nothing is that salient counts with precision 0. Images without an object are left out; raises
    ValueError when no image is left.
    """
    found = found[found[:, 1].any(axis=1)]
    if not len(found):
        raise ValueError("no image has an object")
    salient = found[:, :2, ::-1].cumsum(2)[:, :, ::-1]
    hits = salient[:, 1]
    precision = (hits / np.maximum(salient.sum(1), 1)).mean(0)
    recall = (hits / hits[:, :1]).mean(0)
    both = BETA_SQUARED * precision + recall
    values = (1 + BETA_SQUARED) * precision * recall / np.where(both > 0, both, 1)
    best = int(values.argmax())
    return FMeasure(float(values[best]), float(LEVELS[best]), float(precision[best]), float(recall[best]))


class Background(NamedTuple):
    """What a background threshold gives, over all pixels but void ones; nan where there are none to divide by."""

    precision: float
    """Share of the low pixels that are background."""
    recall: float
    """Share of the background that is low."""
    area: float
    """Share of all pixels that is low."""
    objects_kept: float
    """Share of the objects that is not low."""

    @property
    def balanced(self) -> float:
        """Balanced accuracy: the mean of the share of the background that is low and of the objects that is not."""
        return (self.recall + self.objects_kept) / 2


def background(found: Counts, thresholds: float | Floats) -> Background:
    """Judge saliency < threshold as background. found: (N, 3, 256); thresholds: one for all images, or (N,)."""
    low = np.broadcast_to(thresholds, len(found))[:, None] > LEVELS
    kinds = found[:, :2].sum((0, 2))
    grounds, objects = (found[:, :2] * low[:, None]).sum((0, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return Background(
            precision=float(grounds / (grounds + objects)),
            recall=float(grounds / kinds[0]),
            area=float((grounds + objects) / kinds.sum()),
            objects_kept=float(1 - objects / kinds[1]),
        )
