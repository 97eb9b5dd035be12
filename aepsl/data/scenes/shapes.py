"""Outlines: polygons in an object's own frame, x forward, y down, the object about one unit long."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Points = Sequence[tuple[float, float]]


def polygon(points: Points) -> Outline:
    """Corners as they are, (n, 2)."""
    return np.array(points, np.float64)


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    """An upright rectangle, (4, 2)."""
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, half_width: float, half_height: float, *, tilt: float = 0.0) -> Outline:
    """An ellipse about (x, y), turned by `tilt` radians, (28, 2)."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    around = turned(np.stack([half_width * np.cos(angle), half_height * np.sin(angle)], axis=1), tilt)
    return around + np.array([x, y])


def rounded(points: Points, *, cuts: int = 3) -> Outline:
    """A closed outline with its corners cut `cuts` times (Chaikin), (n * 2**cuts, 2)."""
    outline = polygon(points)
    for _ in range(cuts):
        after = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * after, 0.25 * outline + 0.75 * after], axis=1).reshape(-1, 2)
    return outline


def stroke(path: Points, *, start: float, end: float) -> Outline:
    """A line with round ends whose width goes from `start` to `end` along `path`."""
    line = polygon(path)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = np.linspace(start, end, len(line))[:, None] / 2
    turn = np.linspace(0, np.pi, 7)[1:-1, None]
    tip = line[-1] + half[-1] * (np.cos(turn) * across[-1] + np.sin(turn) * along[-1])
    butt = line[0] - half[0] * (np.cos(turn) * across[0] + np.sin(turn) * along[0])
    return np.concatenate([line + half * across, tip, (line - half * across)[::-1], butt])


def turned(outline: Outline, angle: float, *, about: tuple[float, float] = (0.0, 0.0)) -> Outline:
    """The outline turned by `angle` radians about a point, clockwise as y points down."""
    cos, sin = np.cos(angle), np.sin(angle)
    moved: Outline = (outline - about) @ np.array([[cos, sin], [-sin, cos]]) + about
    return moved
