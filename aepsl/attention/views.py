"""Maps averaged over views of a photograph: scales and the mirror image."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aepsl.data.images import aligned_size, resize


def averaged_maps(
    maps: Callable[[Tensor], Tensor],
    photograph: np.ndarray,
    *,
    stride: int,
    flip: bool,
    scales: Sequence[float],
) -> Tensor:
    """The mean of `maps` over the scales and, with `flip`, over mirrored views turned back.

    maps: uint8 (B, 3, H', W') → (B, C, h, w), H' and W' multiples of the stride plus 1. photograph: uint8 (H, W, 3).
    Returns float32 (C, h, w) on the grid of scale 1: its corner cells sit on the photograph's corner pixels.
    """
    grid = tuple((side - 1) // stride + 1 for side in aligned_size(photograph.shape[:2], stride))
    total: Tensor | None = None
    for scale in scales:
        view = resize(photograph, aligned_size(photograph.shape[:2], stride, scale))
        image = torch.from_numpy(np.array(view)).permute(2, 0, 1)
        both = maps(torch.stack([image, image.flip(2)]) if flip else image[None]).float()
        mean = (both[0] + both[1].flip(2)) / 2 if flip else both[0]
        if mean.shape[1:] != grid:
            mean = F.interpolate(mean[None], size=grid, mode="bilinear", align_corners=True)[0]
        total = mean if total is None else total + mean
    assert total is not None
    return total / len(scales)
