"""The CAM stage, from reading the model to the closed file, against bare forward passes on ready tensors.

The paper's network in full width on photographs of 320 pixels, where the passes are the work; each image is seen twice,
once mirrored, by both sides.
"""

from pathlib import Path

import numpy as np
import torch

from aepsl.attention import cam
from aepsl.compute import Compute
from aepsl.data.images import aligned_size, load_photograph, resize
from aepsl.machine import Machine
from aepsl.models import Card, generator_of, save
from aepsl.networks.build import backbone
from aepsl.settings.sections import Attention, Network
from aepsl.settings.stages import CamsSettings
from aepsl.stages import cams
from tests.benchmarks.measure import Finding, in_turn
from tests.benchmarks.scenes import drawn

SCENES, SIZE, TURNS = 12, 320, 3


def measure(folder: Path) -> list[Finding]:
    """Images a second of `cams.run` to those of the network alone."""
    path, manifest = drawn(folder, count=SCENES, size=SIZE)
    settings = Network(weights=None)
    machine = Machine(device="cpu")
    compute = Compute.on(machine, cpu_threads=2)
    draw = generator_of(0)
    network = cam.network(backbone(settings, draw), torch.zeros(len(manifest.classes)), draw).eval()
    model = folder / "classifier.safetensors"
    save(model, network, Card("classifier", "cam", manifest.classes, (0.0, 0.0, 0.0), settings, {}))
    compute.move(network)
    ready = []
    for entry in manifest.entries:
        photograph = load_photograph(manifest.file(entry))
        view = np.array(resize(photograph, aligned_size(photograph.shape[:2], settings.stride)))
        image = torch.from_numpy(view).permute(2, 0, 1)
        ready.append(compute.normalised(torch.stack([image, image.flip(2)])))

    def stage() -> None:
        own = CamsSettings(round=1, cpu_threads=2, attention=Attention())
        cams.run(own, images=path, classifier=model, output=folder / "cams.h5", machine=machine)

    @torch.no_grad()
    def bare() -> None:
        for images in ready:
            with compute.autocast():
                cam.maps(network, images)

    timed = in_turn(stage, bare, turns=TURNS)
    note = f"{SCENES / timed.ours:.2f} to {SCENES / timed.bare:.2f} images/s, VGG16 at {SIZE} px, {compute.precision}"
    return [Finding("CAMs / bare passes", 1 / timed.ratio, 0.80, note, more_is_better=True)]
