"""A training step of MobileNetV2 on a CPU with our depthwise convolutions against one with torch's own.

At stride 16 on crops of 257 pixels, as configs/voc20.yaml and configs/folder.yaml train it, but 8 images a step.
"""

from pathlib import Path

import torch
from torch import nn

from aepsl.attention import cam
from aepsl.compute import Compute
from aepsl.machine import Machine
from aepsl.models import generator_of
from aepsl.networks.build import backbone
from aepsl.networks.depthwise import Depthwise
from aepsl.settings.sections import Network
from tests.benchmarks.measure import Finding, in_turn

IMAGES, SIDE, CLASSES, TURNS = 8, 257, 20, 5


def measure(_folder: Path) -> list[Finding]:
    """Time of a step with ours to that of a step with torch's."""
    compute = Compute.on(Machine(device="cpu"), cpu_threads=2)
    draw = generator_of(0)
    images = torch.randint(256, (IMAGES, 3, SIDE, SIDE), generator=draw, dtype=torch.uint8)
    labels = torch.randint(2, (IMAGES, CLASSES), generator=draw).float()
    ours, theirs = (_network(compute, own=own) for own in (True, False))

    def step(network: nn.Module) -> None:
        with compute.autocast():
            loss = cam.loss(network, compute.normalised(images), labels, form="bce")["loss"]
        network.zero_grad(set_to_none=True)
        loss.backward()

    timed = in_turn(lambda: step(ours), lambda: step(theirs), turns=TURNS)
    note = f"{timed.ours:.2f} s to {timed.bare:.2f} s a step of {IMAGES}, MobileNetV2 at {SIDE} px, {compute.precision}"
    return [Finding("depthwise convolutions / torch's", timed.ratio, 0.80, note)]


def _network(compute: Compute, *, own: bool) -> nn.Module:
    draw = generator_of(0)
    network = cam.network(
        backbone(Network(backbone="mobilenet_v2", stride=16, weights=None), draw), torch.zeros(CLASSES), draw
    )
    if not own:
        for layer in network.modules():
            if isinstance(layer, Depthwise):
                layer.__class__ = nn.Conv2d
    return compute.move(network).train()
