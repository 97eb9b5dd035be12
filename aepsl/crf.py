"""Fully connected CRF (Krähenbühl and Koltun, NIPS 2011) by pydensecrf, on the classes that can win."""

from math import e

import numpy as np
import numpy.typing as npt
from pydensecrf.densecrf import DenseCRF2D

from aepsl.settings.sections import CRF

Probabilities = npt.NDArray[np.float32]
Classes = npt.NDArray[np.intp]

LEAST_PROBABILITY = 1e-5  # pydensecrf's own floor (utils.unary_from_softmax)
KERNEL_SUM = 1.5  # bound of (K̃1)_u; measured on photographs, noise and gratings: at most 1.33
NEVER = 1e3  # energy whose probability is zero in float32


def dense_crf(
    photograph: npt.NDArray[np.uint8],
    probabilities: npt.NDArray[np.floating],
    how: CRF,
) -> Probabilities:
    """Mean-field marginals, float32 (C, H, W), from a photograph's class probabilities.

    photograph: (H, W, 3) uint8, raw RGB. probabilities: (C, H, W), not negative; each pixel's are normalised.
    Unchanged, as float32, where there is nothing to do: no iteration, no weight, or one class that wins everywhere.
    Classes that surely win nowhere are passed on as one (`contenders`); their marginals are shared out in proportion.
    Raises ValueError for other shapes, dtypes and values.
    """
    if photograph.dtype != np.uint8 or photograph.shape != (*probabilities.shape[1:], 3):
        raise ValueError(
            "photograph is (H, W, 3) uint8 and probabilities are (C, H, W)."
            f" Got: {photograph.shape} {photograph.dtype} and {probabilities.shape}"
        )
    if not (np.isfinite(probabilities).all() and probabilities.min() >= 0):
        raise ValueError("probabilities are finite and not negative")
    weight = how.bilateral_weight + how.gaussian_weight
    given: Probabilities = probabilities.astype(np.float32)
    if not how.iterations or not weight:
        return given
    floored = np.maximum(given, np.float32(LEAST_PROBABILITY))
    floored /= floored.sum(0)
    kept = contenders(floored, weight=weight)
    if kept.size == 1:
        return given
    dropped = np.setdiff1d(np.arange(len(given)), kept)
    rest = floored[dropped].sum(0, keepdims=True)
    energy = -np.log(np.concatenate([floored[kept], rest]) if dropped.size else floored)
    if len(energy) == 3:
        # An eighth faster with four labels: pydensecrf computes in lanes of four.
        energy = np.concatenate([energy, np.full_like(energy[:1], NEVER)])

    labels, height, width = energy.shape
    crf = DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(np.ascontiguousarray(energy.reshape(labels, -1)))
    if how.gaussian_weight:
        crf.addPairwiseGaussian(sxy=how.gaussian_xy, compat=how.gaussian_weight)
    if how.bilateral_weight:
        # A copy, because pydensecrf refuses read-only arrays, such as Pillow's.
        image = np.array(photograph, order="C")
        crf.addPairwiseBilateral(sxy=how.bilateral_xy, srgb=how.bilateral_rgb, rgbim=image, compat=how.bilateral_weight)
    found = np.asarray(crf.inference(how.iterations), np.float32).reshape(energy.shape)
    marginals = np.empty_like(given)
    marginals[kept] = found[: kept.size]
    if dropped.size:
        marginals[dropped] = floored[dropped] * (found[kept.size] / rest)
    return marginals


def crf_labels(
    photograph: npt.NDArray[np.uint8],
    probabilities: npt.NDArray[np.floating],
    how: CRF,
) -> npt.NDArray[np.uint8]:
    """The most probable class of each pixel after the CRF, uint8 (H, W). Arguments and errors as for `dense_crf`."""
    labels: npt.NDArray[np.uint8] = dense_crf(photograph, probabilities, how).argmax(0).astype(np.uint8)
    return labels


def contenders(probabilities: Probabilities, *, weight: float) -> Classes:
    """The classes that a CRF with pairwise weights of sum `weight` can make win, in order, of (C, H, W), normalised.

    Let D be the classes left out, ε their highest sum in any pixel, and B the bound of (K̃1)_u, K̃ the normalised
    kernels, none of them negative. The mean-field update is Q_u(l) = p_u(l) exp(w K̃Q(l))_u / Z_u with Z_u ≥ 1. So while
    D's sum does not exceed x, it does not exceed ε exp(w B x) in the next iteration, and with ε ≤ 1/(e w B) it stays
    within x = e ε for ever: no class of D gains more than a factor e on any other. Of the k classes kept one has
    p_u ≥ (1 - ε)/k, so with ε < 1/(1 + e k) none of D wins. The same holds for D taken as one class, which changes the
    others' marginals to second order in ε only (measured: by 1e-4 at most, and no pixel's label; leaving out D itself
    changes them by some 1e-2).
    """
    weakest_first = probabilities.max((1, 2)).argsort(kind="stable")
    count = len(weakest_first)
    remaining = count - np.arange(1, count)
    bound = np.minimum(1 / (e * KERNEL_SUM * weight), 0.99 / (1 + e * remaining))
    together = probabilities[weakest_first[:-1]].cumsum(0).max((1, 2), initial=0.0)
    droppable = np.flatnonzero(together <= bound)
    return np.sort(weakest_first[droppable[-1] + 1 :] if droppable.size else weakest_first)
