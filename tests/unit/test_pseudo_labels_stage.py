"""The stage around the rule: what label maps lack is told."""

import logging
from pathlib import Path

import numpy as np
import pytest

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.settings.stages import PseudoLabelsSettings
from aepsl.stages import pseudo_labels

SIZE = (4, 6)
CLASSES = ("cat", "dog", "yak")


def labelled(folder: Path, mined: dict[str, dict[str, int]], saliency: int) -> Path:
    """Run the stage on images of which classes' first columns are mined, under one saliency everywhere."""
    entries = tuple(Entry(i, f"{i}.png", tuple(found), "") for i, found in mined.items())
    manifest = folder / "train.json"
    Manifest(CLASSES, None, ".", entries).write(manifest)
    with (
        stores.create(folder / "masks.h5", "masks", {}) as masks,
        stores.create(folder / "saliency.h5", "saliency", {}) as maps,
    ):
        for image_id, found in mined.items():
            regions = {name: np.zeros(SIZE, np.uint8) for name in found}
            for name, columns in found.items():
                regions[name][:, :columns] = 255
            masks.add(image_id, regions, size=SIZE)
            maps.add(image_id, {"saliency": np.full(SIZE, saliency, np.uint8)}, size=SIZE)
    output = folder / "pseudo_labels/index.json"
    output.parent.mkdir()
    pseudo_labels.run(
        PseudoLabelsSettings(background_threshold=0.5, jump=None),
        images=manifest,
        masks=[folder / "masks.h5"],
        saliency=folder / "saliency.h5",
        histories=[],
        output=output,
        machine=Machine(workers=1),
    )
    return output


def test_classes_and_images_that_come_to_nothing_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        labelled(tmp_path, {"one": {"cat": 3, "dog": 3}, "two": {"cat": 2}, "three": {"yak": 0}}, saliency=255)
    assert caplog.messages == [
        "classes without a pixel in any label map: 2 (dog, yak)",
        "label maps without a labelled pixel: 2 (one, three)",
    ]


def test_label_maps_that_lack_nothing_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labelled(tmp_path, {"one": {"cat": 3}, "two": {"dog": 2}, "three": {"yak": 1}}, saliency=255)
    assert not caplog.messages


def test_nothing_but_ignored_pixels_is_refused_and_leaves_no_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pixel of any photograph is labelled"):
        labelled(tmp_path, {"one": {"cat": 0}, "two": {"cat": 0}}, saliency=255)
    assert not (tmp_path / "pseudo_labels/index.json").exists()
