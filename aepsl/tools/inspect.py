"""Look into one of the HDF5 files: what it is, how it was made, its statistics by class; or one of its images.

With an image id, what there is of that image in the file's round stands side by side: the photograph, what the round's
classifier saw, its heat map of each class, the mined regions, and what was erased. In the terminal, or with --output
as a PNG.
"""

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from aepsl.data.images import load_photograph
from aepsl.data.manifest import Manifest
from aepsl.data.palette import voc_palette
from aepsl.errors import InputError, first_of
from aepsl.files import refuse_overwriting, replacing
from aepsl.provenance import RECORDS, gathered_above, not_gathered
from aepsl.run_folder import RunFolder
from aepsl.stores import PIXELS, Reader
from aepsl.upsampling import upsample

MEASURES = {  # by kind, what a class's pictures are summed up to
    "cams": "share above a fifth of the maximum",
    "masks": "share mined",
    "saliency": "mean",
    "scores": "mean",
    "probabilities": "mean",
}
NARROWEST = 20  # characters of a picture in the terminal


class Panel(NamedTuple):
    """A picture with its title."""

    title: str
    picture: np.ndarray
    """uint8 (H, W, 3)."""


def options(parser: argparse.ArgumentParser) -> None:
    """The file, and the image."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, help="such as results/round2/masks.h5")
    parser.add_argument("image", nargs="?", help="image id")
    parser.add_argument("--output", type=Path, metavar="PNG", help="a picture of the image in place of the terminal's")


def run(options: argparse.Namespace) -> None:
    """Print what the file is, or show one image."""
    if options.output is not None:
        refuse_overwriting(options.output, [options.file], suffix=".png")
    with Reader(options.file) as store:
        if options.image is None:
            if options.output is not None:
                raise InputError("--output is for one image: give its id")
            print(summary(store))
            return
        panels = list(_panels(store, options.image))
    if not panels:
        raise InputError(f"{options.file}: image {options.image} has no pictures in it")
    if options.output is None:
        print(_in_terminal(panels, width=shutil.get_terminal_size().columns))
    else:
        _draw(panels, options.output)


def summary(store: Reader) -> str:
    """What the file is, how it was made, and a line a class."""
    about, ids = store.attributes, store.ids()
    size = store.path.stat().st_size / 1e6
    lines = [f"{store.path}: {about.get('title', store.kind)}", f"  {store.kind}, {len(ids)} images, {size:.1f} MB"]
    lines += [f"  {key}: {about[key]}" for key in ("units", "reading", "threshold") if key in about]
    lines += [f"  settings: {about['settings']}"] if "settings" in about else []
    lines += [f"  {line}" for line in _provenance(store.path)]
    values = _measured(store, ids)
    wide = max([5, *map(len, values)])
    lines += ["", f"  {'class':{wide}}  images   least  median    most   ({MEASURES[store.kind]})"]
    for name, found in values.items():
        least, median, most = np.percentile(found, [0, 50, 100])
        lines.append(f"  {name:{wide}}  {len(found):6}  {least:6.3f}  {median:6.3f}  {most:6.3f}")
    return "\n".join(lines)


def _measured(store: Reader, ids: list[str]) -> dict[str, list[float]]:
    """class → the measure of each image that has a picture of it, classes in the file's order."""
    found: dict[str, list[float]] = {str(name): [] for name in store.attributes.get("classes", [])}
    for image_id in ids:
        for name, picture in store.read(image_id).items():
            match store.kind:
                case "cams":
                    value = np.mean(picture > 0.2 * picture.max(initial=0))
                case "masks":
                    value = np.mean(picture > 0)
                case "saliency":
                    value = np.mean(picture / 255)
                case _:
                    value = np.mean(picture, dtype=float)
            found.setdefault(name, []).append(float(value))
    return {name: values for name, values in found.items() if values}


def _provenance(path: Path) -> Iterator[str]:
    """Of the file's record: its code and packages."""
    found = gathered_above(path)
    if found is None:
        return
    root, told = found
    try:
        one = told["products"].get(Path(os.path.relpath(path, root)).as_posix())
        if one is not None:
            packages = told["environments"][one["environments"][0]]["packages"]
            yield f"made by stage {one['stage']}, code {one['code']}, {json.dumps(packages)} ({RECORDS}.json)"
    except (KeyError, TypeError, AttributeError, IndexError):
        raise not_gathered(root) from None


def _panels(store: Reader, image_id: str) -> Iterator[Panel]:
    """What there is of an image around the file, in the order in which it came about."""
    if image_id not in store.ids():
        raise InputError(f"{store.path}: no image {image_id!r}; its images: {first_of(store.ids())}")
    size, round_, run = store.size(image_id), store.path.absolute().parent, RunFolder.around(store.path)
    photograph = next((found for split in run.splits if (found := _of_index(split, image_id)) is not None), None)
    if photograph is not None:
        yield Panel("photograph", photograph)
    ground = np.zeros((*size, 3), np.uint8) if photograph is None else photograph
    number = _number(round_)
    seen = _of_index(run.rounds[number - 1], image_id) if 1 < number <= len(run.rounds) else None
    if seen is not None:
        yield Panel("seen by the classifier", seen)
    beside = [path for kind in PIXELS if (path := store.path.with_name(f"{kind}.h5")).is_file()]
    for path in beside if store.path in beside else [store.path]:
        with Reader(path) as other:
            if image_id in other.ids():
                yield from _pictures(other, image_id, ground if seen is None else seen)
    erased = _of_index(round_ / "erased" / "index.json", image_id)
    if erased is not None:
        yield Panel("erased", erased)


def _pictures(store: Reader, image_id: str, ground: np.ndarray) -> Iterator[Panel]:
    """The file's pictures of an image over the photograph (H, W, 3)."""
    colours, classes = voc_palette(), list(store.attributes.get("classes", []))
    pictures = store.read(image_id)
    high = max((float(picture.max(initial=0)) for picture in pictures.values()), default=0.0)
    for name, picture in pictures.items():
        shown = upsample(picture.astype(np.float32), size=ground.shape[:2])
        match store.kind:
            case "masks":
                colour = colours[classes.index(name) + 1 if name in classes else 1]
                over = np.where((shown > 0)[..., None], 0.4 * ground + 0.6 * colour, ground)
                yield Panel(f"mined: {name}", over.astype(np.uint8))
            case "saliency":
                yield Panel("saliency", np.repeat(shown[..., None], 3, axis=2).astype(np.uint8))
            case "cams":  # each relative to its own maximum, as mining takes them
                yield Panel(f"cams: {name}", _heated(shown, ground, high=float(shown.max())))
            case _:
                yield Panel(f"{store.kind}: {name}", _heated(shown, ground, high=high))


def _heated(map_: np.ndarray, ground: np.ndarray, *, high: float) -> np.ndarray:
    """A map (H, W) from its least value to `high` as heat over a photograph."""
    from matplotlib import colormaps

    low = float(map_.min())
    heat = colormaps["inferno"]((map_ - min(low, 0)) / max(high - min(low, 0), 1e-9))[..., :3] * 255
    return (0.35 * ground + 0.65 * heat).astype(np.uint8)


def _of_index(index: Path, image_id: str) -> np.ndarray | None:
    """The image as an index has it, if it is there."""
    if not index.is_file():
        return None
    manifest = Manifest.read(index)
    entry = next((entry for entry in manifest.entries if entry.id == image_id), None)
    return None if entry is None else load_photograph(manifest.file(entry))


def _number(folder: Path) -> int:
    """The number of a round's folder, 0 of another."""
    digits = folder.name.removeprefix("round")
    return int(digits) if folder.name.startswith("round") and digits.isascii() and digits.isdigit() else 0


def _in_terminal(panels: list[Panel], *, width: int) -> str:
    """Panels side by side, two pixels a character: an upper half block in 24-bit colours."""
    across = max(1, width // (NARROWEST + 1))
    columns = max(1, width // min(across, len(panels)) - 1)
    lines = []
    for first in range(0, len(panels), across):
        row = panels[first : first + across]
        lines.append(" ".join(f"{panel.title[:columns]:{columns}}" for panel in row))
        small = [_shrunk(panel.picture, columns) for panel in row]
        for line in range(max(len(picture) for picture in small) // 2):
            lines.append(" ".join(_blocks(picture, line, columns) for picture in small))
    return "\n".join(lines)


def _shrunk(picture: np.ndarray, columns: int) -> np.ndarray:
    """(H, W, 3) → (even number, columns, 3)."""
    height = max(2, round(columns * picture.shape[0] / picture.shape[1] / 2) * 2)
    return np.asarray(Image.fromarray(picture).resize((columns, height), Image.Resampling.BOX))


def _blocks(picture: np.ndarray, line: int, columns: int) -> str:
    if 2 * line >= len(picture):
        return " " * columns
    pairs = zip(picture[2 * line].tolist(), picture[2 * line + 1].tolist(), strict=True)
    cells = ("\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*upper, *lower) for upper, lower in pairs)
    return "".join(cells) + "\x1b[0m"


def _draw(panels: list[Panel], output: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.use("agg")
    figure = Figure(figsize=(2.5 * len(panels), 2.7), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.imshow(panel.picture)
        axes.set_title(panel.title, fontsize=9, parse_math=False)
        axes.axis("off")
    with replacing(output) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
