"""Judging mined regions and label maps against ground truth: counts that add up over images, and what they say."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from aepsl.data.void import VOID
from aepsl.metrics import confusion_matrix, mean_iou, rounded

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PARTS = ("head", "body", "limb")


@dataclass
class _Sum:
    """Counts of one image or of many; `+=` adds another's."""

    def __iadd__(self, other: "_Sum"):  # type: ignore[no-untyped-def]
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


@dataclass
class RegionCounts(_Sum):
    """Mined regions against the truth, in pixels that are not void."""

    hits: int = 0
    """Mined for a class, and of that class."""
    mined: int = 0
    """Mined for a class; a pixel mined for two counts twice."""
    objects: int = 0
    """Of any class in the truth."""
    images: int = 0
    area: float = 0.0
    """Sum over the images of the share that is mined, void pixels too."""
    conflict: float = 0.0
    """Sum over the images of the share that is mined for several classes."""
    part_pixels: npt.NDArray[np.int64] | int = 0
    """Of each part of the objects, where parts are known."""
    part_mined: npt.NDArray[np.int64] | int = 0
    """Of these, mined."""

    @classmethod
    def of(cls, mined: Mapping[int, Mask], truth: Labels, parts: Labels | None) -> "RegionCounts":
        """One image: label → region (H, W) bool; truth (H, W), 255 void; parts (H, W) of 1 head, 2 body, 3 limb."""
        seen = truth != VOID
        times = sum((mask.astype(np.uint8) for mask in mined.values()), np.zeros(truth.shape, np.uint8))
        counts = cls(
            hits=sum(int((mask & (truth == label)).sum()) for label, mask in mined.items()),
            mined=sum(int((mask & seen).sum()) for mask in mined.values()),
            objects=int((seen & (truth > 0)).sum()),
            images=1,
            area=float((times > 0).mean()),
            conflict=float((times > 1).mean()),
        )
        if parts is not None:
            numbers = range(1, len(PARTS) + 1)
            counts.part_pixels = np.array([(parts == n).sum() for n in numbers])
            counts.part_mined = np.array([((parts == n) & (times > 0)).sum() for n in numbers])
        return counts

    def summary(self) -> dict[str, object]:
        """Precision and recall over all pixels, mean area and conflict of the images, coverage of each part."""
        result: dict[str, object] = {
            "precision": ratio(self.hits, self.mined),
            "recall": ratio(self.hits, self.objects),
            "area": ratio(self.area, self.images),
            "conflict": ratio(self.conflict, self.images),
        }
        if isinstance(self.part_pixels, np.ndarray) and isinstance(self.part_mined, np.ndarray):
            pairs = zip(PARTS, self.part_mined, self.part_pixels, strict=True)
            result["coverage"] = {name: ratio(mined, pixels) for name, mined, pixels in pairs}
        return result


@dataclass
class LabelCounts(_Sum):
    """Label maps with ignored pixels against the truth."""

    as_background: npt.NDArray[np.int64] | int = 0
    """Confusion matrix (C+1, C+1) with ignored pixels as background."""
    labelled: npt.NDArray[np.int64] | int = 0
    """Confusion matrix of the labelled pixels only."""
    share: float = 0.0
    """Sum over the images of the share that is labelled."""
    images: int = 0

    @classmethod
    def of(cls, labels: Labels, truth: Labels, classes: int) -> "LabelCounts":
        """One image: labels (H, W) with 255 ignored; classes: with the background."""
        kept = labels != VOID
        return cls(
            as_background=confusion_matrix(truth, labels, classes, ignored_as_background=True),
            labelled=confusion_matrix(truth[kept], labels[kept], classes),
            share=float(kept.mean()),
            images=1,
        )

    def summary(self) -> dict[str, object]:
        """Three figures, none of which says enough alone: ignoring more raises the second and lowers the third.

        `miou`: ignored pixels counted as background, the headline; `miou_labelled`: labelled pixels only; `labelled`:
        the labelled share.
        """
        assert isinstance(self.as_background, np.ndarray)
        assert isinstance(self.labelled, np.ndarray)
        return {
            "miou": rounded(mean_iou(self.as_background)),
            "miou_labelled": rounded(mean_iou(self.labelled)),
            "labelled": ratio(self.share, self.images),
        }


def ratio(part: float | np.integer, whole: float | np.integer) -> float | None:
    """part / whole, six decimals; None where whole is 0."""
    return round(float(part) / float(whole), 6) if whole else None
