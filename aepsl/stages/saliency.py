"""Where objects are likely, without labels: the saliency that supplies the background (paper, section 3.2)."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from aepsl import stores
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Entry, Manifest
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.settings.sections import Saliency
from aepsl.settings.stages import SaliencySettings
from aepsl.shards import WHOLE, Shard


def run(settings: SaliencySettings, *, images: Path, output: Path, machine: Machine, shard: Shard = WHOLE) -> None:
    """images: manifest of the photographs. output: saliency.h5, `/{image id}/saliency`, 0..255 for 0..1."""
    manifest = Manifest.read(images).shard(shard)
    detect = _detector(settings.saliency)

    def look(entry: Entry) -> tuple[str, np.ndarray]:
        photograph = load_photograph(manifest.file(entry))
        found = detect(photograph, entry.id)
        return entry.id, np.rint(found * 255).astype(np.uint8)

    attributes = {
        "title": "saliency",
        "units": "1; stored number times scale_factor",
        "settings": canonical(settings.model_dump()),
    }
    with stores.create(output, "saliency", attributes) as store:
        for image_id, found in in_processes(look, each(manifest.entries, "saliency"), workers=machine.workers):
            store.add(image_id, {"saliency": found}, size=found.shape, scales={"saliency": 1 / 255})  # type: ignore[arg-type]


def _detector(settings: Saliency) -> Callable[[np.ndarray, str], np.ndarray]:
    """Photograph (H, W, 3) and id → map (H, W) in [0, 1]; only the chosen method's module is imported."""
    module = import_module(f"aepsl.saliency.{settings.method}")
    if settings.method == "external":
        return lambda photograph, image_id: module.external_map(
            Path(settings.folder or "."), image_id, photograph.shape[:2]
        )
    return lambda photograph, image_id: module.rbd(photograph)
