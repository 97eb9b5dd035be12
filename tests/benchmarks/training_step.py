"""A training step as the stage takes it, loader and trainer included, against the bare step on ready tensors.

VGG16 DeepLab-LargeFOV in full width on crops of 321 pixels, as the paper trains it, but 4 images a step on the CPU.
Where there is a GPU, on that too, 30 a step: whether the reading keeps up with it.
"""

from pathlib import Path

import torch

from aepsl.attention import cam
from aepsl.compute import Compute
from aepsl.data.batches import Batches
from aepsl.machine import Machine, usable_cpus
from aepsl.models import generator_of
from aepsl.networks.build import backbone
from aepsl.settings.sections import Network, Training
from aepsl.training import train
from tests.benchmarks.measure import Finding, in_turn
from tests.benchmarks.scenes import drawn

SIZE, TURNS = 500, 3


def measure(folder: Path) -> list[Finding]:
    """Time of an epoch of `train`, the start of its workers too, to that of as many bare steps."""
    found = [_measured(folder / "cpu", "cpu", batch=4, steps=6)]
    if torch.cuda.is_available():
        found.append(_measured(folder / "gpu", "cuda", batch=30, steps=20))
    return found


def _measured(folder: Path, device: str, *, batch: int, steps: int) -> Finding:
    _, manifest = drawn(folder, count=steps * batch, size=SIZE)
    compute = Compute.on(Machine(device=device), cpu_threads=2)
    draw = generator_of(0)
    network = compute.move(
        cam.network(backbone(Network(weights=None), draw), torch.zeros(len(manifest.classes)), draw)
    ).train()
    recipe = Training(epochs=1, batch=batch, lr=1e-6)

    def loss(network, images, labels, _maps):  # type: ignore[no-untyped-def]
        return cam.loss(network, images, labels, form="squared")

    def batches(workers: int) -> Batches:
        mean_pixel = manifest.mean_pixel or (0.0, 0.0, 0.0)
        return Batches(manifest, recipe=recipe, mean_pixel=mean_pixel, seed=0, purpose="benchmark", workers=workers)

    def trained() -> None:
        checkpoint = folder / "resume"
        train(
            network,
            batches(usable_cpus()),
            loss,
            recipe=recipe,
            compute=compute,
            seed=0,
            title="benchmark",
            checkpoint=checkpoint,
            key="",
        )

    ready = [(compute.normalised(b.images), b.labels.to(compute.device)) for b in batches(1).epochs(1, 1)]
    optimizer = torch.optim.SGD(network.parameters(), lr=recipe.lr, momentum=recipe.momentum)

    def bare() -> None:
        for images, labels in ready:
            with compute.autocast():
                found = loss(network, images, labels, None)["loss"]
            optimizer.zero_grad(set_to_none=True)
            found.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    timed = in_turn(trained, bare, turns=TURNS)
    seconds = f"{timed.ours / steps:.3f} s to {timed.bare / steps:.3f} s a step of {batch}"
    note = f"{seconds}, VGG16 at 321 px, {compute.precision}, {compute.device_name()}"
    return Finding("training step / bare step" + (" (GPU)" if device == "cuda" else ""), timed.ratio, 1.10, note)
