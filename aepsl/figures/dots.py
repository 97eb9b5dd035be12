"""Dots by class: a row a class, a marker a series; many classes in two columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from aepsl.figures.style import LONGEST, SERIES, key, page, short, title

ROWS, ROW = 45, 0.18  # rows of one column, of which there are two where there are more, and a row's inches
NARROW = 16  # characters of a name in two columns


@dataclass(frozen=True)
class Series:
    """A value of each class, None where there is none. kind: `main`, `before` or `limit`."""

    name: str
    values: Sequence[float | None]
    kind: str


def dots(
    names: Sequence[str], beside: Sequence[str], series: Sequence[Series], *, text: str, label: str, limit: float
) -> Figure:
    """A figure of all classes. names: of the rows, from above, with what stands beside each; text: the title.

    label: of the axis 0..limit.
    """
    columns = 2 if len(names) > ROWS else 1
    length = NARROW if columns > 1 else LONGEST
    written = [f"{short(name, length)}  {value}" for name, value in zip(names, beside, strict=True)]
    rows = -(-len(names) // columns)
    figure = page(1.1 + ROW * max(rows, 3))
    panels = figure.subplots(1, columns, squeeze=False)[0]
    for column, axes in enumerate(panels):
        shown = slice(column * rows, (column + 1) * rows)
        places = range(len(written[shown]))
        for one in series:
            look = SERIES[one.kind] | {"linestyle": ""}
            known = [(v, y) for v, y in zip(one.values[shown], places, strict=True) if v is not None]
            axes.plot(*zip(*known, strict=True) if known else ((), ()), label=one.name, **look)
        axes.set_yticks(places, written[shown])
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_xlim(-0.02 * limit, 1.02 * limit)
        axes.set_xlabel(label)
    title(figure, text)
    key(figure, panels[0])
    return figure
