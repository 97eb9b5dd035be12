"""Label the training photographs by the trained network itself, absent classes left out: what PSL++ learns from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aepsl.compute import Compute
from aepsl.crf import crf_labels
from aepsl.data.index import made, photographs, write_index
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.prediction import probabilities, upsampled_scores
from aepsl.segmenting import Segmenting
from aepsl.settings.stages import SelfLabelsSettings
from aepsl.shards import WHOLE, Shard


def run(
    settings: SelfLabelsSettings, *, images: Path, model: Path, output: Path, machine: Machine, shard: Shard = WHOLE
) -> None:
    """images: manifest of the training photographs. output: index.json of palette PNGs, written last."""
    manifest = Manifest.read(images).shard(shard)
    segment = Segmenting.load(model, Compute.on(machine, cpu_threads=settings.cpu_threads))

    def scored() -> Iterator[tuple[Entry, np.ndarray, np.ndarray, np.ndarray]]:
        for entry, photograph in photographs(manifest, "self-labels"):
            scores, _ = segment(photograph)
            labels = np.array([0, *manifest.label_indices(entry)], np.uint8)
            yield entry, photograph, labels, scores[labels]

    def label(item: tuple[Entry, np.ndarray, np.ndarray, np.ndarray]) -> Entry:
        entry, photograph, labels, scores = item
        found = probabilities(upsampled_scores(scores, photograph.shape[:2]))
        crf = settings.crf
        best = crf_labels(photograph, found, crf) if crf else found.argmax(0)
        return made(entry, output.parent, save_label_map, labels[best])

    write_index(manifest, in_processes(label, scored(), workers=machine.workers), output)
