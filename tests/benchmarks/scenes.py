"""Photographs to measure with: drawn scenes, read through a manifest as the workflow's are."""

from pathlib import Path

from aepsl.data.manifest import Manifest
from aepsl.data.scenes.writer import write_scenes
from aepsl.machine import Machine
from aepsl.settings.sections import Dataset
from aepsl.settings.stages import ManifestSettings
from aepsl.stages import manifest


def drawn(folder: Path, *, count: int, size: int) -> tuple[Path, Manifest]:
    """Draw `count` scenes of long side `size` into `folder`: their manifest's file, and what it says."""
    write_scenes(folder / "scenes", "train", count=count, size=size, seed=0)
    path = folder / "train.json"
    settings = ManifestSettings(dataset=Dataset(format="scenes"), split="train")
    manifest.run(settings, scenes=[folder / "scenes" / "labels.csv"], output=path, machine=Machine())
    return path, Manifest.read(path)
