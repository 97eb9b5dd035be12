"""Files of every kind, with names that a viewer could stumble over."""

from pathlib import Path

import numpy as np

from aepsl import stores

SHOWN = {  # a class's name and how the viewers show it
    "cat": "cat",
    "a/b": "a%2Fb",
    "100 %": "100 %25",
    ".hidden": "%2Ehidden",
    '"quote"\'s': '"quote"\'s',
    "Käse ü": "Käse ü",
    "日本": "日本",
    "$(x);`y` \\n": "$(x);`y` \\n",
    "x" * 200: "x" * 200,
    "errors": "errors",
}
RANGES = {"cams": (0, 255), "masks": (0, 255), "saliency": (0, 255), "scores": (-4, 5), "probabilities": (0, 0.5)}
IMAGES = {"a": "a", "day 1/b": "day 1%2Fb", "Öl": "Öl"}


def picture(kind: str, seed: int) -> np.ndarray:
    """(7, 12), lowest and highest number of its kind in it, unlike any turned or mirrored one."""
    share = np.random.default_rng(seed).random((7, 12))
    share.flat[[0, -1]] = 0, 1
    low, high = RANGES[kind]
    if kind == "masks":
        share = share.round()
    return (low + share * (high - low)).astype(np.uint8 if stores.PIXELS[kind] == np.uint8 else np.float16)


def named(kind: str) -> dict[str, np.ndarray]:
    names = ["saliency"] if kind == "saliency" else SHOWN
    return {name: picture(kind, seed) for seed, name in enumerate(names)}


def first(kind: str) -> tuple[str, np.ndarray]:
    """The picture on which a file opens, and how its name is shown."""
    return min((SHOWN.get(name, name), picture) for name, picture in named(kind).items())


def write(folder: Path) -> None:
    """{kind}.h5, and title.h5 with a class of that name."""
    for kind in RANGES:
        with stores.create(folder / f"{kind}.h5", kind, {"title": kind, "classes": list(SHOWN)}) as store:
            for image_id in IMAGES:
                store.add(image_id, named(kind), size=(7, 12))
    with stores.create(folder / "title.h5", "masks", {}) as store:
        store.add("a", {"title": picture("masks", 0), "cat": picture("masks", 1)}, size=(7, 12))
