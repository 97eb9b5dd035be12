"""Draw the embedded photographs, in the layout of VOC."""

from pathlib import Path

from aepsl.data.scenes.writer import write_scenes
from aepsl.settings.stages import ScenesSettings


def run(settings: ScenesSettings, *, output: Path) -> None:
    """output: labels.csv, written last; photographs, masks, parts and lists come to lie beside it."""
    scenes = settings.scenes
    write_scenes(output.parent, train=scenes.train, val=scenes.val, size=scenes.size, seed=scenes.seed)
