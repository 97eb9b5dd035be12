"""Judge saliency maps against masks: their error, their F-measure, and what background thresholds give.

Masks are PNGs named after the photographs: black and white, white for salient objects; or label maps with a palette, in
which 255 is void and all else but 0 an object.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from skimage.filters import threshold_minimum, threshold_multiotsu, threshold_otsu

from aepsl.data.images import load_photograph, opened
from aepsl.data.palette import load_truth
from aepsl.data.voc import listed_in
from aepsl.data.walk import pictures
from aepsl.errors import InputError
from aepsl.files import refuse_overwriting, write_json
from aepsl.machine import usable_cpus
from aepsl.metrics import rounded
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.saliency.external import external_map
from aepsl.saliency.measures import LEVELS, Background, background, best_f_measure, levels, mean_absolute_error
from aepsl.saliency.rbd import rbd

THRESHOLDS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5)
GREY = 0.05  # of a mask of black and white, on the contours

# Thresholds that a map's histogram, pixels (256,) by value, gives by itself; a last dark value belongs to the dark.
BIN = np.arange(1, 257) / 255
RULES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda pixels: pixels @ LEVELS / pixels.sum(),
    "twice the mean": lambda pixels: 2 * (pixels @ LEVELS) / pixels.sum(),
    "Otsu": lambda pixels: threshold_otsu(hist=(pixels, BIN)),
    "Otsu, first of three classes": lambda pixels: threshold_multiotsu(classes=3, hist=(pixels, BIN))[0],
    "valley": lambda pixels: threshold_minimum(hist=(pixels, BIN)),
}


def options(parser: argparse.ArgumentParser) -> None:
    """The photographs, their masks, and the method or the maps."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--images", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--masks", type=Path, required=True, help="folder of their masks")
    parser.add_argument("--list", type=Path, help="text file of the ids to judge; default: all photographs")
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument("--method", choices=["rbd"], default="rbd", help="the method to judge")
    judged.add_argument("--maps", type=Path, help="a folder of maps to judge instead, grey, named by id")
    parser.add_argument("--thresholds", type=float, nargs="+", default=THRESHOLDS, help="background thresholds")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--workers", type=int, default=usable_cpus(), help="processes; changes no result")


def run(options: argparse.Namespace) -> None:
    """Judge, print, and write the JSON file."""
    if wrong := [threshold for threshold in options.thresholds if not 0 < threshold <= 1]:
        raise InputError(f"--thresholds: saliency is in 0..1. Got: {wrong[0]:g}")
    photographs = _photographs(options.images, options.list)
    refuse_overwriting(options.output, [], suffix=".json")

    def judge(image_id: str) -> tuple[np.ndarray, float]:
        photograph = load_photograph(photographs[image_id])
        begun = time.process_time()
        found = external_map(options.maps, image_id, photograph.shape[:2]) if options.maps else rbd(photograph)
        seconds = time.process_time() - begun
        truth = _truth(options.masks, image_id, photograph.shape[:2])
        return levels(np.rint(found * 255).astype(np.uint8), truth), seconds

    judged = list(in_processes(judge, each(list(photographs), "saliency"), workers=options.workers))
    seconds = sum(one for _, one in judged) / len(judged)
    found = np.stack([one for one, _ in judged])
    if not found[:, 1].any():
        raise InputError(f"{options.masks}: none of these {len(found)} masks has an object")
    result = judgement(found, options.thresholds)
    write_json(options.output, result)
    print("\n".join(_table(result, seconds)))


def judgement(found: np.ndarray, thresholds: tuple[float, ...]) -> dict:  # type: ignore[type-arg]
    """All that is said of images' levels (N, 3, 256), as JSON takes it.

    `background` judges fixed thresholds, then rules that set one for each image (`threshold` is their mean) or, over
    all images, one for all; last the threshold of the greatest balanced accuracy, which only the masks can tell.
    """
    f = best_f_measure(found)
    images, together = found.sum(1), found.sum((0, 1))
    hindsight = max(LEVELS[1:], key=lambda level: background(found, level).balanced)
    rows = [_row(f"below {t:g}", background(found, t), t) for t in thresholds]
    for name, rule in RULES.items():
        own = np.array([_by(rule, pixels) for pixels in images])
        rows += [_row(f"{name}, each image", background(found, own), float(own.mean()))]
        one = _by(rule, together)
        rows += [_row(f"{name}, all images", background(found, one), one)]
    rows += [_row("best in hindsight", background(found, hindsight), float(hindsight))]
    return {
        "images": len(found),
        "mean_absolute_error": rounded(mean_absolute_error(found)),
        "f_measure": {name: rounded(value) for name, value in f._asdict().items()},
        "background": rows,
    }


def _by(rule: Callable[[np.ndarray], float], pixels: np.ndarray) -> float:
    """The rule's threshold in 0..1; 0, which takes nothing for background, where the histogram gives it none."""
    try:
        return min(1.0, float(rule(pixels)))
    except (ValueError, RuntimeError):
        return 0.0


def _row(rule: str, found: Background, threshold: float) -> dict[str, object]:
    values = {"threshold": threshold, **found._asdict(), "balanced_accuracy": found.balanced}
    return {"rule": rule, **{name: rounded(value) for name, value in values.items()}}


def _photographs(folder: Path, listed: Path | None) -> dict[str, Path]:
    """id → photograph, of a list or of all, in order."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of photographs")
    found: dict[str, Path] = {}
    for path in pictures(folder, below=False):
        if path.stem in found:
            raise InputError(f"{path}: another photograph has this name too, {found[path.stem].name}; keep one")
        found[path.stem] = path
    if not found:
        raise InputError(f"{folder}: no photograph in this folder")
    if listed is None:
        return found
    try:
        ids = [*dict.fromkeys(listed_in(listed))]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{listed}: the list cannot be read ({getattr(error, 'strerror', error)})") from None
    if missing := [image_id for image_id in ids if image_id not in found]:
        raise InputError(f"{listed}: {folder} has no photograph {missing[0]} ({len(missing)} missing)")
    if not ids:
        raise InputError(f"{listed}: the list names no image")
    return {image_id: found[image_id] for image_id in ids}


def _truth(folder: Path, image_id: str, size: tuple[int, ...]) -> np.ndarray:
    """The mask of an image, (H, W) uint8: 0 background, 255 void, else an object. Raises InputError."""
    path = folder / f"{image_id}.png"
    mask = load_truth(path, size=size, classes=256)
    with opened(path) as image:
        if image.mode == "P":
            return mask
    grey = ((mask > 0) & (mask < 255)).mean()
    if grey > GREY:
        raise InputError(
            f"{path}: {grey:.0%} of it is neither black nor white; a mask of salient objects is, and a label map has a"
            " palette: save it as one of them"
        )
    return (mask >= 128).astype(np.uint8)


def _table(result: dict, seconds: float) -> Iterator[str]:  # type: ignore[type-arg]
    f = result["f_measure"]
    yield f"{result['images']} images, {seconds:.3f} s of one core's time each"
    yield f"mean absolute error {result['mean_absolute_error']:.3f}"
    at = f"at {f['threshold']:.2f}: precision {f['precision']:.3f}, recall {f['recall']:.3f}"
    yield f"best F-measure      {f['value']:.3f}  ({at})"
    yield ""
    yield f"{'background':<42}{'threshold':>9}{'precision':>11}{'recall':>8}{'area':>7}{'balanced':>10}"
    for row in result["background"]:
        cells = [row[name] for name in ("threshold", "precision", "recall", "area", "balanced_accuracy")]
        shown = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        yield f"{row['rule']:<42}{shown[0]:>9}{shown[1]:>11}{shown[2]:>8}{shown[3]:>7}{shown[4]:>10}"
