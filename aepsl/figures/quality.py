"""Mined regions and pseudo-labels, by how many rounds are merged, beside the control of equal area."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aepsl.figures.style import GREY, SERIES, key, page, styled, title

Merge = Mapping[str, Any]
"""An item of quality.json's `merges`."""
Measures = dict[str, tuple[str, ...]]
"""A panel's title → the keys that lead to what it shows."""


@styled
def regions(merges: Sequence[Merge], *, merged: int) -> Figure:
    """Coverage and precision of the merged regions; for scenes also the coverage of each part of the objects.

    merged: how many rounds make the pseudo-labels.
    """
    measures: Measures = {
        "coverage\n(mined share of the objects' pixels)": ("recall",),
        "precision\n(share of what is mined that is right)": ("precision",),
    }
    parts = merges[0]["mined"].get("coverage", {})
    for part in parts:
        measures[f"coverage: {part}"] = ("coverage", part)
    figure = page(5.0 if parts else 2.9)
    grid = figure.add_gridspec(2 if parts else 1, 6)  # halves above, thirds below
    panels = [figure.add_subplot(grid[0, :3]), figure.add_subplot(grid[0, 3:])]
    panels += [figure.add_subplot(grid[1, 2 * k : 2 * k + 2]) for k in range(len(parts))]
    _draw(panels, merges, "mined", measures, merged)
    title(figure, "Mined regions: does erasing find more of the objects than a lower threshold would?")
    key(figure, panels[0])
    return figure


@styled
def pseudo_labels(merges: Sequence[Merge], *, merged: int) -> Figure:
    """The label maps' mIoU, over all pixels and over the labelled ones, and the share that is labelled."""
    measures: Measures = {
        "mIoU\n(ignored pixels as background)": ("miou",),
        "mIoU\nof the labelled pixels": ("miou_labelled",),
        "labelled share\nof the pixels": ("labelled",),
    }
    figure = page(3.0)
    panels = [*figure.subplots(1, 3)]
    _draw(panels, merges, "pseudo_labels", measures, merged)
    title(figure, "Pseudo-labels: what the segmentation network learns from")
    key(figure, panels[0])
    return figure


def _draw(
    panels: Sequence[Axes],
    merges: Sequence[Merge],
    what: str,
    measures: Measures,
    merged: int,
) -> None:
    """A panel a measure: the merges of 1..T rounds, their controls, and the merge that was taken."""
    places = [one["rounds"] for one in merges]
    ticks = [f"{one['rounds']}\n{_percent(one['mined']['area'])}" for one in merges]
    for axes, (name, measure) in zip(panels, measures.items(), strict=True):
        axes.axvline(merged, color=GREY, linestyle=":", linewidth=1, label="merged here")
        own = [_number(one[what], measure) for one in merges]
        control = [_number(one["control"][what], measure) for one in merges]
        axes.plot(places, control, label="round 1 alone, equal area", **SERIES["before"])
        axes.plot(places, own, label="rounds 1 to t", **SERIES["main"])
        axes.set_ylim(0, 1.03)
        axes.set_xlim(min(places) - 0.3, max(places) + 0.3)
        axes.set_xticks(places, ticks)
        axes.set_title(name)
        axes.set_xlabel("rounds merged t\nmined share of a photograph (%)")


def _number(summary: Mapping[str, Any], measure: Sequence[str]) -> float:
    """None, such as the precision of an empty region, leaves a gap."""
    value: Any = summary
    for part in measure:
        value = value[part]
    return float("nan") if value is None else float(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"
