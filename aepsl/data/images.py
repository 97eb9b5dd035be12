"""Photographs from files and back."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aepsl.errors import InputError
from aepsl.files import regular, replacing

MAX_PIXELS = 64_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # not PostScript, for which Pillow calls another program
# Said in a line of our own; for good, as a filter for one block of code would leak from thread to thread.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def opened(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The picture in `path`, nothing of it decoded. Raises InputError where it has more than MAX_PIXELS or is no file.

    A file that is missing or broken makes Pillow raise whatever it likes, also in decoding.
    """
    image = Image.open(regular(path), formats=formats)
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise InputError(f"{path}: {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}: scale it down")
    return image


def load_photograph(path: Path) -> np.ndarray:
    """The photograph in `path` as uint8 (H, W, 3) RGB, upright.

    Transparency is ignored. Raises InputError when it is missing, truncated, no picture, larger than MAX_PIXELS, or of
    more than 8 bits a channel.
    """
    try:
        with opened(path) as image:
            if image.mode[0] in "IF":  # Pillow would cut its values off at 255
                raise InputError(f"{path}: grey of more than 8 bits (mode {image.mode}): save it with 8 bits")
            ImageOps.exif_transpose(image, in_place=True)
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such photograph") from None
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable photograph ({' '.join(str(error).split())[:120]})") from None


def longest_side(path: Path) -> int:
    """The longer side in pixels of a photograph that was read before; only its header is read."""
    with opened(path) as image:
        return max(image.size)


def save_photograph(path: Path, photograph: np.ndarray) -> None:
    """Write uint8 (H, W, 3) as PNG, atomically and without loss; not yet flushed to the disk."""
    with replacing(path, flushed=False) as temporary:
        Image.fromarray(photograph).save(temporary, format="PNG", compress_level=1)


def resize(photograph: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W, 3) → uint8 (*size, 3), bilinear."""
    if photograph.shape[:2] == size:
        return photograph
    return np.asarray(Image.fromarray(photograph).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def aligned_size(size: tuple[int, int], stride: int, scale: float = 1.0) -> tuple[int, int]:
    """The size nearest to `scale` times `size` of the form (stride·a + 1, stride·b + 1), a and b at least 1.

    First and last cell of the features then sit on the first and last pixel.
    """
    height, width = (max(1, round((side * scale - 1) / stride)) * stride + 1 for side in size)
    return height, width


def shrinkage(size: tuple[int, int], longest_side: int | None) -> float:
    """The factor, at most 1, that brings a photograph of `size` to `longest_side`, where that is given."""
    return 1.0 if longest_side is None else min(1.0, longest_side / max(size))
