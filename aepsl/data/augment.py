"""Random views of a training photograph and its label map."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from aepsl.data.void import VOID
from aepsl.settings.sections import Training


def augment(
    photograph: np.ndarray,
    label_map: np.ndarray | None,
    *,
    recipe: Training,
    mean_pixel: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """A random scaling, crop, mirror image and change of colour, the same for photograph and label map.

    photograph: uint8 (H, W, 3); label_map: uint8 (H, W) or None. Returns both as (crop, crop); what lies outside the
    photograph has the mean pixel and label 255 (DeepLab's padding). Colour changes last, the padding's too.
    """
    size = recipe.crop
    draw = _Draw.of(rng, recipe)
    image = Image.fromarray(photograph)
    width, height = (max(1, round(side * draw.scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (_offset(side, size, at) for side, at in ((width, draw.x), (height, draw.y)))
    canvas = Image.new("RGB", (size, size), tuple(round(value) for value in mean_pixel))
    canvas.paste(image, (-left, -top))
    if recipe.brightness:
        for enhance, factor in zip(
            (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), draw.colour, strict=True
        ):
            canvas = enhance(canvas).enhance(factor)
    crop = np.asarray(canvas)
    labels = None
    if label_map is not None:
        shrunk = Image.fromarray(label_map).resize((width, height), Image.Resampling.NEAREST)
        ground = Image.new("L", (size, size), VOID)
        ground.paste(shrunk, (-left, -top))
        labels = np.asarray(ground)
    if draw.flip:
        crop, labels = crop[:, ::-1], None if labels is None else labels[:, ::-1]
    return np.ascontiguousarray(crop), None if labels is None else np.ascontiguousarray(labels)


@dataclass(frozen=True)
class _Draw:
    """All that is random in one view, drawn whether used or not, so that settings do not shift one another's draws."""

    scale: float
    x: float
    y: float
    flip: bool
    colour: tuple[float, float, float]

    @classmethod
    def of(cls, rng: np.random.Generator, recipe: Training) -> "_Draw":
        scale, x, y, flip, *colour = rng.random(7)
        low, high = recipe.scale
        brightness, contrast, saturation = (1 + recipe.brightness * (2 * value - 1) for value in colour)
        return cls(
            scale=low + (high - low) * scale,
            x=x,
            y=y,
            flip=recipe.flip and flip < 0.5,
            colour=(brightness, contrast, saturation),
        )


def _offset(side: int, crop: int, at: float) -> int:
    """Where the crop begins: inside a longer side, or before a shorter one, which then floats in the crop."""
    return int(at * (side - crop + 1)) if side >= crop else -int(at * (crop - side + 1))
