"""Losses on class scores: of the classifier, and of the segmenter's branch.

Of several processes that train together each has its share of the batch's loss (`distributed`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from aepsl.distributed import summed


def classification_loss(scores: Tensor, labels: Tensor, *, form: str) -> Tensor:
    """Multi-label classification loss on class scores (B, C) against image-level labels (B, C) of 0 and 1.

    `squared`: J = 1/N Σ_i Σ_k (p_ik - p̂_ik)², p the softmax of the scores, p̂ = y/‖y‖₁ (HCP, arXiv 1406.5726; the
    "squared label prediction loss" of the paper's section 3.1). `bce`: mean sigmoid cross-entropy.
    """
    if scores.shape != labels.shape:
        raise ValueError(f"scores and labels must have one shape. Got: {tuple(scores.shape)} and {tuple(labels.shape)}")
    scores, labels = scores.float(), labels.float()
    images = summed(torch.tensor(float(len(labels)), device=labels.device))
    if form == "squared":
        target = labels / labels.sum(1, keepdim=True).clamp(min=1)
        return (scores.softmax(1) - target).square().sum() / images
    if form == "bce":
        total = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum")
        return total / (images * labels.shape[1])
    raise ValueError(f"form is squared or bce. Got: {form!r}")


def constant_loss(labels: Tensor, *, form: str) -> float:
    """The least loss that one prediction for all images can have: what a classifier that sees nothing reaches.

    labels: (N, C) of 0 and 1. For `squared` the mean target, for `bce` each class's frequency is that prediction.
    """
    labels = labels.double()
    if form == "squared":
        target = labels / labels.sum(1, keepdim=True).clamp(min=1)
        return float((target - target.mean(0)).square().sum(1).mean())
    frequency = labels.mean(0)
    return float(F.binary_cross_entropy(frequency.expand_as(labels), labels))


def first_scores(labels: Tensor, *, form: str) -> Tensor:
    """Scores (C,) float32 that a classifier starts from, before it has looked at an image; labels: (N, C) of 0 and 1.

    For `bce` each class's log-odds, (n + ½) / (N - n + ½) of N images (Lin et al., ICCV 2017, 4.1, start a rare class
    so): learning that a class is rare would otherwise make its maps negative everywhere. For `squared` zeros: only
    differences of scores count there.
    """
    if form != "bce":
        return torch.zeros(labels.shape[1])
    found = labels.double().sum(0)
    return torch.log((found + 0.5) / (len(labels) - found + 0.5)).float()
