"""From outlines to pixels: one object drawn on its own, whole, before the frame or a neighbour cuts it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aepsl.data.scenes.shapes import Outline, turned
from aepsl.data.scenes.textures import Paint


@dataclass(frozen=True)
class Piece:
    """One painted outline; pieces are drawn in order, later ones over earlier ones."""

    part: int
    outline: Outline
    paint: Paint


@dataclass(frozen=True)
class Sprite:
    """A drawn object: colours (h, w, 3) float32, parts (h, w) uint8 with 0 outside it."""

    colours: NDArray[np.float32]
    parts: NDArray[np.uint8]

    @property
    def area(self) -> int:
        """Its pixels, all parts together."""
        return int(np.count_nonzero(self.parts))


def draw(pieces: list[Piece], *, scale: float, stretch: float, angle: float, flip: bool) -> Sprite:
    """Rasterise pieces: `scale` pixels a unit, `stretch` times as long as drawn, mirrored, then turned by `angle`."""
    along = np.array([-scale * stretch if flip else scale * stretch, scale / stretch])
    outlines = [turned(piece.outline * along, angle) for piece in pieces]
    corner = np.floor(np.min([outline.min(axis=0) for outline in outlines], axis=0)) - 1
    width, height = (np.max([outline.max(axis=0) for outline in outlines], axis=0) - corner + 2).astype(int)

    colours = np.zeros((height, width, 3), np.float32)
    parts = np.zeros((height, width), np.uint8)
    for piece, outline in zip(pieces, outlines, strict=True):
        rows, columns = _inside(outline - corner, width=width, height=height)
        pixels = turned(np.stack([columns, rows], axis=1) + corner, -angle) / along
        colours[rows, columns] = piece.paint(*pixels.astype(np.float32).T)
        parts[rows, columns] = piece.part

    # Light from above gives every object the same weak volume.
    colours *= np.linspace(1.12, 0.8, height, dtype=np.float32)[:, None, None]
    return Sprite(colours=colours, parts=parts)


def _inside(outline: Outline, *, width: int, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    left, top = np.maximum(np.floor(outline.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0)) + 1, (width, height)).astype(int)
    stencil = Image.new("1", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(stencil).polygon((outline - (left, top)).ravel().tolist(), fill=1)
    rows, columns = np.nonzero(np.asarray(stencil))
    return rows + top, columns + left
