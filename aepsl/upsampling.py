"""From a network's cells to pixels."""

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]


def upsample(cam: npt.NDArray[np.floating], *, size: tuple[int, int]) -> Map:
    """Resize a map (h, w) to float32 (H, W) = `size`, bilinearly with aligned corners.

    First and last cell lie on the first and last pixel, as cell j lies on pixel stride·j of an input of stride·a + 1
    pixels. Raises ValueError for another shape than (h, w) or an empty map.
    """
    if cam.ndim != 2 or cam.size == 0:
        raise ValueError(f"a map is (h, w) and not empty. Got: {cam.shape}")
    # Gathered, not multiplied by matrices: as fast, and the bytes do not depend on the BLAS or its threads.
    columns = _stretched(cam.astype(np.float32).T, size[1])
    return _stretched(np.ascontiguousarray(columns.T), size[0])


def _stretched(rows: Map, length: int) -> Map:
    """(n, m) → (length, m)."""
    last = len(rows) - 1
    position = np.arange(length) * last / max(length - 1, 1)
    below = position.astype(np.intp)
    weight = (position - below).astype(np.float32)[:, None]
    low = rows[below]
    stretched = rows[np.minimum(below + 1, last)]
    stretched -= low
    stretched *= weight
    stretched += low
    return stretched
