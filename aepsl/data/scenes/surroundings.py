"""What stands around objects and has no label: grounds, contexts that go with a class, clutter, light."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from aepsl.data.scenes.shapes import Outline, ellipse, polygon, stroke, turned
from aepsl.data.scenes.textures import GROUNDS, NATURAL, colour, natural, pooled

Canvas = NDArray[np.float32]  # (h, w, 3) RGB, 0..255

CONTEXTS: dict[str, str] = {"boat": "water", "car": "road", "cow": "meadow", "train": "rails"}


def ground(*, width: int, height: int, meadow: bool, rng: np.random.Generator) -> Canvas:
    """One natural texture, or in half of the scenes two that meet at a horizon; a meadow is green grass below it."""
    tint = colour((92, 128, 58) if meadow else GROUNDS[rng.integers(len(GROUNDS))], rng=rng, spread=18)
    name = "grass" if meadow else str(rng.choice(NATURAL))
    canvas = natural(name, width=width, height=height, tint=tint, rng=rng)
    if rng.random() < 0.5:
        horizon = int(height * rng.uniform(0.15, 0.5))
        far = colour(GROUNDS[rng.integers(len(GROUNDS))], rng=rng, spread=18)
        canvas[:horizon] = natural(str(rng.choice(NATURAL)), width=width, height=horizon, tint=far, rng=rng)
    return canvas


def add_band(canvas: Canvas, *, name: str, top: int, thickness: int, rng: np.random.Generator) -> None:
    """Lay water, road or rails across the whole width, in place, `thickness` pixels down from row `top`."""
    first, last = max(top, 0), min(top + thickness, canvas.shape[0])
    if last - first < 4:
        return
    width = canvas.shape[1]
    y, x = np.mgrid[first - top : last - top, :width].astype(np.float32)
    unit = np.float32(thickness)
    if name == "water":
        crest = np.sin(2 * np.pi * y / 13 + 1.5 * np.sin(2 * np.pi * x / 60 + rng.uniform(0, 6))) > 0.5
        canvas[first:last] = colour((82, 112, 128), rng=rng) + crest[..., None] * np.float32(rng.uniform(15, 45))
    elif name == "road":
        tar = natural("gravel", width=width, height=last - first, tint=colour((84, 84, 88), rng=rng), rng=rng)
        dash = (np.abs(y / unit - 0.6) < 0.07) & ((x / (1.6 * unit)) % 1 < 0.55)
        canvas[first:last] = np.where(dash[..., None], colour((226, 222, 206), rng=rng), tar)
    else:
        bed = natural("gravel", width=width, height=last - first, tint=colour((122, 112, 104), rng=rng), rng=rng)
        sleeper = ((x + 0.4 * y) / (0.55 * unit)) % 1 < 0.45
        bed = np.where(sleeper[..., None], colour((84, 60, 44), rng=rng), bed)
        rail = (np.abs(y / unit - 0.2) < 0.07) | (np.abs(y / unit - 0.75) < 0.07)
        canvas[first:last] = np.where(rail[..., None], colour((188, 186, 190), rng=rng), bed)


def clutter(*, x: float, y: float, size: float, rng: np.random.Generator) -> Outline:
    """A blob, box or stick of no class about (x, y), `size` pixels across, (n, 2)."""
    kind = rng.choice(["blob", "box", "stick"])
    if kind == "blob":
        outline = ellipse(0, 0, 0.5, 0.5) * rng.uniform(0.6, 1.1, 2)
    elif kind == "box":
        outline = polygon([(-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)]) * rng.uniform(0.6, 1.1, 2)
    else:
        outline = stroke([(-0.8, 0), (0, rng.uniform(-0.15, 0.15)), (0.8, 0)], start=0.2, end=0.26)
    return turned(outline * size, rng.uniform(0, np.pi)) + np.array([x, y])


def add_clutter(canvas: Canvas, outline: Outline, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Paint an outline in place in a pooled colour, one time in four striped with a second; its pixels, (h, w) bool."""
    height, width = canvas.shape[:2]
    stencil = Image.new("1", (width, height))
    ImageDraw.Draw(stencil).polygon(outline.ravel().tolist(), fill=1)
    inside = np.asarray(stencil)
    rows, columns = np.nonzero(inside)
    paint = np.broadcast_to(pooled(rng=rng), (len(rows), 3))
    if rng.random() < 0.25:
        angle, period = rng.uniform(0, np.pi), rng.uniform(10, 26)
        stripe = ((rows * np.sin(angle) + columns * np.cos(angle)) / period) % 1 < 0.4
        paint = np.where(stripe[:, None], pooled(rng=rng), paint)
    canvas[rows, columns] = paint
    return inside


def expose(canvas: Canvas, *, shrink: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The photograph: slanting light, a colour cast, slight blur, then `shrink` times smaller and noisy; uint8."""
    height, width = canvas.shape[:2]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    across = np.linspace(-1, 1, width, dtype=np.float32) * np.cos(angle)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.sin(angle)
    light = (1 + strength * (across + down) / 1.4)[..., None] * rng.uniform(0.94, 1.06, 3)
    lit = Image.fromarray(np.clip(canvas * light, 0, 255).astype(np.uint8))
    small = lit.filter(ImageFilter.GaussianBlur(shrink * rng.uniform(0, 0.7))).reduce(shrink)
    noise = rng.standard_normal((small.height, small.width, 3), dtype=np.float32) * np.float32(rng.uniform(2, 6))
    return np.clip(np.asarray(small, np.float32) + noise, 0, 255).astype(np.uint8)
