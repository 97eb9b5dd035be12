"""Losses of online prohibitive segmentation learning (paper, section 3.2): tensors in, scalars out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from aepsl.data.void import VOID
from aepsl.distributed import summed
from aepsl.losses import classification_loss
from aepsl.networks.heads import class_probabilities


def seed_loss(scores: Tensor, target: Tensor) -> Tensor:
    """J(f, S) = -1/|S| Σ_u log f_u,S(u) over the labelled pixels of the batch (paper, section 3.2).

    scores: (B, C+1, h, w), before the softmax; target: (B, h, w), 255 is not labelled. Zero where nothing is.
    """
    if scores.shape[0] != target.shape[0] or scores.shape[2:] != target.shape[1:]:
        raise ValueError(f"scores and target must cover one grid. Got: {tuple(scores.shape)} and {tuple(target.shape)}")
    target = target.long()
    total = F.cross_entropy(scores.float(), target, ignore_index=VOID, reduction="sum")
    return total / summed((target != VOID).sum()).clamp(min=1)


def class_weights(class_scores: Tensor, labels: Tensor, *, form: str) -> Tensor:
    """[1, v] (B, C+1): 1 for the background, v for the classes (paper, section 3.2).

    v from the branch's scores (B, C) as `sigmoid` or `softmax`, or the image-level `labels` (B, C) themselves.
    """
    v = labels.float() if form == "labels" else class_probabilities(class_scores, form=form)
    return torch.cat([torch.ones_like(v[:, :1]), v], dim=1)


@torch.no_grad()
def prohibitive_target(scores: Tensor, weights: Tensor, *, allowed: Tensor | None = None) -> Tensor:
    """Ŝ = argmax over the channels of [1, v] ⊗ f(I; θ), a label for every pixel, treated as a constant.

    scores: (B, C+1, h, w), before the softmax; weights: [1, v] (B, C+1). allowed: (B, C+1) of 0 and 1; pixels won by a
    class that is not allowed get 255 and carry no loss. Returns int64 (B, h, w).
    """
    target = (scores.float().softmax(1) * weights[:, :, None, None]).argmax(1)
    if allowed is not None:
        won = allowed.bool().gather(1, target.flatten(1)).view_as(target)
        target = torch.where(won, target, VOID)
    return target


def psl_loss(
    scores: Tensor,
    class_scores: Tensor,
    target: Tensor,
    labels: Tensor,
    *,
    class_score_form: str = "sigmoid",
    branch_loss: str = "bce",
    branch_weight: float = 1.0,
    online_classes: str = "all",
    log_odds: Tensor | None = None,
) -> dict[str, Tensor]:
    """Online prohibitive segmentation learning: J(f, S) + J(f, Ŝ) + classification loss of the branch (section 3.2).

    scores: (B, C+1, h, w); class_scores: (B, C) of the branch; target: S (B, h, w), 255 ignored; labels: (B, C).
    Each J is divided by its own number of labelled pixels. online_classes: `all`, or `labels` for Ŝ's pixels of the
    background and the image's own classes only. branch_loss: `squared`, `bce`, or `balanced`, which adds the classes'
    log_odds (C,) among the training images to the branch's scores, so that these learn what an image adds to them
    (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021). Returns the sum as `loss`, and its terms.
    """
    if (branch_loss == "balanced") != (log_odds is not None):
        raise ValueError(f"log_odds belong to the branch loss balanced. Got: {branch_loss!r}")
    judged, form = (class_scores + log_odds, "bce") if log_odds is not None else (class_scores, branch_loss)
    weights = class_weights(class_scores, labels, form=class_score_form)
    allowed = torch.cat([torch.ones_like(labels[:, :1]), labels], dim=1) if online_classes == "labels" else None
    online = prohibitive_target(scores, weights, allowed=allowed)
    terms = {
        "seed": seed_loss(scores, target),
        "online": seed_loss(scores, online),
        "branch": classification_loss(judged, labels, form=form),
    }
    return {"loss": terms["seed"] + terms["online"] + branch_weight * terms["branch"], **terms}
