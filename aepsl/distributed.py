"""Several processes that train one network together (torch.distributed), as torchrun starts them.

A single process is the case of one; every function here then does nothing. A loss is a process's share: shares of all
processes add up to the loss of the whole batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from aepsl.machine import processes


@contextmanager
def together(network: nn.Module) -> Iterator[nn.Module]:
    """The network, trained by all processes until the block ends: gradients are averaged over them."""
    if processes() == 1:
        yield network
        return
    device = next(network.parameters()).device
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield DistributedDataParallel(network, broadcast_buffers=False)
    finally:
        distributed.destroy_process_group()


def bare(network: nn.Module) -> nn.Module:
    """The network itself, of one that several processes train."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def summed(value: Tensor) -> Tensor:
    """The sum of all processes' values, a constant to gradients."""
    value = value.detach()
    if not distributed.is_initialized():
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value
