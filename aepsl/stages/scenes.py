"""Draw the embedded photographs of a split, in the layout of VOC."""

from pathlib import Path

from aepsl.data.scenes.writer import write_scenes
from aepsl.settings.stages import ScenesSettings


def run(settings: ScenesSettings, *, output: Path) -> None:
    """output: labels.csv, written last; photographs, masks, parts and lists come to lie beside it."""
    write_scenes(output.parent, settings.split, count=settings.count, size=settings.size, seed=settings.seed)
