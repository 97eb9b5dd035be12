"""Saliency maps made elsewhere: pictures in a folder, one a photograph, by any detector."""

import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from aepsl.data.images import opened
from aepsl.errors import InputError
from aepsl.saliency.maps import min_max, resized

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def external_map(folder: Path, image_id: str, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The saliency map of one photograph from a folder of grey pictures `{image_id}.png`, `.jpg`, `.bmp`, `.tif`.

    Maps saved at another scale are resized bilinearly to the photograph's size; those of other proportions are refused.
    Then the map's own range is stretched to [0, 1]; a constant map becomes zeros.

    Args:
        folder: where the maps lie, flat.
        image_id: the photograph's name without its ending; never a path.
        size: the photograph's (height, width), pixels.

    Returns:
        float32 (height, width) in [0, 1].

    Raises:
        InputError: the map is missing, there are two, or it is broken, coloured, or of other proportions.
    """
    path = find(folder, image_id)
    values = read(path)
    if not proportional(values.shape, size):
        got, expected = f"{values.shape[1]}x{values.shape[0]}", f"{size[1]}x{size[0]}"
        raise InputError(
            f"{path}: {got} pixels (width x height) is not the photograph's {expected}, nor a scaled version of it; "
            "save each map at the size of its photograph"
        )
    return min_max(resized(values, size=size))


def find(folder: Path, image_id: str) -> Path:
    """The one map of an id in a folder; raises InputError."""
    if image_id in ("", ".", "..") or any(character in image_id for character in "/\\\0"):
        raise InputError(
            f"{folder}: image id {image_id!r} must be a plain file name without its ending; rename the image"
        )
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of saliency maps; correct its path in the configuration")
    found = _maps(folder, folder.stat().st_mtime_ns).get(image_id, [])
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{folder}: more than one saliency map for image {image_id!r} ({names}); keep one")
    if not found:
        raise InputError(
            f"{folder / image_id}.png: no saliency map of this image, nor one ending in {', '.join(SUFFIXES[1:])}; "
            "make one for each photograph, named after it"
        )
    return found[0]


@lru_cache(maxsize=2)
def _maps(folder: Path, _time: int) -> dict[str, list[Path]]:
    """id → maps of a folder, which is listed once: it may hold a hundred thousand. Ids have their accents composed."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            found.setdefault(unicodedata.normalize("NFC", path.stem), []).append(path)
    return found


def read(path: Path) -> npt.NDArray[np.float32]:
    """A grey picture of 8 or 16 bits as float32 (H, W), black 0, white 1; raises InputError."""
    try:
        with opened(path) as file:
            picture = file.copy()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); save this saliency map again") from error
    if picture.mode.startswith("I;16"):
        return np.asarray(picture, np.float32) / np.float32(65535)
    if picture.mode in ("RGB", "P"):
        channels = np.asarray(picture.convert("RGB"))
        if np.ptp(channels, axis=2).any():
            raise InputError(f"{path}: coloured, a saliency map is grey; save it with one channel of 8 or 16 bits")
        picture = Image.fromarray(channels[..., 0])
    if picture.mode not in ("L", "1"):
        raise InputError(
            f"{path}: pixels of kind {picture.mode}, a saliency map is grey; save it with one channel of 8 or 16 bits"
        )
    return np.asarray(picture.convert("L"), np.float32) / np.float32(255)


def proportional(one: tuple[int, ...], other: tuple[int, int]) -> bool:
    """Whether one scale takes the second (height, width) to the first, each side rounded up, down or to nearest."""
    least = max((side - 1) / full for side, full in zip(one, other, strict=True))
    greatest = min((side + 1) / full for side, full in zip(one, other, strict=True))
    return least < greatest
