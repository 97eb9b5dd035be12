"""What all saliency maps share: their scale and their size."""

import numpy as np
import numpy.typing as npt
from PIL import Image


def min_max(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Scale to [0, 1] by the least and the greatest value; what is constant becomes zeros.

    Any shape and floating dtype in, the same shape in float32 out.
    """
    low, high = values.min(), values.max()
    if high <= low:
        return np.zeros(values.shape, np.float32)
    scaled: npt.NDArray[np.float32] = ((values - low) / (high - low)).astype(np.float32)
    return scaled


def resized(values: npt.NDArray[np.float32], *, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize a map (H, W), float32, bilinearly to `size` = (height, width); smoothed first where it shrinks."""
    if values.shape == size:
        return values
    height, width = size
    return np.array(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
