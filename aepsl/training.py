"""The one trainer: of classifiers and of segmenters, restartable after each epoch, to the same bytes."""

import logging
import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aepsl.compute import Compute
from aepsl.data.batches import Batch, Batches
from aepsl.distributed import summed, together
from aepsl.errors import InputError
from aepsl.files import canonical, replacing, write_text
from aepsl.machine import processes, rank
from aepsl.models import Card, save
from aepsl.networks.parameters import parameter_groups
from aepsl.progress import bar
from aepsl.seeds import seed_of
from aepsl.settings.sections import Training

log = logging.getLogger(__name__)

Loss = Callable[[nn.Module, Tensor, Tensor, Tensor | None], dict[str, Tensor]]


def train(
    network: nn.Module,
    batches: Batches,
    loss: Loss,
    *,
    recipe: Training,
    compute: Compute,
    seed: int,
    title: str,
    checkpoint: Path,
    key: str,
) -> list[dict[str, Any]]:
    """Train `network` in place; returns the history, one record an epoch: its number, learning rate and mean losses.

    loss: (network, normalised images, labels (B, C), label maps or None) → `loss` and its terms, of several processes
    each one's share.
    checkpoint: a side file written after each epoch but the last; training goes on from it when its `key`
    (of settings, code and inputs) is this one's. Raises InputError when a loss is not finite: epoch, step, images.
    """
    compute.move(network)
    groups = parameter_groups(
        network, lr=recipe.lr, weight_decay=recipe.weight_decay, head_factor=recipe.head_lr_factor
    )
    optimizer = _optimizer(groups, recipe)
    base_rates = [group["lr"] for group in optimizer.param_groups]
    history = _resume(checkpoint, key, network, optimizer)
    first = len(history) + 1
    moving = bar(title, total=recipe.epochs * batches.steps, done=len(history) * batches.steps, unit="step")
    stream = batches.epochs(first, recipe.epochs, part=(rank(), processes()))
    with moving, together(network) as trained:
        for epoch in range(first, recipe.epochs + 1):
            torch.manual_seed(seed_of(seed, title, "dropout", epoch, *([rank()] if rank() else [])))
            network.train()
            totals: dict[str, float] = {}
            images = 0
            for step in range(batches.steps):
                factor = rate_factor(recipe, epoch - 1 + step / batches.steps)
                for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
                    group["lr"] = rate * factor
                batch = next(stream)
                terms = _step(trained, batch, loss, optimizer, compute)
                if not math.isfinite(terms["loss"]):
                    raise InputError(
                        f"{title}: the loss is {terms['loss']} in epoch {epoch}, step {step + 1}, images "
                        f"{', '.join(batch.ids[:4])}, …; try a smaller learning rate"
                    )
                images += batch.whole
                for name, value in terms.items():
                    totals[name] = totals.get(name, 0.0) + value * batch.whole
                moving.update()
                moving.set_postfix(epoch=epoch, loss=f"{totals['loss'] / images:.4f}", refresh=False)
            means = {name: round(total / images, 6) for name, total in totals.items()}
            history.append({"epoch": epoch, "lr": float(f"{recipe.lr * factor:.6g}"), **means})
            log.info("%s: epoch %d of %d, loss %.4f", title, epoch, recipe.epochs, means["loss"])
            if epoch < recipe.epochs and rank() == 0:
                _save(checkpoint, key, network, optimizer, history)
    return history


def keep(network: nn.Module, history: list[dict[str, Any]], card: Card, *, model: Path, records: Path) -> None:
    """Write what training made, the model and its history as JSON lines, and drop its checkpoint."""
    save(model, network, card)
    write_text(records, "".join(canonical(record) + "\n" for record in history))
    checkpoint_of(model).unlink(missing_ok=True)


def checkpoint_of(model: Path) -> Path:
    """The side file of a model in training."""
    return model.with_suffix(".resume")


def _step(
    network: nn.Module, batch: Batch, loss: Loss, optimizer: torch.optim.Optimizer, compute: Compute
) -> dict[str, float]:
    images, labels = compute.normalised(batch.images), batch.labels.to(compute.device)
    maps = None if batch.label_maps is None else batch.label_maps.to(compute.device)
    with compute.autocast():
        terms = loss(network, images, labels, maps)
    optimizer.zero_grad(set_to_none=True)
    (terms["loss"] * processes()).backward()  # gradients are averaged over the processes, shares of the loss add up
    optimizer.step()
    return {name: float(summed(value)) for name, value in terms.items()}


def rate_factor(recipe: Training, epoch: float) -> float:
    """What the learning rate is multiplied with at `epoch`, in epochs since the start, fractions too."""
    if recipe.schedule == "step":
        return 0.1 ** sum(epoch >= step for step in recipe.steps)
    warm_up = min(1.0, recipe.epochs / 5)
    if epoch < warm_up:
        return 0.1 + 0.9 * epoch / warm_up
    return 0.5 * (1 + math.cos(math.pi * (epoch - warm_up) / (recipe.epochs - warm_up)))


def _optimizer(groups: list[dict[str, Any]], recipe: Training) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)


def _save(path: Path, key: str, network: nn.Module, optimizer: torch.optim.Optimizer, history: list[Any]) -> None:
    state = {"key": key, "network": network.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _resume(path: Path, key: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Load the checkpoint, when there is one of this key, and return its history."""
    if not path.exists():
        return []
    fresh = deepcopy((network.state_dict(), optimizer.state_dict()))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["key"] != key:
            log.info("%s belongs to other settings, code or inputs: starting anew", path)
            return []
        weights, moments, history = state["network"], state["optimizer"], list(state["history"])
        network.load_state_dict(weights)
        optimizer.load_state_dict(moments)
    except Exception as error:  # a side file that cannot be read costs time, nothing else
        network.load_state_dict(fresh[0])  # of one that could be read in part
        optimizer.load_state_dict(fresh[1])
        log.info("%s cannot be read (%s): starting anew", path, error)
        return []
    log.info("%s: going on after epoch %d", path, len(history))
    return history
