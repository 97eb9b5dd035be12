"""Refine the predictions by a fully connected CRF (Krähenbühl and Koltun; DeepLab's parameters)."""

from pathlib import Path

from aepsl import stores
from aepsl.crf import crf_labels
from aepsl.data.images import load_photograph
from aepsl.data.index import made, write_index
from aepsl.data.manifest import BACKGROUND, Entry, Manifest
from aepsl.data.palette import save_label_map
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.prediction import probabilities, stack, upsampled_scores
from aepsl.progress import each
from aepsl.settings.stages import CrfSettings
from aepsl.shards import WHOLE, Shard


def run(
    settings: CrfSettings, *, images: Path, scores: Path, output: Path, machine: Machine, shard: Shard = WHOLE
) -> None:
    """images: manifest. scores: scores.h5 of the same images. output: index.json of palette PNGs, written last."""
    manifest = Manifest.read(images).shard(shard)

    def refine(entry: Entry) -> Entry:
        photograph = load_photograph(manifest.file(entry))
        size, names = photograph.shape[:2], (BACKGROUND, *manifest.classes)
        labels, found = stack(stores.opened(scores, "scores").read(entry.id, names=names, size=size), manifest.classes)
        unary = probabilities(upsampled_scores(found, size))
        refined = labels[crf_labels(photograph, unary, settings.crf)]
        return made(entry, output.parent, save_label_map, refined)

    write_index(manifest, in_processes(refine, each(manifest.entries, "CRF"), workers=machine.workers), output)
