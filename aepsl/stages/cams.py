"""Map where M_t sees the classes of each image's own labels in I_t: H_t^c (paper, Algorithm 1)."""

import logging
from pathlib import Path

from aepsl import stores
from aepsl.attention.views import averaged_maps
from aepsl.classifying import Classifying
from aepsl.compute import Compute
from aepsl.data.index import photographs
from aepsl.data.manifest import Manifest
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.settings.stages import CamsSettings
from aepsl.shards import WHOLE, Shard

log = logging.getLogger(__name__)


def run(
    settings: CamsSettings, *, images: Path, classifier: Path, output: Path, machine: Machine, shard: Shard = WHOLE
) -> None:
    """images: manifest of I_t. output: cams.h5, `/{image id}/{class}` at the network's resolution, uint8."""
    manifest = Manifest.read(images).shard(shard)
    classify = Classifying.load(classifier, Compute.on(machine, cpu_threads=settings.cpu_threads))
    card = classify.card

    attributes = {
        "title": f"class activation maps of round {settings.round}",
        "round": settings.round,
        "classes": list(card.classes),
        "units": "score; stored number times scale_factor",
        "settings": canonical(settings.model_dump()),
    }
    with stores.create(output, "cams", attributes) as store:
        for entry, photograph in photographs(manifest, f"round {settings.round} CAMs"):
            found = averaged_maps(
                classify.maps,
                photograph,
                stride=card.network.stride,
                flip=settings.attention.flip,
                scales=settings.attention.scales,
            )
            wanted = {label: found[card.classes.index(label)].cpu().numpy() for label in entry.labels}
            stored = {label: stores.to_bytes(map_) for label, map_ in wanted.items()}
            store.add(
                entry.id,
                {label: map_ for label, (map_, _) in stored.items()},
                size=photograph.shape[:2],
                scales={label: scale for label, (_, scale) in stored.items()},
            )
