"""Judging label maps: VOC's confusion matrix and IoU, the one-pass threshold sweep, and average precision."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aepsl.data.void import VOID

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer]
PerClass = npt.NDArray[np.float64]
Cells = tuple[npt.NDArray[np.intp], Counts]
"""Of a histogram, flattened: the cells that are not empty, and their counts."""


def confusion_matrix(truth: Labels, prediction: Labels, classes: int, *, ignored_as_background: bool = False) -> Counts:
    """Count pixels, int64 (C, C): rows are the truth, columns the prediction (VOC development kit, VOCevalseg).

    truth, prediction: labels 0..C-1 of one shape, any; 255 in the truth is void and not counted.
    ignored_as_background: 255 in the prediction counts as background (0). Otherwise it is refused; to judge labelled
    pixels only, pass `truth[labelled], prediction[labelled]`.
    Sum matrices over images before dividing. Raises ValueError for labels that are no class and for shapes that differ.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction have one shape. Got: {truth.shape} and {prediction.shape}")
    if ignored_as_background:
        prediction = np.where(prediction == VOID, 0, prediction)
    _check_labels("prediction", prediction, classes)
    counted = _counted(truth, classes)
    pairs = truth[counted].astype(np.intp) * classes + prediction[counted]
    return np.bincount(pairs, minlength=classes * classes).astype(np.int64).reshape(classes, classes)


def _counted(truth: Labels, classes: int) -> npt.NDArray[np.bool_]:
    counted: npt.NDArray[np.bool_] = truth != VOID
    _check_labels("truth", truth[counted], classes)
    return counted


def _check_labels(name: str, labels: Labels, classes: int) -> None:
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"labels of the {name} are 0..{classes - 1}. Got: {labels.min()}..{labels.max()}")


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> PerClass:
    """part / whole, nan where whole is 0."""
    ratio: PerClass = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)
    return ratio


def iou(confusion: Counts) -> PerClass:
    """TP / (TP + FP + FN) of each class, (C,); nan where it is in neither truth nor prediction."""
    hits = confusion.diagonal()
    return _ratio(hits, confusion.sum(0) + confusion.sum(1) - hits)


def mean_iou(confusion: Counts) -> float:
    """VOC's mIoU: the mean over the classes, background among them, a class only predicted counting 0.

    Left out is a class in neither truth nor prediction; nan when that holds for all.
    """
    found = iou(confusion)
    present = found[~np.isnan(found)]
    return float(present.mean()) if present.size else float("nan")


def pixel_accuracy(confusion: Counts) -> float:
    """Share of the counted pixels with the right label; nan without pixels."""
    return float(_ratio(confusion.trace(), confusion.sum()))


def rounded(value: float | None) -> float | None:
    """Six decimals, more than any measurement here carries; None for what is not a number."""
    return None if value is None or not np.isfinite(value) else round(float(value), 6)


def average_precision(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.bool_ | np.integer]) -> PerClass:
    """Area under each class's precision-recall curve over all its points, (C,); nan for a class without positives.

    scores: (N, C), one row an image; labels: (N, C) of 0 and 1. Equal scores are one point, so order does not matter.
    Precision at a recall is the best at that recall or beyond (VOCap of the VOC 2010-2012 development kits). The mean
    over the classes is the mAP.
    Raises ValueError for other shapes, and scores that are nan.
    """
    if scores.shape != labels.shape or scores.ndim != 2:
        raise ValueError(f"scores and labels are (N, C). Got: {scores.shape} and {labels.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores are numbers. Got: nan")
    columns = zip(scores.T, labels.T.astype(bool), strict=True)
    return np.array([_average_precision(*column) for column in columns], np.float64)


def _average_precision(scores: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    if not positive.any():
        return float("nan")
    order = (-scores).argsort(kind="stable")
    last_of_equals = np.append(np.diff(scores[order]) != 0, True)
    hits = positive[order].cumsum()[last_of_equals]
    precisions = hits / (np.flatnonzero(last_of_equals) + 1)
    envelope = np.maximum.accumulate(precisions[::-1])[::-1]
    return float((np.diff(hits, prepend=0) * envelope).sum() / hits[-1])


class ThresholdSweep:
    """Confusion matrices for many thresholds on a score from one pass over the images.

    A pixel is its best class where score > threshold, else background. `counts` is the histogram behind it, int64
    (C, C, T + 1) over truth, best class and the number of thresholds below the score.
    """

    def __init__(self, classes: int, thresholds: Sequence[float] | npt.NDArray[np.floating]) -> None:
        """`thresholds`: T, rising. Compared in float32, as NumPy compares float32 scores with Python numbers."""
        self.classes = classes
        self.thresholds = np.asarray(thresholds, np.float32)
        if self.thresholds.ndim != 1 or not (np.diff(self.thresholds) > 0).all():
            raise ValueError(f"thresholds rise. Got: {thresholds}")
        self.counts: Counts = np.zeros((classes, classes, self.thresholds.size + 1), np.int64)

    def cells(self, truth: Labels, best_class: Labels, score: npt.NDArray[np.floating]) -> Cells:
        """One image, to `add`: truth (H, W) with 255 as void, best class (H, W) and its score (H, W) in [0, 1].

        Raises ValueError for labels that are no class, scores outside [0, 1] and shapes that differ.
        """
        if not truth.shape == best_class.shape == score.shape:
            shapes = f"{truth.shape}, {best_class.shape} and {score.shape}"
            raise ValueError(f"truth, best class and score have one shape. Got: {shapes}")
        if not (score.min(initial=0) >= 0 and score.max(initial=0) <= 1):
            raise ValueError(f"scores are in [0, 1]. Got: {score.min()}..{score.max()}")
        _check_labels("best class", best_class, self.classes)
        counted = _counted(truth, self.classes)
        below = np.searchsorted(self.thresholds, score[counted].astype(np.float32), side="left")
        pairs = truth[counted].astype(np.intp) * self.classes + best_class[counted]
        counts = np.bincount(pairs * (self.thresholds.size + 1) + below)
        cells = np.flatnonzero(counts)
        return cells, counts[cells]

    def add(self, cells: Cells) -> None:
        """Count the cells of an image."""
        where, counts = cells
        self.counts.reshape(-1)[where] += counts

    def confusions(self) -> Counts:
        """The confusion matrix of each threshold, int64 (T, C, C), as `confusion_matrix` gives it."""
        above = self.counts[:, :, :0:-1].cumsum(2)[:, :, ::-1]
        confusions = np.moveaxis(above, 2, 0).copy()
        confusions[:, :, 0] += self.counts.sum((1, 2)) - confusions.sum(2)
        return confusions
