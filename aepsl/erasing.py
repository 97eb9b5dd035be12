"""Adversarial erasing on arrays: thresholds on attention maps, their union, and the fill (paper, Algorithm 1)."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Floats = npt.NDArray[np.floating]
Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Photograph = npt.NDArray[np.uint8]

Threshold = Literal["fraction_of_max", "top_pixels", "top_values"]
Fill = Literal["mean", "zero", "noise"]

NOISE_STD = 58.0
"""Of the fill `noise`, in grey levels: that of ImageNet's photographs (0.229 · 255)."""


def normalised(cam: Floats) -> Map:
    """max(H, 0) / max(H), float32 in [0, 1], of a map H of any shape; zeros where no value is positive.

    Raises ValueError when the map is empty or its maximum is not finite.
    """
    top = cam.max() if cam.size else np.nan
    if not np.isfinite(top):
        raise ValueError(f"a map has finite values and at least one. Got: shape {cam.shape}, maximum {top}")
    if top <= 0:
        return np.zeros(cam.shape, np.float32)
    positive: Map = (np.maximum(cam, 0) / top).astype(np.float32)
    return positive


def mine(cam: Floats, *, reading: Threshold, threshold: float) -> Mask:
    """Mined region F = [H > δ] of one class's map H (H, W): bool (H, W) (paper, Algorithm 1; switch `erasing.reading`).

    reading, with t = `threshold` in [0, 1]:
    `fraction_of_max`  H > t·max H. The readings `calibrated` and `random` are this one, with
                       `AreaCalibration.fraction`.
    `top_values`       H > (1 - t)·max H.
    `top_pixels`       the highest share t of the pixels: H above the value that comes after that many. Pixels equal to
                       it are all left out, so the share is at most t, rounded to whole pixels.

    Negative values count as 0, and a value of 0 is never mined. Comparisons are strict, in float32.
    Raises ValueError for another reading, a threshold outside [0, 1] or a map that is not finite.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is in [0, 1]. Got: {threshold}")
    height = normalised(cam)
    match reading:
        case "fraction_of_max":
            bound = np.float32(threshold)
        case "top_values":
            bound = np.float32(1 - threshold)
        case "top_pixels":
            bound = _highest_left_out(height, round(threshold * height.size))
        case _:
            raise ValueError(f"reading is fraction_of_max, top_pixels or top_values. Got: {reading!r}")
    return height > bound


def _highest_left_out(height: Map, count: int) -> np.float32:
    """The highest value beside the `count` highest; 0 when there is none."""
    if count >= height.size:
        return np.float32(0)
    place = height.size - 1 - count
    return np.float32(np.partition(height.ravel(), place)[place])


def noise_map(size: tuple[int, int], rng: np.random.Generator) -> Map:
    """A map that says nothing, float32 (H, W) in [0, 1]: white noise smoothed to blobs as large as those of CAMs."""
    smooth = gaussian_filter(rng.standard_normal(size), sigma=0.06 * max(size))
    return normalised(smooth - smooth.min())


class AreaCalibration:
    """Which fraction of max mines a given mean area of the images: the reading `calibrated` (method (d), no mask read).

    One pass over the images; each weighs the same, whatever its size. Fractions are k / `bins`.
    """

    def __init__(self, *, bins: int = 1000) -> None:
        if bins < 1:
            raise ValueError(f"bins is at least 1. Got: {bins}")
        self._fractions = (np.arange(bins) / bins).astype(np.float32)
        self._shares = np.zeros(bins + 1)
        self._images = 0

    def add(self, maps: Sequence[Floats], *, left_out: Mask | None = None) -> None:
        """Count one image: the maps (H, W) of its labels, in any scale; without labels it mines nothing.

        Pixels of `left_out` (H, W) are never mined, but belong to the image's area.
        Raises ValueError for maps or pixels left out that differ in shape.
        """
        if not maps:
            self._images += 1
            return
        shapes = {array.shape for array in (*maps, left_out) if array is not None}
        if len(shapes) > 1:
            raise ValueError(f"the maps of an image and what is left out have one shape. Got: {sorted(shapes)}")
        highest = reduce(np.maximum, map(normalised, maps))
        if left_out is not None:
            highest[left_out] = 0
        # Bin b holds what lies above exactly the first b fractions, strictly, as `mine` compares.
        bins = np.searchsorted(self._fractions, highest.ravel(), side="left")
        self._shares += np.bincount(bins, minlength=self._shares.size) / highest.size
        self._images += 1

    def include(self, other: "AreaCalibration") -> None:
        """Count the images of another calibration of as many bins too."""
        self._shares += other._shares
        self._images += other._images

    def fraction(self, target_area: float) -> float:
        """The fraction of max whose mean mined area, the union over an image's labels, is nearest to `target_area`.

        target_area: share of the image, in (0, 1). Of several fractions that are equally near, the largest.
        Raises ValueError when no image was added.
        """
        if not self._images:
            raise ValueError("no image was added: add each image's maps before asking for the fraction")
        bins = self._fractions.size
        nearest = bins - 1 - int(np.abs(self._areas() - target_area)[::-1].argmin())
        return nearest / bins

    def area(self, fraction: float) -> float:
        """The mean mined area, in [0, 1], at a fraction k / bins."""
        return float(self._areas()[round(fraction * self._fractions.size)])

    def _areas(self) -> npt.NDArray[np.float64]:
        """Of each fraction of max, in their order."""
        return self._shares[:0:-1].cumsum()[::-1] / self._images


def rounds_before_jump(losses: Sequence[tuple[float, float]], *, jump: float) -> int:
    """How many rounds come before the converged loss jumps: it tells when erasing went too far (paper, Fig. 6).

    losses: (converged loss, a constant predictor's loss) of each round. A round's loss jumps when it has gone more than
    `jump` of the way from the first round's to the constant predictor's (switch `erasing.jump`). The first never jumps.
    """
    (first, _), *others = losses
    for count, (loss, constant) in enumerate(others, start=1):
        if loss - first > jump * (constant - first):
            return count
    return len(losses)


def union(masks: Iterable[Mask], *, size: tuple[int, int] | None = None) -> Mask:
    """Pixels of any of the masks, bool (H, W). No mask gives an empty one of `size`, or ValueError without it."""
    masks = list(masks)
    if masks:
        any_: Mask = np.logical_or.reduce(masks)
        return any_
    if size is None:
        raise ValueError("the union of no mask has no size: pass size=(height, width)")
    return np.zeros(size, np.bool_)


def erase(
    photograph: Photograph, mask: Mask, *, fill: Fill, mean_pixel: Sequence[float], rng: np.random.Generator
) -> Photograph:
    """I \\ F: a copy of the photograph (H, W, 3) uint8, the pixels of `mask` (H, W) replaced (switch `erasing.fill`).

    `mean`: `mean_pixel`, RGB in 0..255, rounded (paper: the mean pixel of all training images). `zero`: black. `noise`:
    normal around the mean pixel with NOISE_STD, per pixel and channel, clipped.
    Only `noise` draws from `rng`. Raises ValueError for another fill or shapes that do not fit.
    """
    if photograph.shape != (*mask.shape, 3) or len(mean_pixel) != 3:
        raise ValueError(
            "photograph is (H, W, 3), mask (H, W) and mean_pixel (3,)."
            f" Got: {photograph.shape}, {mask.shape} and ({len(mean_pixel)},)"
        )
    match fill:
        case "mean":
            filling = np.asarray(mean_pixel, np.float64)
        case "zero":
            filling = np.zeros(3)
        case "noise":
            filling = rng.normal(mean_pixel, NOISE_STD, (np.count_nonzero(mask), 3))
        case _:
            raise ValueError(f"fill is mean, zero or noise. Got: {fill!r}")
    erased = photograph.copy()
    values = np.rint(filling).clip(0, 255).astype(np.uint8)
    for channel in range(3):  # a mask of all dimensions is several times as fast as one of fewer
        erased[..., channel][mask] = values[..., channel]
    return erased
