"""Train round t's classifier M_t on I_t, from fresh initial weights (paper, Algorithm 1)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from aepsl.attention.protocol import method
from aepsl.compute import Compute
from aepsl.data.batches import Batches
from aepsl.data.images import aligned_size, load_photograph, resize
from aepsl.data.manifest import Manifest, one_hot
from aepsl.errors import InputError
from aepsl.losses import constant_loss, first_scores
from aepsl.machine import Machine, rank
from aepsl.models import Card, generator_of
from aepsl.networks.build import initialised
from aepsl.parallel import ahead
from aepsl.seeds import seed_of
from aepsl.settings.stages import TrainClassifierSettings
from aepsl.training import Loss, checkpoint_of, keep, train


def run(
    settings: TrainClassifierSettings, *, images: Path, model: Path, history: Path, machine: Machine, key: str
) -> None:
    """images: manifest of I_t. model, history: outputs. key: names settings, code and inputs of this job."""
    compute = Compute.on(machine, cpu_threads=settings.cpu_threads)
    manifest = Manifest.read(images)
    title = f"round {settings.round} classifier"
    draw = generator_of(seed_of(settings.seed, title, "weights"))
    attention = method(settings.attention)
    labels = torch.tensor([one_hot(manifest, entry.labels) for entry in manifest.entries])
    _check_that_there_is_something_to_tell_apart(labels)
    network = attention.network(initialised(settings.network, draw), first_scores(labels, form=settings.loss), draw)
    mean_pixel = manifest.training_mean()

    def loss(network: nn.Module, batch: Tensor, labels: Tensor, _maps: Tensor | None) -> dict[str, Tensor]:
        return attention.loss(network, batch, labels, form=settings.loss)

    records = train(
        network,
        Batches(
            manifest,
            recipe=settings.training,
            mean_pixel=mean_pixel,
            seed=settings.seed,
            purpose=title,
            workers=machine.workers,
        ),
        loss,
        recipe=settings.training,
        compute=compute,
        seed=settings.seed,
        title=title,
        checkpoint=checkpoint_of(model),
        key=key,
    )
    if rank():
        return  # the first process writes for all
    records[-1]["converged_loss"] = round(_converged_loss(network, manifest, labels, loss, compute), 6)
    records[-1]["constant_loss"] = round(constant_loss(labels, form=settings.loss), 6)
    card = Card("classifier", settings.attention, manifest.classes, mean_pixel, settings.network, settings.model_dump())
    keep(network, records, card, model=model, records=history)


def _check_that_there_is_something_to_tell_apart(labels: Tensor) -> None:
    """labels: (N, C). Raises InputError where one answer is right for all photographs: maps would be of chance."""
    if bool((labels == labels[0]).all()):
        raise InputError("all training photographs have the same labels: a classifier learns from what differs")


@torch.no_grad()
def _converged_loss(network: nn.Module, manifest: Manifest, labels: Tensor, loss: Loss, compute: Compute) -> float:
    """The loss on I_t after the last epoch, in evaluation mode, on whole images: it rises when erasing went too far."""
    network.eval()
    stride = int(network.backbone.stride)  # type: ignore[union-attr, arg-type]
    total = 0.0
    photographs = ahead(lambda entry: load_photograph(manifest.file(entry)), manifest.entries)
    for photograph, target in zip(photographs, labels, strict=True):
        view = resize(photograph, aligned_size(photograph.shape[:2], stride))
        image = compute.normalised(torch.tensor(view).permute(2, 0, 1)[None])
        with compute.autocast():
            total += float(loss(network, image, target[None].to(compute.device), None)["loss"])
    return total / len(labels)
