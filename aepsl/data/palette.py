"""Label maps as PNG files with the colours of PASCAL VOC."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aepsl.data.images import opened
from aepsl.data.void import VOID
from aepsl.errors import InputError
from aepsl.files import replacing

BIT_DEPTH_BYTE = 24  # in a PNG's header: signature, chunk length, "IHDR", width, height


def voc_palette() -> NDArray[np.uint8]:
    """VOC's colour map, (256, 3) uint8 RGB: 0 black, 1 dark red, ..., 255 the cream of void (VOC development kit)."""
    labels = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((labels >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def save_label_map(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write labels, (H, W) uint8 with 255 as void, as a palette PNG, whole or not at all; equal labels, equal bytes.

    Raises ValueError for another shape or dtype.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f"a label map is (H, W) uint8. Got: {labels.shape} {labels.dtype}")
    image = Image.fromarray(labels)
    image.putpalette(voc_palette().tobytes())
    with replacing(path, flushed=False) as temporary:
        image.save(temporary, format="PNG")


def load_label_map(path: Path) -> NDArray[np.uint8]:
    """Read a label map, (H, W) uint8: the indices of a palette PNG or the values of an 8-bit greyscale PNG.

    Raises InputError when the file is missing, truncated or of another kind.
    """
    try:
        with opened(path, ("PNG",)) as image, open(path, "rb") as file:
            bits = file.read(BIT_DEPTH_BYTE + 1)[BIT_DEPTH_BYTE]
            # Pillow stretches greyscale of 2 or 4 bits to 0..255: the labels would be others.
            if image.mode != "P" and (image.mode != "L" or bits != 8):
                raise InputError(
                    f"{path}: a label map is a palette or 8-bit greyscale PNG, got mode {image.mode} with"
                    f" {bits} bits: save it with the label of each pixel as its index"
                )
            return np.array(image, np.uint8)
    except FileNotFoundError:
        raise InputError(f"{path}: no such label map: check the folder and the image's id") from None
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable PNG label map ({error}): write it again") from None


def load_truth(path: Path, *, size: tuple[int, ...], classes: int) -> NDArray[np.uint8]:
    """The ground-truth mask of an image, (H, W) uint8 with 255 void. classes: with the background.

    Raises InputError when it is missing or damaged, has another size than (H, W) or a label that no class has.
    """
    mask = load_label_map(path)
    if mask.shape != size:
        raise InputError(f"{path}: {mask.shape} pixels, expected {size}")
    if (wrong := mask[mask != VOID]).size and wrong.max() >= classes:
        raise InputError(f"{path}: label {wrong.max()}, but the last class has {classes - 1}")
    return mask
