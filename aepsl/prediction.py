"""From a segmenter's scores to label maps."""

from collections.abc import Mapping

import numpy as np

from aepsl.data.manifest import BACKGROUND
from aepsl.upsampling import upsample

CANNOT_WIN = 1e-3


def upsampled_scores(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scores (K, h, w) → float32 (K, H, W), bilinear, corner cells on corner pixels (DeepLab upsamples scores)."""
    return np.stack([upsample(plane.astype(np.float32), size=size) for plane in scores])


def label_map(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The highest of the upsampled scores (K, h, w), uint8 (H, W), the first of equal ones.

    One channel after the other, so that large photographs fit into memory.
    """
    highest = upsample(scores[0], size=size)
    labels = np.zeros(size, np.uint8)
    for label in range(1, len(scores)):
        other = upsample(scores[label], size=size)
        labels[other > highest] = label
        np.maximum(highest, other, out=highest)
    return labels


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax over the first axis of (K, H, W)."""
    shifted = np.exp(scores - scores.max(0, keepdims=True))
    return shifted / shifted.sum(0, keepdims=True)


def candidates(scores: np.ndarray, label_map: np.ndarray) -> list[int]:
    """The channels of scores (K, h, w) that win a pixel of the label map, or have a cell of probability ≥ 0.001."""
    likely = probabilities(scores).max(axis=(1, 2)) >= CANNOT_WIN
    likely[np.unique(label_map)] = True
    likely[0] = True
    return [int(channel) for channel in np.flatnonzero(likely)]


def prohibited(scores: np.ndarray, class_scores: np.ndarray, *, below: float) -> np.ndarray:
    """Scores (C+1, h, w) with the classes whose branch score (C,) in 0..1 is below `below` put out of the race."""
    result = scores.copy()
    result[1:][class_scores < below] = np.float32(-1e4)
    return result


def stack(pictures: Mapping[str, np.ndarray], classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Stored score pictures by name → (label numbers (K,) ascending, scores float32 (K, h, w))."""
    names = {name: label for label, name in enumerate((BACKGROUND, *classes))}
    ordered = sorted(pictures, key=names.__getitem__)
    labels = np.array([names[name] for name in ordered], np.uint8)
    return labels, np.stack([pictures[name].astype(np.float32) for name in ordered])
