"""Segment photographs with a trained network; its model file is all that is needed.

A mask is a PNG of label numbers in VOC's colours, 0 the background, upright and as large as its photograph, whose name
it has. Of a folder, all photographs below are taken, and the masks lie in the same folders below the output. A mask
that is there already is replaced.
"""

import argparse
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl import stores
from aepsl.compute import Compute
from aepsl.crf import dense_crf
from aepsl.data.images import load_photograph, resize, shrinkage
from aepsl.data.manifest import BACKGROUND
from aepsl.data.palette import save_label_map, voc_palette
from aepsl.data.walk import photographs
from aepsl.errors import InputError
from aepsl.files import refuse_overwriting, replacing
from aepsl.models import read_card
from aepsl.options import machine_of, machine_options
from aepsl.parallel import ahead, in_processes
from aepsl.prediction import candidates, label_map, probabilities, prohibited, upsampled_scores
from aepsl.progress import each
from aepsl.segmenting import Segmenting
from aepsl.settings.sections import CRF
from aepsl.settings.settings import load

DECODERS = 4  # threads; each may hold a photograph of images.MAX_PIXELS
LEAST_SIDE = 32
MOST_THREADS = 256
LONGEST_JPEG = 65_500  # pixels a side (libjpeg)

log = logging.getLogger(__name__)


def options(parser: argparse.ArgumentParser) -> None:
    """The photographs, the model, and what is made."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("photographs", type=Path, nargs="+", help="files and folders; hidden ones are left out")
    parser.add_argument("--model", type=Path, required=True, help="a segmenter, such as segmentation/model.safetensors")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="for the masks")
    parser.add_argument("--overlays", type=Path, metavar="FOLDER", help="for photographs under their masks, as JPEG")
    parser.add_argument(
        "--probabilities",
        type=Path,
        metavar="FILE",
        help="for the classes' probabilities before any CRF, at the network's resolution (HDF5)",
    )
    parser.add_argument(
        "--longest-side",
        type=int,
        metavar="PIXELS",
        help="larger photographs are segmented at this size; default: that of the photographs trained on (median)",
    )
    parser.add_argument(
        "--prohibit-below", type=float, default=0.0, metavar="V", help="leave out classes of less v (0..1)"
    )
    parser.add_argument("--crf", action="store_true", help="refine by a fully connected CRF, at that size too")
    parser.add_argument("--config", type=Path, help="a configuration with the CRF's settings; default: DeepLab's")
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without photographs that cannot be read")
    parser.add_argument("--cpu-threads", type=int, help="of the network; default: as it was trained; changes sums")
    machine_options(parser)


def run(options: argparse.Namespace) -> None:
    """Write the masks and what else is wanted; say at the end how many, and which classes were found."""
    crf = _crf(options)
    folders = [folder for folder in (options.output, options.overlays) if folder]
    found = photographs(options.photographs, without=folders)
    _check(options, folders, found)
    machine, segment = machine_of(options), _segmenter(options)
    side = options.longest_side or segment.card.longest_side
    names = (BACKGROUND, *segment.card.classes)
    skipped: list[str] = []

    def see(photograph: tuple[Path, Path]) -> tuple[Path, Path, tuple[int, int], np.ndarray] | None:
        name, path = photograph
        try:
            pixels = load_photograph(path)
            if options.overlays and max(pixels.shape) > LONGEST_JPEG:
                raise InputError(f"{path}: a side of more than {LONGEST_JPEG:,} pixels; do without --overlays")
        except InputError as error:
            if not options.skip_unreadable:
                raise
            log.warning("skipped: %s", error)
            skipped.append(str(error))
            return None
        return name, path, pixels.shape[:2], segment.view(pixels, longest_side=side)

    def scored(store: stores.Writer | None) -> Iterator[_Scored]:
        for seen in ahead(see, each(list(found.items()), "masks"), threads=min(DECODERS, machine.workers)):
            if seen is not None:
                name, path, size, view = seen
                scores, v = segment.scores(view)
                scores = prohibited(scores, v, below=options.prohibit_below)
                if store is not None:
                    shares = probabilities(scores).astype(np.float16)
                    store.add(name.as_posix(), dict(zip(names, shares, strict=True)), size=size)
                yield _Scored(name, path, size, scores)

    def make(one: _Scored) -> list[int]:
        photograph = load_photograph(one.path) if crf or options.overlays else np.empty(0)
        labels = label_map(one.scores, one.size)
        if crf:
            labels = refined(labels, one.scores, photograph, longest_side=side, crf=crf)
        save_label_map(options.output / f"{one.name}.png", labels)
        if options.overlays:
            save_overlay(options.overlays / f"{one.name}.jpg", photograph, labels)
        return [int(label) for label in np.unique(labels)]

    masks, holding = 0, Counter[int]()
    with _store(options, names) as store:
        for labels in in_processes(make, scored(store), workers=machine.workers):
            masks += 1
            holding.update(labels)
        if not masks:
            raise InputError(f"none of {len(skipped)} photographs can be read; the first: {skipped[0]}")
    classes = ", ".join(f"{names[label]} in {holding[label]}" for label in sorted(holding) if label) or "none"
    left_out = f"; {len(skipped)} skipped" if skipped else ""
    print(f"{masks} mask{'s' if masks > 1 else ''} in {options.output}; classes found: {classes}{left_out}")


@dataclass(frozen=True)
class _Scored:
    """A photograph's name, file, (height, width) and score maps (C+1, h, w)."""

    name: Path
    path: Path
    size: tuple[int, int]
    scores: np.ndarray


def refined(
    labels: np.ndarray, scores: np.ndarray, photograph: np.ndarray, *, longest_side: int | None, crf: CRF
) -> np.ndarray:
    """The label map (H, W) after the CRF, whose distances are pixels of the photograph shrunk to `longest_side`."""
    scale = shrinkage(labels.shape, longest_side)
    size = tuple(max(1, round(side * scale)) for side in labels.shape)
    kept = candidates(scores, labels)
    stored = scores[kept].astype(np.float16)  # as the stage `crf` finds them
    marginals = dense_crf(resize(photograph, size), probabilities(upsampled_scores(stored, size)), crf)
    return np.array(kept, np.uint8)[label_map(marginals, labels.shape)]


def save_overlay(path: Path, photograph: np.ndarray, labels: np.ndarray) -> None:
    """Write the photograph (H, W, 3), where there is no background half in the colour of its class, atomically."""
    shown, object_ = photograph.copy(), labels > 0
    shown[object_] = photograph[object_] // 2 + voc_palette()[labels[object_]] // 2
    with replacing(path, flushed=False) as temporary:
        Image.fromarray(shown).save(temporary, format="JPEG", quality=90)


def _crf(options: argparse.Namespace) -> CRF | None:
    if not options.crf:
        if options.config:
            raise InputError(f"--config {options.config}: nothing but the CRF's settings is read of it; add --crf")
        return None
    return load(options.config).crf if options.config else CRF()


def _check(options: argparse.Namespace, folders: list[Path], found: dict[Path, Path]) -> None:
    """Raises InputError where something is in the way of what is to be written."""
    if options.longest_side is not None and options.longest_side < LEAST_SIDE:
        raise InputError(f"--longest-side is at least {LEAST_SIDE}. Got: {options.longest_side}")
    if not 0 <= options.prohibit_below <= 1:
        raise InputError(f"--prohibit-below is in 0..1. Got: {options.prohibit_below}")
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: a file; give a folder")
    if options.cpu_threads is not None and not 1 <= options.cpu_threads <= MOST_THREADS:
        raise InputError(f"--cpu-threads is 1 to {MOST_THREADS}. Got: {options.cpu_threads}")
    if options.probabilities:
        refuse_overwriting(options.probabilities, [options.model, *found.values()], suffix=".h5")
    sources = {os.path.realpath(path.parent) for path in found.values()}
    for folder in folders:
        for name in found:
            if os.path.realpath((folder / name).parent) in sources:
                raise InputError(f"{(folder / name).parent}: a folder of photographs; give another one")


def _segmenter(options: argparse.Namespace) -> Segmenting:
    trained = read_card(options.model, "segmenter").settings.get("cpu_threads")
    trained = trained if isinstance(trained, int) and 1 <= trained <= MOST_THREADS else 2
    compute = Compute.on(machine_of(options), cpu_threads=options.cpu_threads or trained)
    segment = Segmenting.load(options.model, compute)
    if options.prohibit_below and not segment.has_branch:
        raise InputError(f"{options.model}: trained without PSL, so it has no v; do without --prohibit-below")
    return segment


def _store(options: argparse.Namespace, names: tuple[str, ...]) -> AbstractContextManager[stores.Writer | None]:
    if not options.probabilities:
        return nullcontext()
    about = {"title": "class probabilities", "classes": list(names), "units": "probability"}
    return stores.create(options.probabilities, "probabilities", about)
