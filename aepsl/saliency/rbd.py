"""Saliency by robust background detection: what is tied to the image's border by little of its outline stands out.

Zhu, Liang, Wei and Sun, "Saliency Optimization from Robust Background Detection", CVPR 2014. It learns nothing, so no
pixel-level supervision enters through it. Terms are the paper's; the values that it leaves open are those of its
authors' program.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import spsolve
from scipy.spatial.distance import cdist
from skimage.color import rgb2lab
from skimage.segmentation import slic

from aepsl.data.images import resize, shrinkage
from aepsl.saliency.maps import min_max, resized

LONGEST_SIDE = 400
PIXELS_PER_SUPERPIXEL = 600
FEWEST_SUPERPIXELS = 150
FEWEST_PIXELS_PER_SUPERPIXEL = 36
COMPACTNESS = 20.0
GEODESIC_SIGMA = 7.0  # Lab units
SMOOTHNESS_SIGMA = 10.0  # Lab units
SPATIAL_SIGMA = 0.4  # image sides
BACKGROUND_FACTOR = 5.0
CERTAIN_CONNECTIVITY = 3.0
CERTAIN_BACKGROUND = 1000.0
LEAST_SMOOTHNESS = 0.1
# Lab units, where an eye tells 1 or 2 apart: below this, regions differ by rounding.
LEAST_DIFFERENCE = 0.01

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Regions(NamedTuple):
    """N superpixels of one image."""

    labels: npt.NDArray[np.intp]  # (H, W), 0..N-1
    colour: Floats  # (N, N) distances of mean Lab colours
    distance: Floats  # (N, N) distances of centres, in image sides
    neighbours: Flags  # (N, N), symmetric, false on the diagonal
    border: Flags  # (N,)


def rbd(photograph: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Saliency map of one photograph: robust background detection and saliency optimisation (Zhu et al., CVPR 2014).

    Deterministic. Worked out on at most 400 pixels a side, returned at the photograph's size.

    Args:
        photograph: uint8 (H, W, 3), RGB, of any size from 1x1.

    Returns:
        float32 (H, W), the image's own range stretched to [0, 1]; zeros where the photograph has one colour.

    Raises:
        ValueError: shape or dtype differ from the above.
    """
    if photograph.ndim != 3 or photograph.shape[2] != 3 or photograph.dtype != np.uint8 or photograph.size == 0:
        raise ValueError(f"photograph must be uint8 (H, W, 3), not empty. Got: {photograph.dtype} {photograph.shape}")
    height, width = photograph.shape[:2]
    scale = shrinkage((height, width), LONGEST_SIDE)
    small = max(1, round(height * scale)), max(1, round(width * scale))
    regions = superpixels(resize(photograph, small))
    if regions.colour.max() < LEAST_DIFFERENCE:
        return np.zeros((height, width), np.float32)
    connectivity = boundary_connectivity(regions)
    background = 1 - np.exp(-(connectivity**2) / 2)
    contrast = min_max(weighted_contrast(regions, background)).astype(np.float64)
    weights = np.where(connectivity > CERTAIN_CONNECTIVITY, CERTAIN_BACKGROUND, background)
    saliency = optimised(regions, weights, contrast).astype(np.float32)
    return min_max(resized(saliency[regions.labels], size=(height, width)))


def superpixels(photograph: npt.NDArray[np.uint8]) -> Regions:
    """Split into SLIC superpixels of about 600 pixels, smaller ones where that would give fewer than 150.

    A small image would else have a dozen regions, nearly all of them at its border.
    """
    height, width = photograph.shape[:2]
    area = np.clip(height * width / FEWEST_SUPERPIXELS, FEWEST_PIXELS_PER_SUPERPIXEL, PIXELS_PER_SUPERPIXEL)
    lab = rgb2lab(photograph)
    labels = partition(lab, wanted=max(1, round(height * width / area)))
    count = int(labels.max()) + 1

    rows, columns = np.indices(labels.shape)
    features = [*np.moveaxis(lab, 2, 0), (rows + 0.5) / height, (columns + 0.5) / width]
    sums = np.stack([np.bincount(labels.ravel(), feature.ravel(), count) for feature in features], axis=1)
    means = sums / np.bincount(labels.ravel(), minlength=count)[:, None]

    neighbours = np.zeros((count, count), bool)
    for one, other in (
        (labels[1:], labels[:-1]),
        (labels[:, 1:], labels[:, :-1]),
        (labels[1:, 1:], labels[:-1, :-1]),
        (labels[1:, :-1], labels[:-1, 1:]),
    ):
        neighbours[one, other] = neighbours[other, one] = True
    np.fill_diagonal(neighbours, False)

    # A third of a superpixel's side: 8 pixels for 600, as in the authors' program.
    band = max(1, round(float(np.sqrt(area)) / 3))
    frame = np.ones(labels.shape, bool)
    frame[band:-band, band:-band] = False
    border = np.zeros(count, bool)
    border[labels[frame]] = True
    colour, distance = cdist(means[:, :3], means[:, :3]), cdist(means[:, 3:], means[:, 3:])
    return Regions(labels, colour, distance, neighbours, border)


def partition(lab: Floats, *, wanted: int) -> npt.NDArray[np.intp]:
    """Labels (H, W), 0..N-1, of the SLIC superpixels of a Lab image (H, W, 3), N near `wanted`."""
    labels = np.zeros(lab.shape[:2], np.intp)
    # Noise falls into crumbs that SLIC then merges into a few large areas: squarer superpixels are tried there.
    # slic() stretches what it gets to [0, 1], so that its compactness has to shrink alike.
    unit = COMPACTNESS / max(1.0, float(np.ptp(lab)))
    for compactness in (unit, 8 * unit, 64 * unit):
        labels = slic(lab, n_segments=wanted, compactness=compactness, convert2lab=False, start_label=0)
        if 2 * (labels.max() + 1) >= wanted:
            break
    _, consecutive = np.unique(labels, return_inverse=True)
    return consecutive.reshape(labels.shape)


def boundary_connectivity(regions: Regions) -> Floats:
    """Boundary connectivity, (N,): length along the border over the square root of the area, both soft and geodesic.

    Colour steps shorter than is typical of a homogeneous area cost nothing, else they add up over long ways. Border
    superpixels are linked with one another, so that background cut apart by an object at the border stays one area.
    """
    edges = linked(regions.neighbours, regions.border)
    free = np.where(two_steps(regions.neighbours), regions.colour, np.inf).min(axis=1).mean()
    rows, columns = np.nonzero(edges)
    costs = np.maximum(0, regions.colour[rows, columns] - free)
    graph = csr_array(coo_array((costs, (rows, columns)), shape=edges.shape))
    geodesic = dijkstra(graph, limit=3 * GEODESIC_SIGMA)
    similar: Floats = np.exp(-(geodesic**2) / (2 * GEODESIC_SIGMA**2))
    length, area = similar[:, regions.border].sum(axis=1), similar.sum(axis=1)
    connectivity: Floats = length / np.sqrt(area)
    return connectivity


def weighted_contrast(regions: Regions, background: Floats) -> Floats:
    """Colour contrast with what is near and probably background, (N,): the background-weighted contrast."""
    near = np.exp(-(regions.distance**2) / (2 * SPATIAL_SIGMA**2))
    contrast: Floats = (regions.colour * near * background).sum(axis=1)
    return contrast


def optimised(regions: Regions, background: Floats, foreground: Floats) -> Floats:
    """The least-squares saliency of each superpixel, (N,): the optimisation that ends the paper's way.

    Background weights (N,) pull to 0, foreground weights (N,) to 1, and superpixels of like colours, within two steps
    of one another or both at the border, to each other.
    """
    close = linked(two_steps(regions.neighbours), regions.border)
    similar = close * np.exp(-(regions.colour**2) / (2 * SMOOTHNESS_SIGMA**2)) + LEAST_SMOOTHNESS * regions.neighbours
    pull = BACKGROUND_FACTOR * background + foreground + similar.sum(axis=1)
    # The sparse solver runs on one thread, unlike BLAS: the same bytes whatever the number of cores.
    return np.asarray(spsolve(csr_array(np.diag(pull) - similar).tocsc(), foreground)).reshape(-1)


def linked(neighbours: Flags, border: Flags) -> Flags:
    """The neighbourhood (N, N) with all border superpixels joined to one another."""
    return (neighbours | (border[:, None] & border)) & ~np.eye(len(border), dtype=bool)


def two_steps(neighbours: Flags) -> Flags:
    """The neighbourhood (N, N) of at most two steps, without the superpixels themselves."""
    one = csr_array(neighbours.astype(np.int32))
    two: Flags = (one @ one).toarray() > 0
    return (two | neighbours) & ~np.eye(len(neighbours), dtype=bool)
