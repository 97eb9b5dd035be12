"""Judge each round's classifier on the validation photographs, by their image-level labels: mAP."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from aepsl.classifying import Classifying
from aepsl.compute import Compute
from aepsl.data.index import photographs
from aepsl.data.manifest import Manifest, one_hot
from aepsl.errors import InputError
from aepsl.files import write_json
from aepsl.machine import Machine
from aepsl.metrics import average_precision, rounded
from aepsl.settings.stages import JudgeClassifiersSettings


def run(
    settings: JudgeClassifiersSettings, *, images: Path, classifiers: list[Path], output: Path, machine: Machine
) -> None:
    """images: manifest of whole photographs, nothing erased. classifiers: of rounds 1..T.

    output: classifiers.json, a record a round: VOC's average precision of each class that the photographs have, `map`
    its mean.
    """
    manifest = Manifest.read(images)
    labelled = tuple(entry for entry in manifest.entries if entry.labels)  # of others nothing is known
    manifest = replace(manifest, entries=labelled)
    labels = np.array([one_hot(manifest, entry.labels) for entry in labelled], bool)
    if not labelled:
        raise InputError(f"{images}: no image has a label to judge classifiers by")
    compute = Compute.on(machine, cpu_threads=settings.cpu_threads)
    judging = [Classifying.load(path, compute) for path in classifiers]

    scores = np.array(
        [
            [classify.class_scores(photograph) for classify in judging]
            for _, photograph in photographs(manifest, "classifiers")
        ]
    )
    records = []
    for t in range(1, len(judging) + 1):
        found = average_precision(scores[:, t - 1], labels)
        by_class = {name: rounded(ap) for name, ap in zip(manifest.classes, found, strict=True)}
        records.append({"round": t, "map": rounded(float(np.nanmean(found))), "average_precision": by_class})
    write_json(output, {"images": len(labelled), "rounds": records})
