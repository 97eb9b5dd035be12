"""Draw the data, the rounds' training with the converged loss, and the segmentation network's."""

from pathlib import Path

from aepsl.data.manifest import Manifest
from aepsl.figures import data as drawing
from aepsl.figures import training
from aepsl.figures.style import save
from aepsl.files import read_json_lines, whole
from aepsl.merging import merged_rounds
from aepsl.settings.stages import PlotTrainingSettings

LOSSES = {"squared": "squared error", "bce": "cross-entropy, nats"}


def run(
    settings: PlotTrainingSettings,
    *,
    train: Path,
    val: Path,
    histories: list[Path],
    segmentation_history: Path,
    data: Path,
    rounds: Path,
    segmentation: Path,
) -> None:
    """train, val: manifests. histories: of rounds 1..T. data, rounds, segmentation: the figures, SVG."""
    with whole(*histories):
        merged = settings.merge
        if merged == "auto":
            assert settings.jump is not None
            merged = merged_rounds(histories, jump=settings.jump)
        read = [read_json_lines(path) for path in histories]
        curves = training.rounds(read, merged=merged, loss=LOSSES[settings.loss])
    with whole(segmentation_history):
        learned = training.segmentation(read_json_lines(segmentation_history))
    save(drawing.data(Manifest.read(train), Manifest.read(val)), data)
    save(curves, rounds)
    save(learned, segmentation)
