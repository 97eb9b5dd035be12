"""Train the segmentation network by online prohibitive segmentation learning (paper, section 3.2)."""

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median_low

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aepsl.compute import Compute
from aepsl.data.batches import Batches
from aepsl.data.images import longest_side
from aepsl.data.manifest import Manifest, entries_by_id, one_hot
from aepsl.data.palette import load_label_map
from aepsl.data.void import VOID
from aepsl.distributed import bare
from aepsl.errors import InputError
from aepsl.losses import first_scores
from aepsl.machine import Machine, rank
from aepsl.models import Card, generator_of, load_weights
from aepsl.networks.build import backbone, initialised
from aepsl.networks.segmenter import Segmenter
from aepsl.parallel import in_processes
from aepsl.psl import psl_loss, seed_loss
from aepsl.seeds import seed_of
from aepsl.settings.sections import Segmentation
from aepsl.settings.stages import TrainSegmentationSettings
from aepsl.training import checkpoint_of, keep, train

TITLE = "segmentation"


def run(
    settings: TrainSegmentationSettings,
    *,
    images: Path,
    labels: list[Path],
    start: list[Path],
    truth: Path | None,
    model: Path,
    history: Path,
    machine: Machine,
    key: str,
) -> None:
    """images: manifest of the photographs. labels: the index of their label maps; none: `truth`, a folder of masks.

    start: a model whose weights training goes on from; none: ImageNet's or random ones, as the settings say.
    model, history: outputs. key: names settings, code and inputs of this job.
    """
    compute = Compute.on(machine, cpu_threads=settings.cpu_threads)
    manifest = Manifest.read(images)
    draw = generator_of(seed_of(settings.seed, TITLE, "weights"))
    first = backbone if start else initialised
    network = Segmenter(first(settings.network, draw), len(manifest.classes), generator=draw)
    for path in start:
        load_weights(path, network)
    if settings.segmentation.loss == "cross_entropy":
        network.branch.requires_grad_(False)  # no loss reaches it, and several processes would wait for its gradients
    recipe = settings.segmentation.training
    log_odds = None
    if settings.segmentation.branch_loss == "balanced":
        found = torch.tensor([one_hot(manifest, entry.labels) for entry in manifest.entries])
        log_odds = first_scores(found, form="bce").to(compute.device)
    label_maps = _label_maps(manifest, labels, truth)
    mean_pixel = manifest.training_mean()
    records = train(
        network,
        Batches(
            manifest,
            recipe=recipe,
            mean_pixel=mean_pixel,
            seed=settings.seed,
            purpose=TITLE,
            workers=machine.workers,
            label_maps=label_maps,
        ),
        lambda *batch: loss(*batch, how=settings.segmentation, log_odds=log_odds),
        recipe=recipe,
        compute=compute,
        seed=settings.seed,
        title=TITLE,
        checkpoint=checkpoint_of(model),
        key=key,
    )
    if rank():
        return  # the first process writes for all
    if settings.segmentation.background_share == "all":
        raise_background(network.score, labelled_background(label_maps.values(), workers=machine.workers))
    side = median_low(longest_side(manifest.file(entry)) for entry in manifest.entries)
    card = Card("segmenter", None, manifest.classes, mean_pixel, settings.network, settings.model_dump(), side)
    keep(network, records, card, model=model, records=history)


def loss(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    maps: Tensor | None,
    *,
    how: Segmentation,
    log_odds: Tensor | None = None,
) -> dict[str, Tensor]:
    """PSL, or plain cross-entropy, of one batch, at the score maps' resolution or at the pixels'.

    log_odds: as `psl_loss` takes them.
    """
    assert maps is not None
    scores, class_scores = network(images)
    if how.loss_at == "scores":
        stride = bare(network).backbone.stride
        maps = maps[:, ::stride, ::stride]  # cell j sits at pixel stride·j
    else:
        scores = F.interpolate(scores.float(), size=maps.shape[1:], mode="bilinear", align_corners=True)
    if how.loss == "cross_entropy":
        return {"loss": seed_loss(scores, maps)}
    return psl_loss(
        scores,
        class_scores,
        maps,
        labels,
        class_score_form=how.class_scores,
        branch_loss=how.branch_loss,
        branch_weight=how.branch_weight,
        online_classes=how.online_classes,
        log_odds=log_odds,
    )


def raise_background(score: nn.Conv2d, labelled: float) -> None:
    """Add to background's score what it lacks where only this share of background was `labelled`; score: the layer.

    Among the labelled pixels background is as many times rarer than among all; its log-odds differ by -log of the share
    (Elkan and Noto, "Learning Classifiers from Only Positive and Unlabeled Data", KDD 2008).
    """
    assert score.bias is not None
    with torch.no_grad():
        score.bias[0] -= math.log(labelled)


def labelled_background(label_maps: Iterable[Path], *, workers: int) -> float:
    """Of the pixels that are background, the share in (0, 1] that is labelled, if all that is ignored is background."""

    def count(path: Path) -> npt.NDArray[np.int64]:
        labels = load_label_map(path)
        return np.array([(labels == 0).sum(), (labels == VOID).sum()])

    labelled, ignored = sum(in_processes(count, label_maps, workers=workers), start=np.zeros(2, np.int64))
    return float((labelled + 0.5) / (labelled + ignored + 0.5))  # not 0 where none is labelled


def _label_maps(manifest: Manifest, labels: list[Path], truth: Path | None) -> dict[str, Path]:
    """Image id → file of its label map."""
    if labels:
        index = Manifest.read(labels[0])
        entries = entries_by_id(index, labels[0], [entry.id for entry in manifest.entries])
        found = {image_id: index.file(entry) for image_id, entry in entries.items()}
    elif truth is not None:
        found = {entry.id: entry.mask(truth) for entry in manifest.entries}
    else:
        raise InputError("segmentation.labels is truth, but the dataset has no folder of ground-truth masks")
    if missing := [path for path in found.values() if not path.exists()]:
        raise InputError(f"{missing[0]}: no such label map ({len(missing)} of {len(found)} missing)")
    return found
