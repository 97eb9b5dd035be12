"""Strips: the small pictures of one image below one another in one file, for a page that shows parts of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image

from aepsl.data.palette import voc_palette
from aepsl.files import replacing

Picture = npt.NDArray[np.uint8]

BOX = (180, 240)  # height and width in pixels that a picture is fitted into
BLOCK = 16  # pixels of WebP's blocks: what is a multiple of it apart does not bleed into the other
QUALITY = 70
MOST = 85  # pictures in a strip: WebP has at most 16,383 rows


def fitted(size: tuple[int, int]) -> tuple[int, int]:
    """The height and width of `size` fitted into BOX; never larger than it is."""
    scale = min(1.0, *(most / side for most, side in zip(BOX, size, strict=True)))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def small_photograph(photograph: Picture, size: tuple[int, int]) -> Picture:
    """uint8 (H, W, 3) → uint8 (*size, 3), averaged."""
    image = Image.fromarray(photograph).resize(size[::-1], Image.Resampling.BOX, reducing_gap=2)
    return np.asarray(image)


def small_labels(labels: Picture, size: tuple[int, int]) -> Picture:
    """Label map, uint8 (H, W) → (*size, 3) in VOC's colours, each pixel one of the labels under it."""
    rows, columns = (
        ((np.arange(small) + 0.5) * whole / small).astype(np.intp)
        for small, whole in zip(size, labels.shape, strict=True)
    )
    return voc_palette()[labels[rows[:, None], columns]]


def heated(map_: npt.NDArray[np.floating]) -> Picture:
    """A map (h, w) in [0, 1] → uint8 (h, w, 3), from black over red to pale yellow (matplotlib's inferno)."""
    colours: Picture = colormaps["inferno"](map_, bytes=True)[..., :3]
    return colours


def grey(map_: Picture) -> Picture:
    """uint8 (h, w) → (h, w, 3)."""
    return np.repeat(map_[..., None], 3, axis=2)


def pitch(height: int) -> int:
    """Pixels from the top of a picture of `height` to that of the next."""
    return -(-height // BLOCK) * BLOCK


def save_strip(path: Path, pictures: Sequence[Picture], *, lossless: bool) -> None:
    """Write pictures of one size, uint8 (h, w, 3), `pitch(h)` apart, as WebP, atomically; not yet flushed."""
    between = pitch(len(pictures[0])) - len(pictures[0])
    strip = np.concatenate([np.pad(one, ((0, between), (0, 0), (0, 0)), mode="edge") for one in pictures])
    with replacing(path, flushed=False) as temporary:
        Image.fromarray(strip).save(temporary, format="WEBP", lossless=lossless, quality=QUALITY, method=4)
