"""Set two results side by side: settings that differ, IoU by class, the photographs that changed most.

A folder of results is that of a run, such as results or results/variants/plain. Text in the terminal; with --output a
page that needs nothing beside it, with the photographs and both predictions.
"""

import argparse
import base64
import html
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aepsl.data.images import load_photograph
from aepsl.data.manifest import Manifest
from aepsl.data.palette import load_label_map, voc_palette
from aepsl.errors import InputError
from aepsl.files import read_json, refuse_overwriting, write_text
from aepsl.pixel_counts import PixelCounts, interval, resampled
from aepsl.run_folder import RunFolder, judged

PHOTOGRAPH = "photograph"
SIDE = 240  # pixels of a picture in the page


@dataclass(frozen=True)
class Results:
    """What is compared of a run."""

    folder: Path
    miou: dict[str, Any]
    counts: PixelCounts
    settings: dict[str, str]
    """dotted name → value."""
    photographs: Path
    """Manifest of what is judged."""
    predictions: Path | None
    """Index of what is judged, where it is in the folder."""

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Raises InputError where a run has not come to its mIoU, or has other predictions since."""
        miou = read_json(folder / "miou.json")
        iou = miou.get("iou") if isinstance(miou, dict) else None
        known = [value for value in iou.values() if value is not None] if isinstance(iou, dict) else []
        if not known or not all(map(_is_number, [miou.get("miou"), *known])):
            raise InputError(f"{folder / 'miou.json'}: has no mIoU to compare")
        counts, told = PixelCounts.read(folder / "miou_images.csv"), RunFolder.around(folder)
        return cls(folder, miou, counts, dict(_flat(told.settings)), told.splits[1], judged(folder, miou))


@dataclass(frozen=True)
class Comparison:
    """Two results, and what a page and a text tell of them."""

    one: Results
    other: Results
    settings: list[tuple[str, str, str]]
    """name, value in one, in the other."""
    difference: float
    interval: list[float]
    """Central 95 % of the difference when the photographs are drawn anew, both results with the same ones."""
    classes: list[tuple[str, float | None, float | None]]
    images: list[tuple[str, float, float]]
    """id and mIoU over its own classes in one and the other, the largest change first."""


def options(parser: argparse.ArgumentParser) -> None:
    """The two folders."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("one", type=Path, help="a folder with miou.json")
    parser.add_argument("other", type=Path)
    parser.add_argument("--most", type=int, default=10, metavar="N", help="photographs that changed most (10)")
    parser.add_argument("--output", type=Path, metavar="HTML", help="a page in place of text")


def run(options: argparse.Namespace) -> None:
    """Print the comparison, or write its page."""
    found = compared(Results.read(options.one), Results.read(options.other), most=max(0, options.most))
    if options.output is None:
        print(as_text(found))
    else:
        refuse_overwriting(options.output, [], suffix=".html")
        write_text(options.output, as_page(found))


def compared(one: Results, other: Results, *, most: int) -> Comparison:
    """Raises InputError where the results are not of the same photographs."""
    a, b = one.counts, other.counts
    if not a.pairs_with(b):
        raise InputError(f"{one.folder} and {other.folder} judge different photographs; give results of the same ones")
    names = one.settings.keys() | other.settings.keys()
    values = [(name, one.settings.get(name, "-"), other.settings.get(name, "-")) for name in sorted(names)]
    draws = resampled(len(a.images))
    before, after = a.by_image(), b.by_image()
    changed = np.argsort(-np.abs(after - before), kind="stable")[:most]
    classes = list(dict.fromkeys([*one.miou["iou"], *other.miou["iou"]]))
    return Comparison(
        one,
        other,
        settings=[value for value in values if value[1] != value[2]] if one.settings and other.settings else [],
        difference=other.miou["miou"] - one.miou["miou"],
        interval=interval(b.mean_iou(draws) - a.mean_iou(draws)),
        classes=[(name, one.miou["iou"].get(name), other.miou["iou"].get(name)) for name in classes],
        images=[(a.images[i], float(before[i]), float(after[i])) for i in changed],
    )


def as_text(found: Comparison) -> str:
    """For the terminal."""
    lines = [f"{found.one.folder} → {found.other.folder}", "", f"  {_headline(found)}", "", "  settings"]
    lines += [f"    {name}: {a} → {b}" for name, a, b in found.settings] or ["    none that provenance.json tells of"]
    wide = max([5, *(len(name) for name, *_ in found.classes), *(len(name) for name, *_ in found.images)])
    for title, rows in (("IoU by class", found.classes), ("photographs that changed most, mIoU", found.images)):
        lines += ["", f"  {title}"]
        lines += [f"    {name:{wide}}  {_number(a)}  {_number(b)}  {_change(a, b)}" for name, a, b in rows]
    return "\n".join(lines)


def as_page(found: Comparison) -> str:
    """A page of HTML with its pictures in it."""
    escape = html.escape
    title = escape(f"{found.one.folder} → {found.other.folder}")
    one, other = (escape(str(results.folder)) for results in (found.one, found.other))
    settings = _table(("setting", one, other), [tuple(map(escape, row)) for row in found.settings])
    classes = _table(
        ("class", one, other, "change"),
        [
            (f"{_swatch(number)} {escape(name)}", _number(a), _number(b), _change(a, b))
            for number, (name, a, b) in enumerate(found.classes)
        ],
    )
    rows, sources = [], _sources(found)
    for name, a, b in found.images:
        pictures = "".join(
            f'<figure><img alt="{escape(name)}, {escape(what)}" src="{_embedded(_shown(what, files[name]))}">'
            f"<figcaption>{escape(what)}</figcaption></figure>"
            for what, files in sources
            if name in files
        )
        rows.append(f"<h3>{escape(name)}: {_number(a)} → {_number(b)}</h3><div>{pictures}</div>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(_headline(found))}</p><h2>Settings that differ</h2>{settings}"
        f"<h2>IoU by class</h2>{classes}<h2>Photographs that changed most</h2>{''.join(rows)}</html>\n"
    )


STYLE = (
    "body{font:16px/1.4 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "td,th{padding:.15rem .8rem;text-align:left;border-bottom:1px solid #ccc}table{border-collapse:collapse}"
    "figure{display:inline-block;margin:0 1rem 1rem 0}figcaption{text-align:center}"
)


def _swatch(label: int) -> str:
    """A square of the label's colour in the pictures."""
    red, green, blue = voc_palette()[label].tolist()
    return f'<span style="color:rgb({red},{green},{blue})">■</span>'


def _headline(found: Comparison) -> str:
    a, b = (_number(results.miou["miou"]) for results in (found.one, found.other))
    low, high = (100 * end for end in found.interval)
    return (
        f"mIoU {a} → {b}: {100 * found.difference:+.1f} points, [{low:+.1f}, {high:+.1f}] when the "
        f"{len(found.one.counts.images)} photographs are drawn anew (95 %)"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float | None) -> str:
    return "    -" if value is None else f"{value:.3f}"


def _change(a: float | None, b: float | None) -> str:
    return "" if a is None or b is None else f"{b - a:+.3f}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cell: str, values: tuple[str, ...]) -> str:
        return "<tr>" + "".join(f"<{cell}>{value}</{cell}>" for value in values) + "</tr>"

    return (
        f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>"
        if rows
        else "<p>None that provenance.json tells of.</p>"
    )


def _flat(value: Any, *names: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, *names, key)
    else:
        yield ".".join(names), str([_without_none(one) for one in value] if isinstance(value, list) else value)


def _without_none(value: Any) -> Any:
    """What an item of a list sets, such as one round of `erasing.per_round`."""
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


def _sources(found: Comparison) -> list[tuple[str, dict[str, Path]]]:
    """(what, image id → file) of the photographs and of both predictions, as far as they are there."""
    sources = [(PHOTOGRAPH, _files(found.one.photographs))]
    for results in (found.one, found.other):
        sources.append((str(results.folder), _files(results.predictions) if results.predictions else {}))
    return sources


def _files(index: Path) -> dict[str, Path]:
    if not index.is_file():
        return {}
    manifest = Manifest.read(index)
    return {entry.id: manifest.file(entry) for entry in manifest.entries}


def _shown(what: str, path: Path) -> np.ndarray:
    return load_photograph(path) if what == PHOTOGRAPH else voc_palette()[load_label_map(path)]


def _embedded(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    image.save(data, format="PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
