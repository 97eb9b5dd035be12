"""Scenes as a folder in the layout of PASCAL VOC, so that everything after it takes the way of VOC."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl.data.palette import save_label_map
from aepsl.data.scenes.scene import Scene, draw_scene
from aepsl.files import replacing, write_text

SPLITS = ("train", "val")
MOST_SCENES = 99_999  # a split: ids have five digits after the split's own


def split_scenes(split: str, *, count: int, size: int, seed: int) -> Iterator[tuple[str, Scene]]:
    """The first `count` scenes of a split as (id, scene), one by one.

    Scene i (from 1) is drawn from its own generator, seeded by [seed, index of the split, i]: a longer stream begins
    with the shorter one, and the splits do not know of each other. Raises ValueError for a count out of 0..99999.
    """
    if not 0 <= count <= MOST_SCENES:
        raise ValueError(f"a split holds 0 to {MOST_SCENES} scenes. Got: {count} for {split}")
    stream = SPLITS.index(split)
    for number in range(1, count + 1):
        yield f"scene_{stream}{number:05d}", draw_scene(size=size, rng=np.random.default_rng([seed, stream, number]))


def write_scenes(root: Path, *, train: int, val: int, size: int, seed: int) -> None:
    """Draw `train` and `val` scenes of long side `size` into `root`.

    JPEGImages/{id}.jpg (quality 95, 4:4:4), SegmentationClass/{id}.png, SegmentationParts/{id}.png (VOC's palette),
    ImageSets/Segmentation/{split}.txt, and last labels.csv (image,label,split; one row a label). Equal arguments give
    equal bytes. Raises ValueError for counts or a size out of range.
    """
    lists = root / "ImageSets" / "Segmentation"
    for folder in (root / "JPEGImages", root / "SegmentationClass", root / "SegmentationParts", lists):
        folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, count in zip(SPLITS, (train, val), strict=True):
        ids = []
        for image, scene in split_scenes(split, count=count, size=size, seed=seed):
            with replacing(root / "JPEGImages" / f"{image}.jpg", flushed=False) as temporary:
                Image.fromarray(scene.photograph).save(temporary, format="JPEG", quality=95, subsampling=0)
            save_label_map(root / "SegmentationClass" / f"{image}.png", scene.mask)
            save_label_map(root / "SegmentationParts" / f"{image}.png", scene.parts)
            ids.append(image)
            rows += [(image, label, split) for label in scene.labels]
        write_text(lists / f"{split}.txt", "".join(f"{image}\n" for image in ids))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("image", "label", "split"), *rows])
    write_text(root / "labels.csv", table.getvalue())
