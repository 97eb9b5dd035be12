"""Score the predictions on the validation photographs: mIoU by VOC's rule, the headline."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aepsl import metrics
from aepsl.data.manifest import BACKGROUND, Entry, Index, Manifest
from aepsl.data.palette import load_label_map, load_truth
from aepsl.files import sha256, write_json
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.pixel_counts import PixelCounts, pixels_of
from aepsl.settings.stages import EvaluateSettings


def run(
    settings: EvaluateSettings,
    *,
    images: Path,
    predictions: Path,
    refined: list[Path],
    truth: Path,
    output: Path,
    counts: Path,
    machine: Machine,
) -> None:
    """predictions: index of the network's own; refined: of those after the CRF, the headline where there are any.

    truth: folder of the masks. output: miou.json; fractions, not per cent. counts: the headline's pixels by image and
    class (CSV).
    """
    manifest = Manifest.read(images)
    confusion, pixels = compared(manifest, predictions, truth, machine)
    without = headline = score(manifest, confusion)
    for index in refined:
        confusion, pixels = compared(manifest, index, truth, machine)
        headline = score(manifest, confusion)
    pixels.write(counts)
    write_json(
        output,
        {
            "rule": "voc",
            **headline,
            "without_crf": without,
            "predictions": sha256((refined or [predictions])[0]),
            "chosen_on_ground_truth": settings.chosen_on_ground_truth,
        },
    )


def compared(
    manifest: Manifest, index: Path, truth: Path, machine: Machine
) -> tuple[npt.NDArray[np.int64], PixelCounts]:
    """The predictions of an index against the truth: one confusion matrix over all images, and each image's pixels."""
    found = Index.of(index, (entry.id for entry in manifest.entries))
    classes = (BACKGROUND, *manifest.classes)

    def compare(entry: Entry) -> npt.NDArray[np.int64]:
        predicted = load_label_map(found.file(entry.id))
        expected = load_truth(entry.mask(truth), size=predicted.shape, classes=len(classes))
        return metrics.confusion_matrix(expected, predicted, len(classes))

    total, pixels = np.zeros((len(classes), len(classes)), np.int64), []
    for confusion in in_processes(compare, manifest.entries, workers=machine.workers):
        total += confusion
        pixels.append(pixels_of(confusion))
    return total, PixelCounts(tuple(entry.id for entry in manifest.entries), classes, np.stack(pixels, axis=1))


def score(manifest: Manifest, confusion: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What follows from one confusion matrix over all images."""
    classes = (BACKGROUND, *manifest.classes)
    iou = metrics.iou(confusion)
    return {
        "miou": metrics.rounded(metrics.mean_iou(confusion)),
        "iou": {name: metrics.rounded(value) for name, value in zip(classes, iou, strict=True)},
        "pixel_accuracy": metrics.rounded(metrics.pixel_accuracy(confusion)),
        "images": len(manifest.entries),
        "skipped": manifest.skipped,
        "confusion": confusion.tolist(),
    }
