"""What an optimiser does to which parameters."""

from typing import Any

from torch import nn


def parameter_groups(
    network: nn.Module, *, lr: float, weight_decay: float, head_factor: float = 10.0
) -> list[dict[str, Any]]:
    """Groups for a torch optimiser: all outside `network.backbone` learns `head_factor` times as fast (DeepLab).

    Biases and norms, all that has one dimension, are not decayed; unlike in Caffe's DeepLab they learn no faster than
    weights. At most four groups, in the order of `named_parameters()`; frozen parameters are left out.
    """
    groups: dict[tuple[bool, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        head, decayed = not name.startswith("backbone."), parameter.ndim > 1
        group = groups.setdefault(
            (head, decayed),
            {
                "params": [],
                "lr": lr * head_factor if head else lr,
                "weight_decay": weight_decay if decayed else 0.0,
            },
        )
        group["params"].append(parameter)
    return list(groups.values())
