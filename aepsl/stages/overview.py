"""A picture to look at first: some training images through the rounds, some validation images to the result."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aepsl import stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import BACKGROUND, Entry, Index, Manifest
from aepsl.data.palette import load_label_map, voc_palette
from aepsl.data.void import VOID
from aepsl.files import replacing
from aepsl.settings.stages import OverviewSettings
from aepsl.upsampling import upsample

INCHES = 1.5


def run(
    settings: OverviewSettings,
    *,
    train: Path,
    val: Path,
    erased: list[Path],
    cams: list[Path],
    saliency: Path,
    pseudo_labels: Path,
    predictions: Path,
    refined: list[Path],
    truth: Path | None,
    output: Path,
) -> None:
    """erased, cams: manifests of I_1..I_T and maps of all rounds. truth: folder of masks, where there are any.
    output: a PNG.
    """
    matplotlib.use("agg")
    training, validation = Manifest.read(train), Manifest.read(val)
    shown = _spread(training, settings.images), _spread(validation, settings.images)
    trained, predicted = ([entry.id for entry in entries] for entries in shown)
    seen, labels = [Index.of(path, trained) for path in erased], Index.of(pseudo_labels, trained)
    results = [Index.of(path, predicted) for path in (predictions, *refined)]
    width = 2 + len(refined) + (truth is not None)  # panels of a validation image
    columns = max(width, 2 * len(cams) + 2)
    beside = columns // width
    lines = -(-len(shown[1]) // beside)
    rows = len(shown[0]) + lines
    figure = Figure(figsize=(INCHES * columns, INCHES * rows), layout="constrained")
    figures: Any = figure.subfigures(2, 1, height_ratios=[len(shown[0]), lines])
    upper, lower = figures
    upper.suptitle("training: the images I of each round, where its classifier looks (H), and what becomes of it")
    lower.suptitle("the trained network's predictions")
    grid, drawn = upper.subplots(len(shown[0]), columns, squeeze=False), set[int]()
    for row, entry in zip(grid, shown[0], strict=True):
        drawn |= _training_row(row, entry, seen, cams, saliency, labels)
    for axes in lower.subplots(lines, columns, squeeze=False).ravel():
        axes.axis("off")
    grid = np.array(lower.axes).reshape(lines, columns)
    for number, entry in enumerate(shown[1]):
        first = number % beside * width
        row = grid[number // beside, first : first + width]
        drawn |= _validation_row(row, entry, validation, results, truth)
    names = dict(enumerate([BACKGROUND, *training.classes])) | {VOID: "ignored"}
    colours = [Patch(color=voc_palette()[label] / 255, label=names.get(label, str(label))) for label in sorted(drawn)]
    legend = lower.legend(handles=colours, loc="outside lower center", ncols=min(columns, len(colours)), fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a class may be called $1
    with replacing(output) as temporary:
        figure.savefig(temporary, format="png", dpi=80, metadata={"Software": None})


def _spread(manifest: Manifest, count: int) -> list[Entry]:
    """Images evenly over the list."""
    chosen = np.linspace(0, len(manifest.entries) - 1, min(count, len(manifest.entries))).astype(int)
    return [manifest.entries[index] for index in chosen]


def _training_row(
    row: np.ndarray, entry: Entry, seen: list[Index], cams: list[Path], saliency: Path, labels: Index
) -> set[int]:
    """Draw a training image; returns the labels in its pseudo-label."""
    for number, (images, maps) in enumerate(zip(seen, cams, strict=True), start=1):
        photograph = load_photograph(images.file(entry.id))
        read = stores.opened(maps, "cams").read(entry.id, names=entry.labels).values()
        found = [upsample(one / max(1.0, one.max()), size=photograph.shape[:2]) for one in read]
        _show(row[2 * number - 2], photograph, _title(entry) if number == 1 else f"I{number}")
        _show(row[2 * number - 1], photograph, f"H{number}" if len(read) < 2 else f"H{number}, highest")
        row[2 * number - 1].imshow(np.max(found, axis=0), cmap="inferno", alpha=0.65, vmin=0, vmax=1)
    grey = stores.opened(saliency, "saliency").read(entry.id, names=["saliency"])["saliency"]
    _show(row[-2], np.repeat(grey[..., None], 3, axis=2), "saliency")
    return _show_labels(row[-1], labels.file(entry.id), "pseudo-label")


def _validation_row(
    row: np.ndarray, entry: Entry, manifest: Manifest, results: list[Index], truth: Path | None
) -> set[int]:
    """Draw a validation image; returns the labels in its label maps."""
    _show(row[0], load_photograph(manifest.file(entry)), _title(entry))
    drawn = set[int]()
    for axes, labels, title in zip(row[1:], results, ["prediction", "after CRF"], strict=False):
        drawn |= _show_labels(axes, labels.file(entry.id), title)
    if truth is not None and entry.mask(truth).exists():
        drawn |= _show_labels(row[1 + len(results)], entry.mask(truth), "ground truth")
    return drawn


def _title(entry: Entry) -> str:
    """The image's id, for a closer look, and its labels."""
    return f"{entry.id}\n{', '.join(entry.labels)}"


def _show_labels(axes: Axes, path: Path, title: str) -> set[int]:
    labels = load_label_map(path)
    _show(axes, voc_palette()[labels], title)
    return set(np.unique(labels).tolist())


def _show(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=8, parse_math=False)  # a class may be called $1
    axes.axis("off")
