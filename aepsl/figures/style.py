"""How all figures of the report look: for a page 7 inches wide, safe for the colour-blind, legible in grey."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aepsl.files import replacing

WIDTH = 7.0  # inches, within the margins of a page
LONGEST = 24  # characters of a name beside an axis

# Okabe and Ito, "Color Universal Design" (2008). What differs in colour differs in its marker or its line, too.
BLACK, BLUE, VERMILLION, ORANGE, GREEN, SKY = "#000000", "#0072B2", "#D55E00", "#E69F00", "#009E73", "#56B4E9"
GREY = "#767676"
SERIES: dict[str, dict[str, Any]] = {
    "main": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "before": {"color": VERMILLION, "marker": "s", "markerfacecolor": "white", "linestyle": "--"},
    "limit": {"color": BLACK, "marker": "D", "markerfacecolor": "white", "linestyle": ":"},
}
ORDERED, LIGHTEST = "viridis", 0.55  # of things with an order: from dark to light for every eye, and in grey
SHARES = "Blues"  # from nothing, white, to all
MARKERS = "os^Dv<>ph*"

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "figure.titlesize": 9,
    "figure.titleweight": "bold",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "text.parse_math": False,  # a class may be called $1
    "svg.fonttype": "path",  # looks the same everywhere
    "svg.hashsalt": "aepsl",  # equal figures, equal bytes
    "savefig.facecolor": "white",
}

styled = matplotlib.rc_context(STYLE)
"""Decorates what draws."""


def page(height: float) -> Figure:
    """An empty figure as wide as a page; height in inches."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as its name says, SVG or PNG, atomically; equal figures give equal bytes."""
    kind = path.suffix.removeprefix(".")
    unset = {"svg": ("Date", "Creator"), "png": ("Software",)}[kind]
    with replacing(path) as temporary, matplotlib.rc_context(STYLE):
        figure.savefig(temporary, format=kind, dpi=150, metadata=dict.fromkeys(unset))


def short(name: str, length: int = LONGEST) -> str:
    """A name for a narrow place."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def key(figure: Figure, axes: Axes, *, columns: int = 4) -> None:
    """The legend of an axes, below all panels."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(columns, len(names)))


def title(figure: Figure, text: str) -> None:
    """What the figure shows, in bold above it."""
    figure.suptitle(textwrap.fill(text, 95))
