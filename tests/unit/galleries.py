"""A small run's products made by hand, for its gallery: two rounds, names that no page must take for its own text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl import stores
from aepsl.cli import main
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map

SIZE = (48, 64)
CLASSES = ("</script><b>cat", 'dög "5%" & co', "it's")
CAT, DOG, ITS = CLASSES
ODD = 'it\'s <b>"50%"#?&ä'
"""The id of a training image: of two classes, without truth."""
BOTH, PLAIN, SEEN = "both", "plain", "seen"
"""Ids: for training and validation, for training alone, for validation alone."""
LABELS = {ODD: (CAT, DOG), BOTH: (DOG,), PLAIN: (CAT,), SEEN: (CAT,)}
GREEN, BLUE, GREY = (20, 200, 40), (20, 40, 200), (120, 120, 120)


def halves(left: int, right: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """uint8 (H, W) of two values."""
    return np.repeat([[left] * (size[1] // 2) + [right] * (size[1] // 2)], size[0], axis=0).astype(np.uint8)


def manifest(path: Path, ids: Sequence[str], pictures: str) -> Path:
    """An index of `pictures`/{number}.png."""
    entries = tuple(Entry(one, f"{list(LABELS).index(one)}.png", LABELS[one], f"hash of {one}") for one in ids)
    Manifest(CLASSES, (120.0, 120.0, 120.0), pictures, entries).write(path)
    return path


def store(path: Path, kind: str, pictures: dict[str, np.ndarray]) -> Path:
    """A store of all training images with the same picture for each of these names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with stores.create(path, kind, {"classes": list(CLASSES)}) as writer:
        for one in (ODD, BOTH, PLAIN):
            names = pictures if kind == "saliency" else {name: pictures[name] for name in LABELS[one]}
            writer.add(one, dict(names), size=SIZE)
    return path


def make(folder: Path, *, truth: bool = True, workers: int = 1) -> Path:
    """The gallery of: training images ODD, BOTH and PLAIN, validation images BOTH and SEEN. Returns its page."""
    training, validation = (ODD, BOTH, PLAIN), (BOTH, SEEN)
    for place, colour in (("photographs", GREEN), ("erased", BLUE)):
        (folder / place).mkdir(parents=True)
        for number in range(len(LABELS)):
            Image.new("RGB", SIZE[::-1], colour).save(folder / place / f"{number}.png")
    maps = {
        "pseudo_labels": halves(2, 255),  # half dog, half ignored
        "predictions": halves(0, 3),  # half it's
        "refined": halves(0, 1),  # half cat
        "truth": np.vstack([halves(2, 0), halves(255, 255)])[24:72],  # the upper half: half dog; the lower void
    }
    for place, labels in maps.items():
        for number in range(len(LABELS)):
            save_label_map(folder / place / f"{number}.png", labels)
    train = manifest(folder / "train.json", training, "photographs")
    seen = manifest(folder / "erased.json", training, "erased")
    val = manifest(folder / "val.json", validation, "photographs")
    cams = {CAT: np.array([[255, 0]] * 2, np.uint8), DOG: np.array([[0, 51]] * 2, np.uint8)}
    masks = {CAT: halves(1, 0), DOG: halves(0, 1)}
    overlapping = {CAT: halves(1, 1), DOG: halves(0, 1)}
    (folder / "truth" / f"{list(LABELS).index(ODD)}.png").unlink()
    words: list[object] = ["gallery", "--settings", "{}", "--train", train, "--val", val, "--erased", train, seen]
    words += ["--cams", *(store(folder / f"round{t}/cams.h5", "cams", cams) for t in (1, 2))]
    regions = ((1, masks), (2, overlapping))
    words += ["--masks", *(store(folder / f"round{t}/masks.h5", "masks", one) for t, one in regions)]
    words += ["--saliency", store(folder / "saliency.h5", "saliency", {"saliency": halves(200, 50)})]
    words += ["--pseudo-labels", manifest(folder / "pseudo.json", training, "pseudo_labels")]
    words += ["--predictions", manifest(folder / "predictions.json", validation, "predictions")]
    words += ["--refined", manifest(folder / "refined.json", validation, "refined")]
    words += ["--train-truth", folder / "truth", "--val-truth", folder / "truth"] if truth else []
    page = folder / "results" / "gallery" / "index.html"
    main([str(word) for word in (*words, "--output", page, "--workers", workers)])
    return page
