"""Score the predictions on the validation photographs: mIoU by VOC's rule, the headline."""

from pathlib import Path
from typing import Any

import numpy as np

from aepsl import metrics
from aepsl.data.manifest import Entry, Manifest, entries_by_id
from aepsl.data.palette import load_label_map, load_truth
from aepsl.files import write_json
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.prediction import BACKGROUND
from aepsl.settings.stages import EvaluateSettings


def run(
    settings: EvaluateSettings,
    *,
    images: Path,
    predictions: Path,
    refined: list[Path],
    truth: Path,
    output: Path,
    machine: Machine,
) -> None:
    """predictions: index of the network's own; refined: of those after the CRF, the headline where there are any.

    truth: folder of the masks. output: miou.json; fractions, not per cent.
    """
    manifest = Manifest.read(images)
    without = score(manifest, predictions, truth, machine)
    headline = score(manifest, refined[0], truth, machine) if refined else without
    write_json(
        output,
        {
            "rule": "voc",
            **headline,
            "without_crf": without,
            "chosen_on_ground_truth": settings.chosen_on_ground_truth,
        },
    )


def score(manifest: Manifest, index: Path, truth: Path, machine: Machine) -> dict[str, Any]:
    """One confusion matrix over all pixels that are not 255, and what follows from it."""
    found = Manifest.read(index)
    entries = entries_by_id(found, index, (entry.id for entry in manifest.entries))
    classes = (BACKGROUND, *manifest.classes)

    def compare(entry: Entry) -> np.ndarray:
        predicted = load_label_map(found.file(entries[entry.id]))
        expected = load_truth(truth, entry.id, size=predicted.shape, classes=len(classes))
        return metrics.confusion_matrix(expected, predicted, len(classes))

    confusion = sum(in_processes(compare, manifest.entries, workers=machine.workers), np.zeros((1, 1), np.int64))
    iou = metrics.iou(confusion)
    return {
        "miou": rounded(metrics.mean_iou(confusion)),
        "iou": {name: rounded(value) for name, value in zip(classes, iou, strict=True)},
        "pixel_accuracy": rounded(metrics.pixel_accuracy(confusion)),
        "images": len(manifest.entries),
        "confusion": confusion.tolist(),
    }


def rounded(value: float | None) -> float | None:
    """Six decimals, more than any measurement here carries; None for what is not a number."""
    return None if value is None or not np.isfinite(value) else round(float(value), 6)
