"""The result by class: IoU, and what is taken for what."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aepsl.figures.dots import Series, dots
from aepsl.figures.style import SHARES, page, short, styled, title

WRITTEN, NAMED = 25, 90  # classes up to which cells have room for their numbers, and all of the rows for their names
Result = Mapping[str, Any]
"""What miou.json holds."""


@styled
def iou(result: Result, *, refined: bool, ceiling: Result | None = None) -> Figure:
    """IoU of each class, best first, with and without the CRF; ceiling: of full supervision, where there is one.

    A class that is in neither truth nor prediction has none and stands last.
    """
    own = result["iou"]
    names = sorted(own, key=lambda name: -1.0 if own[name] is None else own[name], reverse=True)
    series = [Series(_said("after the CRF" if refined else "prediction", result), [own[n] for n in names], "main")]
    if refined:
        without = result["without_crf"]
        series.insert(0, Series(_said("without CRF", without), [without["iou"][n] for n in names], "before"))
    if ceiling:
        series.append(Series(_said("full supervision", ceiling), [ceiling["iou"].get(n) for n in names], "limit"))
    return dots(
        names,
        ["–" if own[name] is None else f"{own[name]:.2f}" for name in names],
        series,
        text=f"IoU by class on {result['images']:,} validation photograph{'s' * (result['images'] != 1)}",
        label="IoU",
        limit=1.0,
    )


def _said(name: str, result: Result) -> str:
    return f"{name}, mIoU {'–' if result['miou'] is None else format(result['miou'], '.3f')}"


@styled
def confusion(result: Result) -> Figure:
    """Of each class's pixels, a row, the share that is predicted as each class, in per cent."""
    names = [short(name) for name in result["iou"]]
    counted = np.array(result["confusion"], np.float64)
    total = counted.sum(1, keepdims=True)
    share = 100 * np.divide(counted, total, out=np.full_like(counted, np.nan), where=total > 0)
    size = 4 if len(names) > 60 else 6 if len(names) > WRITTEN else 7
    figure = page(min(7.0, max(3.0, 1.6 + 0.25 * len(names))))
    axes = figure.subplots()
    axes.grid(False)
    picture = axes.imshow(share, aspect="auto", cmap=SHARES, vmin=0, vmax=100)
    if len(names) <= WRITTEN:
        for (row, column), value in np.ndenumerate(share):
            if value >= 0.5:
                colour = "white" if value > 50 else "black"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=size)
    places = range(0, len(names), -(-len(names) // NAMED))
    axes.set_xticks(places, [names[place] for place in places], rotation=90, fontsize=size)
    axes.set_yticks(places, [names[place] for place in places], fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(picture, ax=axes, label="share of the row (%)")
    title(figure, "What is taken for what")
    return figure
