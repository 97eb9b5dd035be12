"""One scene: a ground, its contexts, one to three objects, clutter, and the truth about every pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aepsl.data.scenes.anatomy import HEAD, LARGEST_TILT, pieces_of
from aepsl.data.scenes.names import CLASSES
from aepsl.data.scenes.sprite import Sprite, draw
from aepsl.data.scenes.surroundings import CONTEXTS, Canvas, add_band, add_clutter, clutter, expose, ground
from aepsl.data.void import VOID

LEAST_VISIBLE = 0.5  # of an object's own area
SAMPLING = 2  # drawn pixels a side for one of the photograph
CLASS_COUNTS = (0.6, 0.3, 0.1)
LENGTHS = ((0.76, 1.4), (0.64, 0.92), (0.57, 0.7))  # of an object by their number, to the frame's mean side
CONTEXT_WITH, CONTEXT_WITHOUT = 0.7, 0.1
HEAD_CUT, HEAD_COVERED = 0.05, 0.04
# Where the band under an object begins and how thick it is, to the height of the object.
BANDS = {"water": (0.78, 4.0), "road": (0.84, 0.5), "rails": (0.9, 0.32)}


@dataclass(frozen=True)
class Scene:
    """A photograph and its truth.

    photograph (H, W, 3) uint8 RGB; mask (H, W) uint8: 0 background, 1..6 as in CLASSES, 255 the contour; parts (H, W)
    uint8: 0 none, 1 head, 2 body, 3 limb, 255 where the mask has it; labels: the classes visible, in label order.
    """

    photograph: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Placed:
    name: str
    sprite: Sprite
    left: int
    top: int

    @property
    def head(self) -> tuple[float, float, float]:
        """x, y and extent of the head on the canvas."""
        rows, columns = np.nonzero(self.sprite.parts == HEAD)
        return self.left + columns.mean(), self.top + rows.mean(), 2.3 * float(np.sqrt(len(rows) / np.pi))


def draw_scene(*, size: int, rng: np.random.Generator) -> Scene:
    """Draw one scene with a long side of `size` pixels and a short side of 0.75 to 1 of it.

    Every label has an object of which at least half is visible. Raises ValueError for a size below 64: limbs would be
    thinner than any network here can see.
    """
    if size < 64:
        raise ValueError(f"a scene's long side is at least 64 pixels. Got: {size}")
    while True:
        scene = _attempt(size=size, rng=rng)
        if scene is not None:
            return scene


def _attempt(*, size: int, rng: np.random.Generator) -> Scene | None:
    width, height = (SAMPLING * side for side in _frame(size=size, rng=rng))
    count = int(rng.choice(3, p=CLASS_COUNTS)) + 1
    names = [str(name) for name in rng.choice(CLASSES, count, replace=False)]
    contexts = [
        context for name, context in CONTEXTS.items()
        if rng.random() < (CONTEXT_WITH if name in names else CONTEXT_WITHOUT)
    ]  # fmt: skip
    canvas = ground(width=width, height=height, meadow="meadow" in contexts, rng=rng)
    objects = _placed(names, canvas=canvas, rng=rng)

    for _ in range(rng.integers(1, 5)):
        _scatter(canvas, largest=0.3, rng=rng)
    for context in contexts:
        _lay(canvas, context=context, objects=objects, rng=rng)

    labels = np.zeros((height, width), np.uint8)
    parts = np.zeros((height, width), np.uint8)
    for thing in objects:
        _paste(thing, canvas=canvas, labels=labels, parts=parts)
    covers = [
        clutter(x=x, y=y, size=1.25 * extent, rng=rng)
        for x, y, extent in (thing.head for thing in objects) if rng.random() < HEAD_COVERED
    ]  # fmt: skip
    covered = [add_clutter(canvas, outline, rng=rng) for outline in covers]
    covered += [_scatter(canvas, largest=0.16, rng=rng) for _ in range(rng.poisson(0.4))]
    for inside in covered:
        labels[inside] = 0
        parts[inside] = 0

    visible = np.bincount(labels.ravel(), minlength=len(CLASSES) + 1)
    if any(visible[CLASSES.index(thing.name) + 1] < LEAST_VISIBLE * thing.sprite.area for thing in objects):
        return None
    contour = _contour(labels)
    return Scene(
        photograph=expose(canvas, shrink=SAMPLING, rng=rng),
        mask=np.where(contour, VOID, labels[::SAMPLING, ::SAMPLING]).astype(np.uint8),
        parts=np.where(contour, VOID, parts[::SAMPLING, ::SAMPLING]).astype(np.uint8),
        labels=tuple(sorted(names)),
    )


def _frame(*, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Width and height: a square, a landscape or a portrait, each one time in three."""
    short = round(size * rng.uniform(0.75, 1.0))
    return [(size, size), (size, short), (short, size)][rng.integers(3)]


def _placed(names: list[str], *, canvas: Canvas, rng: np.random.Generator) -> list[_Placed]:
    """Objects about a turned line or triangle, back to front; some are pushed until the frame cuts the head."""
    height, width = canvas.shape[:2]
    side, mean = np.sqrt(width * height), canvas.mean(axis=(0, 1))
    spread = (0.08, 0.24, 0.3)[len(names) - 1]
    turn = rng.uniform(0, 2 * np.pi)
    placed = []
    for index, name in enumerate(names):
        sprite = draw(
            pieces_of(name, ground=mean, rng=rng),
            scale=side * rng.uniform(*LENGTHS[len(names) - 1]),
            stretch=rng.uniform(0.92, 1.08),
            angle=rng.uniform(-1, 1) * LARGEST_TILT[name],
            flip=bool(rng.random() < 0.5),
        )
        angle = turn + 2 * np.pi * index / len(names)
        x = width * (0.5 + spread * np.cos(angle) + rng.uniform(-0.08, 0.08))
        y = height * (0.5 + spread * np.sin(angle) + rng.uniform(-0.08, 0.08))
        rows, columns = sprite.parts.shape
        thing = _Placed(name=name, sprite=sprite, left=round(x - columns / 2), top=round(y - rows / 2))
        placed.append(_cut(thing, width=width) if rng.random() < HEAD_CUT else thing)
    return placed


def _cut(thing: _Placed, *, width: int) -> _Placed:
    """Push an object over the edge of the frame that its head is nearest to: a side, or the top for a cabin."""
    x, y, extent = thing.head
    columns = thing.sprite.parts.shape[1]
    ahead = x - thing.left - columns / 2
    if abs(ahead) < 0.25 * columns:
        return _Placed(thing.name, thing.sprite, thing.left, thing.top - round(y + 0.3 * extent))
    shift = width - x + 0.3 * extent if ahead > 0 else -x - 0.3 * extent
    return _Placed(thing.name, thing.sprite, thing.left + round(shift), thing.top)


def _lay(canvas: Canvas, *, context: str, objects: list[_Placed], rng: np.random.Generator) -> None:
    if context == "meadow":
        return
    start, thickness = BANDS[context]
    for thing in objects:
        if CONTEXTS.get(thing.name) == context:
            rows = thing.sprite.parts.shape[0]
            top = thing.top + round(start * rows)
            add_band(canvas, name=context, top=top, thickness=round(thickness * rows), rng=rng)
            return
    height = canvas.shape[0]
    top = round(height * rng.uniform(0.5, 0.85))
    add_band(canvas, name=context, top=top, thickness=round(height * 0.35 * thickness), rng=rng)


def _scatter(canvas: Canvas, *, largest: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    height, width = canvas.shape[:2]
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    outline = clutter(x=x, y=y, size=rng.uniform(0.07, largest) * max(width, height), rng=rng)
    return add_clutter(canvas, outline, rng=rng)


def _paste(thing: _Placed, *, canvas: Canvas, labels: NDArray[np.uint8], parts: NDArray[np.uint8]) -> None:
    height, width = labels.shape
    rows, columns = thing.sprite.parts.shape
    top, left = max(thing.top, 0), max(thing.left, 0)
    bottom, right = min(thing.top + rows, height), min(thing.left + columns, width)
    if bottom <= top or right <= left:
        return
    frame = np.s_[top:bottom, left:right]
    cut = np.s_[top - thing.top : bottom - thing.top, left - thing.left : right - thing.left]
    drawn = thing.sprite.parts[cut] > 0
    canvas[frame][drawn] = thing.sprite.colours[cut][drawn]
    parts[frame][drawn] = thing.sprite.parts[cut][drawn]
    labels[frame][drawn] = CLASSES.index(thing.name) + 1


def _contour(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of the photograph whose drawn pixels, with the next row and column, are not all of one label."""
    height, width = (side // SAMPLING for side in labels.shape)
    padded = np.pad(labels, ((0, 1), (0, 1)), mode="edge")
    mixed = np.zeros((height, width), bool)
    own = labels[::SAMPLING, ::SAMPLING]
    for row in range(SAMPLING + 1):
        for column in range(SAMPLING + 1):
            mixed |= padded[row : row + labels.shape[0] : SAMPLING, column : column + labels.shape[1] : SAMPLING] != own
    return mixed
