"""Judging label maps: VOC's confusion matrix and IoU, and average precision."""

import numpy as np
import numpy.typing as npt

from aepsl.data.void import VOID

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer]
PerClass = npt.NDArray[np.float64]


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
