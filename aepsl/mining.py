"""What a round mines from: maps at the photographs' size, and the pixels that earlier rounds took."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from aepsl import erasing, stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.seeds import generator
from aepsl.upsampling import upsample

Size = tuple[int, int]
Maps = Callable[[Entry], tuple[Size, dict[str, np.ndarray]]]
"""Entry → size (H, W) of its photograph, and its labels' maps (H, W)."""


def maps_of(manifest: Manifest, cams: Sequence[Path], *, round: int, seed: int | None) -> Maps:
    """The maps of cams.h5, upsampled; where there is none, maps that say nothing: the control of the reading `random`.

    seed: of the maps that say nothing.
    """

    def stored(entry: Entry) -> tuple[Size, dict[str, np.ndarray]]:
        store = stores.opened(cams[0], "cams")
        size = store.size(entry.id)
        found = store.read(entry.id, names=entry.labels)
        return size, {name: upsample(map_, size=size) for name, map_ in found.items()}

    def noise(entry: Entry) -> tuple[Size, dict[str, np.ndarray]]:
        size = load_photograph(manifest.file(entry)).shape[:2]
        rng = generator(seed or 0, "random regions", round, entry.id)
        return size, {name: erasing.noise_map(size, rng) for name in entry.labels}

    return stored if cams else noise


def taken(entry: Entry, earlier: Sequence[Path], size: Size) -> np.ndarray:
    """Pixels (H, W) that earlier rounds mined: of the masks.h5 `earlier`."""
    found = [stores.opened(path, "masks").read(entry.id, names=entry.labels, size=size) for path in earlier]
    return erasing.union([mask > 0 for masks in found for mask in masks.values()], size=size)
