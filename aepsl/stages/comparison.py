"""Set the runs side by side: the base and its variants, each over all seeds."""

from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from aepsl.errors import InputError
from aepsl.files import read_json, replacing, write_json, write_text
from aepsl.pixel_counts import PixelCounts, interval, resampled
from aepsl.settings.settings import BASE
from aepsl.settings.stages import ComparisonSettings

Samples = npt.NDArray[np.float64]  # mIoU of each of the bootstrap's samples

CEILING = "ceiling"
MEASURES = {
    "miou": "val mIoU",
    "without_crf": "without CRF",
    "labels": "pseudo-labels",
    "share": "share of the ceiling",
    "over_base": "over base",
}


def run(
    settings: ComparisonSettings,
    *,
    miou: list[Path],
    counts: list[Path],
    classifiers: list[Path],
    labels: list[Path],
    quality: list[Path],
    output: Path,
    table: Path,
    figure: Path,
) -> None:
    """miou, counts: of each of the settings' runs; labels: labels.json of those that have judged labels; classifiers,
    quality: of the base runs. Each in the order of the settings; labels and quality are empty where the training images
    have no masks.
    output: comparison.json. `variants`: name → measure → mean, spread (standard deviation over the seeds) and values by
    seed; `share` is of the variant called ceiling and `over_base` the difference in mIoU to the base, both of the same
    seed and the same photographs; the `interval` of `miou` and `over_base` is the central 95 % of their mean over the
    seeds when the photographs are drawn anew (bootstrap, 1,000 times, the same ones for both runs of a pair).
    `rounds`: what erasing found, by seed. table, figure: the same as Markdown and PNG.
    """
    judged = iter(labels)
    found: dict[str, dict[int, dict[str, Any]]] = {}
    counted: dict[str, dict[int, PixelCounts]] = {}
    for one, path, pixels in zip(settings.runs, miou, counts, strict=True):
        result = _read(path, "miou")
        if result["miou"] is None:
            raise InputError(f"{path}: no pixel of the masks is judged; there is nothing to compare")
        values = {"miou": result["miou"], "without_crf": result["without_crf"]["miou"], "iou": result["iou"]}
        if labels and one.labels != "truth":
            values["labels"] = _read(next(judged), "miou")["miou"]
        found.setdefault(one.variant or BASE, {})[one.seed] = values
        counted.setdefault(one.variant or BASE, {})[one.seed] = PixelCounts.read(pixels)
    variants = {}
    for name, own in counted.items():
        base, ceiling = (_pairs(own, counted.get(other, {})) for other in (BASE, CEILING))
        variants[name] = _variant(
            found[name],
            {seed: found[BASE][seed] for seed in base},
            {seed: found[CEILING][seed] for seed in ceiling},
        )
        _add_intervals(variants[name], own, base)
    seeds = list(found[BASE])
    rounds = [
        {"seed": seed, "map": [one["map"] for one in _read(path, "rounds")["rounds"]]}
        for seed, path in zip(seeds, classifiers, strict=True)
    ]
    for record, path in zip(rounds, quality, strict=bool(quality)):
        record |= _rounds(_read(path, "merges"))
    write_text(table, _table(variants, rounds))
    _draw(variants, figure)
    write_json(output, {"seeds": seeds, "variants": variants, "rounds": rounds})


def _read(path: Path, key: str) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict) or key not in value:
        raise InputError(f"{path}: has no {key}; remove it and run again")
    return value


def _variant(
    by_seed: dict[int, dict[str, Any]], base: dict[int, dict[str, Any]], ceiling: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """A variant's measures, paired with those seeds of the base and the ceiling that are given.

    A variant with a seed of its own, or with other photographs to judge, has no pair.
    """
    for seed, values in by_seed.items():
        if seed in ceiling:
            values["share"] = values["miou"] / ceiling[seed]["miou"] if ceiling[seed]["miou"] else None
        if seed in base:
            values["over_base"] = values["miou"] - base[seed]["miou"]
    rows = list(by_seed.values())
    measures = {name: _over_seeds([r[name] for r in rows]) for name in MEASURES if all(name in r for r in rows)}
    per_class = {name: [row["iou"][name] for row in rows] for name in rows[0]["iou"]}
    known = {name: [value for value in values if value is not None] for name, values in per_class.items()}
    return {**measures, "iou": {name: round(mean(values), 6) if values else None for name, values in known.items()}}


def _pairs(own: dict[int, PixelCounts], other: dict[int, PixelCounts]) -> dict[int, PixelCounts]:
    """Of another variant's seeds those in which it judges the same photographs."""
    return {seed: counted for seed, counted in other.items() if seed in own and counted.pairs_with(own[seed])}


def _add_intervals(variant: dict[str, Any], own: dict[int, PixelCounts], base: dict[int, PixelCounts]) -> None:
    """Add to a variant's mIoU, and to its difference to the base, what another draw of the photographs might give."""
    samples = {seed: _samples(counted) for seed, counted in own.items()}
    variant["miou"]["interval"] = interval(np.mean(list(samples.values()), axis=0))
    if "over_base" in variant:
        differences = [samples[seed] - _samples(counted) for seed, counted in base.items()]
        variant["over_base"]["interval"] = interval(np.mean(differences, axis=0))


def _samples(counted: PixelCounts) -> Samples:
    return counted.mean_iou(resampled(len(counted.images)))


def _over_seeds(measured: list[float | None]) -> dict[str, Any] | None:
    """None where no seed has a value; a seed without one, such as the precision of an empty region, is left out."""
    values = [value for value in measured if value is not None]
    if not values:
        return None
    return {
        "mean": round(mean(values), 6),
        "spread": round(stdev(values), 6) if len(values) > 1 else None,
        "values": [round(value, 6) for value in values],
    }


def _rounds(quality: dict[str, Any]) -> dict[str, Any]:
    """By number of rounds merged: the pseudo-labels' mIoU, that of the first round alone, the losses."""
    return {
        "loss": [one["loss"] for one in quality["rounds"]],
        "precision": [one["precision"] for one in quality["rounds"]],
        "merged": [one["pseudo_labels"]["miou"] for one in quality["merges"]],
        "first_alone": [one["control"]["pseudo_labels"]["miou"] for one in quality["merges"]],
        "auto": quality["auto"],
    }


def _table(variants: dict[str, Any], rounds: list[dict[str, Any]]) -> str:
    """Means and spreads in per cent, as Markdown."""
    lines = ["| run | " + " | ".join(MEASURES.values()) + " |", "|---" * (len(MEASURES) + 1) + "|"]
    for name, measures in variants.items():
        lines.append(f"| {name} | " + " | ".join(_cell(measures.get(measure)) for measure in MEASURES) + " |")
    titles = {
        "map": "val mAP of the round's classifier",
        "precision": "precision of the round's own region",
        "merged": "pseudo-labels of rounds 1 to t",
        "first_alone": "round 1 alone at equal area",
    }
    count = len(rounds[0]["map"])
    lines += ["", "| round t | " + " | ".join(str(t) for t in range(1, count + 1)) + " |", "|---" * (count + 1) + "|"]
    for key, title in titles.items():
        if key in rounds[0]:
            by_round = zip(*(one[key] for one in rounds), strict=True)
            lines.append(f"| {title} | " + " | ".join(_cell(_over_seeds(list(values))) for values in by_round) + " |")
    if "loss" in rounds[0]:
        ratios = [mean(one["loss"][t] / max(one["loss"][0], 1e-6) for one in rounds) for t in range(count)]
        lines.append("| converged loss, to the first's | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
        chosen = ", ".join(f"{one['auto']} (seed {one['seed']})" for one in rounds)
        lines += ["", f"`erasing.merge: auto` takes {chosen} rounds."]
    return "\n".join([*lines, ""])


def _cell(measure: dict[str, Any] | None) -> str:
    if measure is None:
        return "–"
    spread = "" if measure["spread"] is None else f" ± {100 * measure['spread']:.1f}"
    low, high = measure.get("interval", (None, None))
    between = "" if low is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * measure['mean']:.1f}{spread}{between}"


def _draw(variants: dict[str, Any], path: Path) -> None:
    """A row a variant: its mean as a bar, its seeds as dots."""
    names = list(variants)[::-1]
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(names)), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2, sharey=True), ("miou", "labels"), strict=True):
        for row, name in enumerate(names):
            if found := variants[name].get(measure):
                axes.barh(row, found["mean"], color="C0" if name == BASE else "0.8")
                axes.plot(found["values"], [row] * len(found["values"]), "k.", markersize=4)
            if found and name == BASE:
                axes.axvline(found["mean"], color="C0", linewidth=0.8)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("mIoU on validation images" if measure == "miou" else "mIoU of what was learned from")
        axes.grid(axis="x", alpha=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
