"""Colours and textures: the natural ones of grounds, the drawn ones of objects."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import skimage.data
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Colour = NDArray[np.float32]  # (3,) RGB, 0..255
Paint = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]  # x, y (n,) -> (n, 3) or (3,)

# One muted pool for bodies and clutter: none of its colours tells a class. Loud ones belong to heads.
POOL: dict[str, tuple[int, int, int]] = {
    "black": (58, 54, 54), "slate": (92, 106, 128), "brown": (116, 84, 64), "moss": (98, 114, 82),
    "grey": (134, 134, 138), "rust": (150, 104, 86), "mauve": (140, 118, 138), "sand": (190, 168, 132),
    "cream": (220, 214, 200), "olive": (140, 134, 90),
}  # fmt: skip
GROUNDS: tuple[tuple[int, int, int], ...] = (
    (98, 112, 72), (172, 158, 124), (124, 124, 118), (112, 132, 150), (142, 100, 84), (88, 78, 64), (186, 190, 186),
)  # fmt: skip
NATURAL = ("brick", "grass", "gravel")


def colour(rgb: tuple[int, int, int], *, rng: np.random.Generator, spread: float = 14.0) -> Colour:
    """`rgb` with each channel moved by up to `spread`, (3,) float32 in 0..255."""
    return np.clip(np.array(rgb) + rng.uniform(-spread, spread, 3), 0, 255).astype(np.float32)


def pooled(*, rng: np.random.Generator) -> Colour:
    """A colour that any class and any clutter may have."""
    return colour(POOL[rng.choice(list(POOL))], rng=rng, spread=20)


def mix(first: Colour, second: Colour, share: ArrayLike) -> NDArray[np.float32]:
    """`first` where `share` is 0, `second` where it is 1: (n, 3) for a share of (n,), (3,) for a number."""
    weight = np.asarray(share, np.float32)[..., None]
    mixed: NDArray[np.float32] = first + (second - first) * weight
    return mixed


@lru_cache
def _natural(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)())


def natural(name: str, *, width: int, height: int, tint: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random cut of scikit-image's photograph of brick, grass or gravel, tinted; (height, width, 3) float32."""
    photograph = _natural(name)
    side = rng.uniform(0.35, 0.9) * photograph.width / max(width, height)
    left = rng.uniform(0, photograph.width - side * width)
    top = rng.uniform(0, photograph.height - side * height)
    cut = (left, top, left + side * width, top + side * height)
    grey = np.asarray(photograph.resize((width, height), Image.Resampling.BILINEAR, box=cut), np.float32)
    relief = (grey - grey.mean()) / max(float(grey.std()), 1.0)
    tinted: NDArray[np.float32] = tint + relief[..., None] * tint * np.float32(rng.uniform(0.06, 0.17))
    return tinted


def plain(of: Colour) -> Paint:
    """One colour all over."""
    return lambda x, y: of


def feathers(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """Rows of scallops: a bird's body."""
    period = rng.uniform(0.085, 0.12)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        row = np.floor(y / period)
        across = (x / period + 0.5 * (row % 2)) % 1 - 0.5
        return mix(base, mark, np.hypot(across, y / period - row) > 0.62)

    return paint


def planks(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """Long seams and a painted waterline: a boat's hull."""
    period, waterline = rng.uniform(0.055, 0.075), rng.uniform(0.06, 0.11)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        seam = (y / period + 0.12 * np.sin(9 * x)) % 1 < 0.3
        return mix(base, mark, np.where(y > waterline, 0.9, 0.75 * seam))

    return paint


def gloss(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """Smooth lacquer with a sheen, a sill and seams of doors: a car's body."""
    sheen, door = rng.uniform(-0.07, -0.02), rng.uniform(-0.16, -0.02)
    white = np.full(3, 245, np.float32)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        lit = mix(base, white, 0.6 * np.exp(-(((y - sheen) / 0.022) ** 2)))
        seam = (np.abs(x - door) < 0.012) | (np.abs(x - door - 0.22) < 0.012) | (y > 0.085)
        return np.where(seam[:, None], mark, lit)

    return paint


def tabby(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """Wavering upright stripes: a cat's body."""
    period, phase = rng.uniform(0.1, 0.14), rng.uniform(0, 2 * np.pi)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        return mix(base, mark, np.sin(2 * np.pi * x / period + 1.3 * np.sin(14 * y + phase)) > 0.25)

    return paint


def patches(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """A few large blotches: a cow's body."""
    centres = rng.uniform((-0.38, -0.18), (0.3, 0.16), (6, 2))
    radii = rng.uniform(0.055, 0.12, 6)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        wobble = 0.02 * np.sin(31 * x + 3) * np.cos(27 * y)
        inside = [np.hypot(x - cx, 1.3 * (y - cy)) + wobble < r for (cx, cy), r in zip(centres, radii, strict=True)]
        return mix(base, mark, np.any(inside, axis=0))

    return paint


def carriage(base: Colour, mark: Colour, *, rng: np.random.Generator) -> Paint:
    """A row of windows over a painted band: a train's body."""
    period, phase = rng.uniform(0.13, 0.18), rng.uniform(0, 1)

    def paint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        window = (np.abs(y + 0.055) < 0.045) & ((x / period + phase) % 1 > 0.35)
        return mix(base, mark, np.where(window, 1.0, 0.7 * (np.abs(y - 0.055) < 0.018)))

    return paint
