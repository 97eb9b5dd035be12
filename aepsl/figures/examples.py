"""Photographs that came out best, as most do, and worst."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.ndimage import distance_transform_edt

from aepsl.data.palette import voc_palette
from aepsl.data.void import VOID
from aepsl.figures.style import page, short, styled, title

NAMED = 0.01  # share of a picture from which on a region is named
EACH = 2

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Example:
    """A photograph (H, W, 3) uint8, its truth and its prediction (H, W), and how well they agree."""

    rank: str
    image: str
    iou: float
    photograph: npt.NDArray[np.uint8]
    truth: Labels
    prediction: Labels


def ranked(iou: npt.NDArray[np.float64]) -> list[tuple[str, int]]:
    """Up to two best, two at the median and two worst: (rank, index), best first, none twice, nan left out."""
    order = [int(i) for i in np.argsort(-iou, kind="stable") if not np.isnan(iou[i])]
    count = len(order)
    each = min(EACH, max(1, count // 3))
    middle = (count - each) // 2
    groups = [("best", order[:each]), ("worst", order[-each:]), ("median", order[middle : middle + each])]
    found: dict[int, str] = {}
    for rank, indices in groups:
        for index in indices:
            found.setdefault(index, rank)
    return [(found[index], index) for index in order if index in found]


@styled
def examples(shown: Sequence[Example], classes: Sequence[str]) -> Figure:
    """A row a photograph: itself, the truth, the prediction, its regions named. classes: with the background."""
    figure = page(0.5 + 1.55 * max(1, len(shown)))
    grid = figure.subplots(max(1, len(shown)), 3, squeeze=False)
    for row, one in zip(grid, shown, strict=False):
        pictures = (one.photograph, voc_palette()[one.truth], voc_palette()[one.prediction])
        names = (f"{one.rank}: {short(one.image)}", "ground truth", f"prediction, IoU {one.iou:.2f}")
        for axes, picture, name in zip(row, pictures, names, strict=True):
            axes.imshow(picture)
            axes.set_title(name, fontweight="normal")
        for axes, labels in zip(row[1:], (one.truth, one.prediction), strict=True):
            _name(axes, labels, classes)
    for axes in grid.ravel():
        axes.axis("off")
    found = "Best, median and worst validation photographs by their own mean IoU"
    title(figure, found if shown else "No mask of a validation photograph has a pixel to judge by")
    return figure


def _name(axes: Axes, labels: Labels, classes: Sequence[str]) -> None:
    """Write each region's class where the region is broadest."""
    for label in np.unique(labels):
        mask = labels == label
        if 0 < label < VOID and mask.mean() >= NAMED:
            depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
            row, column = divmod(int(depth.argmax()), depth.shape[1])
            outline = [withStroke(linewidth=2, foreground="black")]
            axes.text(
                column,
                row,
                short(classes[label], 16),
                color="white",
                ha="center",
                va="center",
                path_effects=outline,
                clip_on=True,
            )
