"""Segment the validation photographs with the trained network, at a single scale."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from aepsl import stores
from aepsl.compute import Compute
from aepsl.data.index import made, photographs, write_index
from aepsl.data.manifest import BACKGROUND, Manifest
from aepsl.data.palette import save_label_map
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.prediction import candidates, label_map, prohibited
from aepsl.segmenting import Segmenting
from aepsl.settings.stages import PredictSettings
from aepsl.shards import WHOLE, Shard


def run(
    settings: PredictSettings,
    *,
    images: Path,
    model: Path,
    scores: Path,
    output: Path,
    machine: Machine,
    shard: Shard = WHOLE,
) -> None:
    """images: manifest. scores: scores.h5, before the softmax, at the network's resolution. output: index.json of the
    palette PNGs, written last."""
    segment = Segmenting.load(model, Compute.on(machine, cpu_threads=settings.cpu_threads))
    manifest = Manifest.read(images).shard(shard)
    names = (BACKGROUND, *segment.card.classes)
    attributes = {
        "title": "segmentation scores",
        "classes": list(names),
        "units": "score before the softmax",
        "settings": canonical(settings.model_dump()),
    }

    entries = []
    with stores.create(scores, "scores", attributes) as store:
        for entry, photograph in photographs(manifest, "predictions"):
            found, class_scores = segment(photograph)
            found = prohibited(found, class_scores, below=settings.prohibit_below)
            size = photograph.shape[:2]
            labels = label_map(found, size)
            kept = candidates(found, labels)
            store.add(entry.id, {names[k]: found[k].astype(np.float16) for k in kept}, size=size)
            entries.append(made(entry, output.parent, save_label_map, labels))
    write_index(replace(manifest, classes=segment.card.classes), entries, output)
