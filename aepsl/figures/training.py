"""How the networks learned: the rounds' classifiers and the segmentation network."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aepsl.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHTEST,
    MARKERS,
    ORDERED,
    VERMILLION,
    key,
    page,
    styled,
    title,
)

History = Sequence[Mapping[str, float]]
"""A record an epoch: its number from 1 and its mean losses."""

TERMS = {
    "loss": ("sum of the terms", BLACK, "o", "-"),
    "seed": ("on the pseudo-labels S", BLUE, "s", "--"),
    "online": ("on the network's own labels Ŝ", VERMILLION, "^", "-."),
    "branch": ("classification branch", GREEN, "D", ":"),
}


@styled
def rounds(histories: Sequence[History], *, merged: int, loss: str) -> Figure:
    """Loss by epoch of each round's classifier; beside it the converged losses, as in the paper's Fig. 6.

    histories: of rounds 1..T, the last records with `converged_loss` and `constant_loss`. merged: how many rounds make
    the pseudo-labels. loss: what it is, for the axes.
    """
    figure = page(2.9)
    learning, converged = figure.subplots(1, 2)
    colours = matplotlib.colormaps[ORDERED]
    for t, history in enumerate(histories, start=1):
        learning.plot(
            [one["epoch"] for one in history],
            [one["loss"] for one in history],
            color=colours(LIGHTEST * (t - 1) / max(1, len(histories) - 1)),
            marker=MARKERS[(t - 1) % len(MARKERS)],
            markevery=max(1, len(history) // 6),
            label=f"round {t}",
        )
    _epochs(learning, max(len(history) for history in histories))
    learning.set_ylabel(f"training loss ({loss})")
    learning.set_title("each round's classifier, by epoch")
    places, last = range(1, len(histories) + 1), [history[-1] for history in histories]
    constant = last[-1]["constant_loss"]  # one for all rounds, as their labels are
    converged.axhline(constant, color=GREY, linestyle="--")
    found = [one["converged_loss"] for one in last]
    converged.plot(places, found, color=BLUE, label="_loss")
    for name, shown, face in (("merged", slice(merged), BLUE), ("not merged", slice(merged, None), "white")):
        converged.plot(places[shown], found[shown], "o", color=BLUE, markerfacecolor=face, label=name)
    converged.annotate(
        "constant prediction: the classes' frequencies",
        (1.0, constant),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        color=GREY,
    )
    converged.set_ylim(0, 1.15 * max(constant, *found))
    converged.set_xticks(places)
    converged.set_xlim(0.7, len(histories) + 0.3)
    converged.set_xlabel("round")
    converged.set_ylabel(f"converged loss ({loss})")
    converged.set_title("after the last epoch, on whole images")
    if merged < len(histories):
        converged.legend(loc="lower right")
    title(figure, "Does what is left of the objects still tell their classes?")
    key(figure, learning, columns=5)
    return figure


@styled
def segmentation(history: History) -> Figure:
    """The segmentation network's loss by epoch; with PSL also its three terms."""
    figure = page(2.9)
    axes = figure.subplots()
    terms = [name for name in TERMS if name in history[0]]
    for name in terms:
        label, colour, marker, line = TERMS[name]
        axes.plot(
            [one["epoch"] for one in history],
            [one[name] for one in history],
            color=colour,
            marker=marker,
            linestyle=line,
            markevery=max(1, len(history) // 12),
            label=label if len(terms) > 1 else "cross-entropy",
        )
    _epochs(axes, len(history))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("training loss (cross-entropy, nats)")
    title(figure, "Segmentation network: loss by epoch")
    key(figure, axes)
    return figure


def _epochs(axes: Axes, count: int) -> None:
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, count + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylim(bottom=0)
