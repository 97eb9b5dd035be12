"""From mined regions and saliency to a label map, with the paper's three kinds of ignored pixels."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aepsl.data.void import VOID

Mask = npt.NDArray[np.bool_]

BACKGROUND = 0


class Parts(NamedTuple):
    """What an image falls into: five masks (H, W) of which each pixel is in exactly one (paper, section 3.2)."""

    conflict: Mask
    """Mined for several classes, whatever their saliency: ignored."""
    low_saliency: Mask
    """Mined for one class, but of low saliency: ignored."""
    unassigned: Mask
    """Salient, but not mined: ignored."""
    background: Mask
    """Of low saliency and not mined."""
    object: Mask
    """Salient and mined for one class."""


def parts(mined: Mapping[int, Mask], saliency: npt.NDArray[np.floating], *, background_threshold: float) -> Parts:
    """Sort the pixels of one image.

    mined: label (1..254) → region (H, W) bool, merged over the rounds. saliency: (H, W) in [0, 1]; what is less than
    `background_threshold` is low (0.06 for DRFI in the paper). It supplies background only and never adds an object.
    Raises ValueError for other labels, shapes that differ, or saliency outside [0, 1].
    """
    if unfit := [label for label in mined if not BACKGROUND < label < VOID]:
        raise ValueError(f"labels of mined regions are 1..254. Got: {unfit}")
    if shapes := {mask.shape for mask in mined.values()} - {saliency.shape}:
        raise ValueError(f"mined regions and saliency have one shape. Got: {shapes} and {saliency.shape}")
    if not (saliency.min(initial=0) >= 0 and saliency.max(initial=0) <= 1):
        raise ValueError(f"saliency is in [0, 1]. Got: {saliency.min()}..{saliency.max()}")
    classes = np.zeros(saliency.shape, np.uint8)
    for mask in mined.values():
        classes += mask
    none, one, low = classes == 0, classes == 1, saliency < background_threshold
    return Parts(
        conflict=classes > 1, low_saliency=one & low, unassigned=none & ~low, background=none & low, object=one & ~low
    )


def pseudo_label(
    mined: Mapping[int, Mask], saliency: npt.NDArray[np.floating], *, background_threshold: float
) -> npt.NDArray[np.uint8]:
    """The label map S = F ∪ B of one image, uint8 (H, W) (paper, section 3.2).

    0 is background, 255 ignored, anything else the label of the mined region.
    Ignored are pixels mined for several classes, mined ones of low saliency, and salient ones that were not mined.
    Arguments and errors as for `parts`.
    """
    found = parts(mined, saliency, background_threshold=background_threshold)
    labels = np.full(saliency.shape, VOID, np.uint8)
    labels[found.background] = BACKGROUND
    for label, mask in mined.items():
        labels[mask & found.object] = label
    return labels


class BackgroundCalibration:
    """The background threshold that needs no mask: where saliency best tells mined pixels from the others.

    Mined regions are a noisy picture of the objects: some miss, some are wrong. As long as that does not depend on
    saliency, the threshold of the greatest balanced accuracy is the same on them as on the objects themselves (Menon et
    al., "Learning from Corrupted Binary Labels via Class-Probability Estimation", ICML 2015). One pass over the images;
    counts of several add up.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((2, 256), np.int64)

    def add(self, mined: Mask, saliency: npt.NDArray[np.uint8]) -> None:
        """Count one image: the union of its mined regions (H, W), and its saliency (H, W), uint8, 255 for 1.

        Raises ValueError for another dtype and for shapes that differ.
        """
        if mined.shape != saliency.shape or saliency.dtype != np.uint8:
            raise ValueError(
                f"mined pixels and saliency have one shape, saliency is uint8. Got: {mined.shape} and {saliency.shape}"
                f" {saliency.dtype}"
            )
        for row, pixels in zip(self._counts, (saliency[~mined], saliency[mined]), strict=True):
            row += np.bincount(pixels, minlength=256)

    def include(self, other: "BackgroundCalibration") -> None:
        """Count the images of another calibration too."""
        self._counts += other._counts

    def threshold(self) -> float:
        """The threshold in (0, 1), halfway between two of the 256 values; of several equally good ones the lowest.

        Good is a great share of the other pixels below it and of the mined ones above. Raises ValueError where no pixel
        is mined, or each, or where no threshold does better than chance.
        """
        totals = self._counts.sum(1).tolist()
        if 0 in totals:
            raise ValueError(f"of {sum(totals)} pixels {totals[1]} are mined: none to tell from others")
        others, mined = self._counts.cumsum(1).tolist()
        # Python's integers: exact, so that equally good thresholds are equal.
        gains = [other * totals[1] - own * totals[0] for other, own in zip(others[:-1], mined[:-1], strict=True)]
        if max(gains) <= 0:
            raise ValueError("what is mined is no more salient than the rest")
        return (gains.index(max(gains)) + 0.5) / 255
