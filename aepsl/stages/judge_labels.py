"""Judge the label maps that a segmentation network learned from. Nothing is trained on what is found."""

from pathlib import Path

from aepsl.data.manifest import Entry, Index, Manifest
from aepsl.data.palette import load_label_map, load_truth
from aepsl.errors import InputError
from aepsl.files import write_json
from aepsl.machine import Machine
from aepsl.parallel import in_processes
from aepsl.progress import each
from aepsl.quality import LabelCounts
from aepsl.settings.stages import JudgeLabelsSettings


def run(
    settings: JudgeLabelsSettings, *, images: Path, labels: list[Path], truth: Path, output: Path, machine: Machine
) -> None:
    """labels: the index of the label maps. truth: folder of the masks. output: labels.json, see `LabelCounts`.

    Raises InputError where the network learned from the truth.
    """
    if not labels:
        raise InputError("segmentation.labels is truth: there are no label maps to judge")
    manifest = Manifest.read(images)
    classes = len(manifest.classes) + 1
    found = Index.of(labels[0], (entry.id for entry in manifest.entries))

    def count(entry: Entry) -> LabelCounts:
        given = load_label_map(found.file(entry.id))
        return LabelCounts.of(given, load_truth(entry.mask(truth), size=given.shape, classes=classes), classes)

    total = LabelCounts()
    for counts in in_processes(count, each(manifest.entries, "label maps"), workers=machine.workers):
        total += counts
    write_json(output, total.summary())
