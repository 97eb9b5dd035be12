"""Scenes as a folder in the layout of PASCAL VOC, so that everything after it takes the way of VOC."""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from aepsl.data.palette import save_label_map
from aepsl.data.scenes.scene import Scene, draw_scene
from aepsl.files import flush_all, replacing, write_text

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


def write_scenes(root: Path, split: str, *, count: int, size: int, seed: int) -> None:
    """Draw `count` scenes of a split, of long side `size`, into `root`.

    JPEGImages/{id}.jpg (quality 95, 4:4:4), SegmentationClass/{id}.png, SegmentationParts/{id}.png (VOC's palette),
    ImageSets/Segmentation/{split}.txt, and last labels.csv (image,label,split,sha256; one row a label; the hash is of
    the image's three files, so that another drawing is another table). Equal arguments give equal bytes. Raises
    ValueError for a count or a size out of range.
    """
    lists = root / "ImageSets" / "Segmentation"
    folders = photographs, masks, parts = [
        root / name for name in ("JPEGImages", "SegmentationClass", "SegmentationParts")
    ]
    for folder in (*folders, lists):
        folder.mkdir(parents=True, exist_ok=True)
    ids, rows, written = [], [], []
    for image, scene in split_scenes(split, count=count, size=size, seed=seed):
        files = [photographs / f"{image}.jpg", masks / f"{image}.png", parts / f"{image}.png"]
        with replacing(files[0], flushed=False) as temporary:
            Image.fromarray(scene.photograph).save(temporary, format="JPEG", quality=95, subsampling=0)
        save_label_map(files[1], scene.mask)
        save_label_map(files[2], scene.parts)
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        ids.append(image)
        written += files
        rows += [(image, label, split, digest) for label in scene.labels]
    flush_all(written)
    write_text(lists / f"{split}.txt", "".join(f"{image}\n" for image in ids))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("image", "label", "split", "sha256"), *rows])
    write_text(root / "labels.csv", table.getvalue())
