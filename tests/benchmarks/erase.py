"""The erase stage against bare decoding and encoding of the same pictures in as many processes."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl import erasing, stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry
from aepsl.data.palette import load_label_map
from aepsl.machine import Machine, usable_cpus
from aepsl.parallel import NICENESS
from aepsl.settings.stages import EraseSettings
from aepsl.stages import erase
from tests.benchmarks.measure import Finding, in_turn
from tests.benchmarks.scenes import drawn

SCENES, COPIES, SIZE, TURNS = 24, 10, 500, 7


def measure(folder: Path) -> list[Finding]:
    """Images a second of `erase.run` to those of PIL, which encodes the erased pictures too, but from memory."""
    path, manifest = drawn(folder, count=SCENES, size=SIZE)
    copies = [replace(entry, id=f"{entry.id}_{copy}") for copy in range(COPIES) for entry in manifest.entries]
    replace(manifest, entries=tuple(copies)).write(path)
    masks, pictures = folder / "masks.h5", {}
    with stores.create(masks, "masks", {}) as store:
        for entry in manifest.entries:
            truth = load_label_map(folder / "scenes" / "SegmentationClass" / f"{entry.id}.png")
            mined = {name: truth == manifest.classes.index(name) + 1 for name in entry.labels}
            for copy in range(COPIES):
                bytes_ = {name: mask.astype(np.uint8) * 255 for name, mask in mined.items()}
                store.add(f"{entry.id}_{copy}", bytes_, size=truth.shape)  # type: ignore[arg-type]
            pictures[entry.path] = erasing.erase(
                load_photograph(manifest.file(entry)),
                erasing.union(mined.values()),
                fill="mean",
                mean_pixel=manifest.mean_pixel or (),
                rng=np.random.default_rng(0),
            )
    workers = usable_cpus()
    (folder / "bare").mkdir()

    def recode(entry: Entry) -> None:
        with Image.open(manifest.file(entry)) as image:
            np.array(image.convert("RGB"))
        Image.fromarray(pictures[entry.path]).save(folder / "bare" / f"{entry.id}.png", compress_level=1)

    def stage() -> None:
        settings = EraseSettings(round=1, fill="mean", seed=None)
        output = folder / "erased" / "index.json"
        erase.run(settings, images=path, masks=masks, output=output, machine=Machine(workers=workers))

    def bare() -> None:
        with multiprocessing.get_context("fork").Pool(workers, _take, (recode,)) as pool:
            pool.map(_call, copies, chunksize=4)

    timed = in_turn(stage, bare, turns=TURNS)
    note = f"{len(copies) / timed.ours:.0f} to {len(copies) / timed.bare:.0f} images/s, {SIZE} px, {workers} processes"
    return [Finding("erase / decode and encode", 1 / timed.ratio, 0.85, note, more_is_better=True)]


_function: Callable[[Entry], None]


def _take(function: Callable[[Entry], None]) -> None:
    global _function
    _function = function
    os.nice(NICENESS)


def _call(entry: Entry) -> None:
    _function(entry)
