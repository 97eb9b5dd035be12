"""The stage around the rule: what label maps lack is told."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import load_label_map
from aepsl.errors import InputError
from aepsl.files import canonical
from aepsl.machine import Machine
from aepsl.settings.stages import PseudoLabelsSettings
from aepsl.stages import pseudo_labels

SIZE = (4, 6)
CLASSES = ("cat", "dog", "yak")


def labelled(folder: Path, mined: dict[str, dict[str, int]], saliency: int, losses: Sequence[float] = ()) -> Path:
    """Run the stage on images of which classes' first columns are mined, under one saliency everywhere.

    losses: converged ones of rounds that mine each one column more, where the number of rounds is to be found.
    """
    entries = tuple(Entry(i, f"{i}.png", tuple(found), "") for i, found in mined.items())
    manifest = folder / "train.json"
    Manifest(CLASSES, None, ".", entries).write(manifest)
    masks, histories = [folder / f"masks{t}.h5" for t in range(max(1, len(losses)))], []
    for more, path in enumerate(masks):
        with stores.create(path, "masks", {}) as store:
            for image_id, found in mined.items():
                regions = {name: np.zeros(SIZE, np.uint8) for name in found}
                for name, columns in found.items():
                    regions[name][:, : columns + more] = 255
                store.add(image_id, regions, size=SIZE)
    with stores.create(folder / "saliency.h5", "saliency", {}) as maps:
        for image_id in mined:
            maps.add(image_id, {"saliency": np.full(SIZE, saliency, np.uint8)}, size=SIZE)
    for t, loss in enumerate(losses):
        histories.append(folder / f"history{t}.jsonl")
        histories[-1].write_text(canonical({"epoch": 1, "converged_loss": loss, "constant_loss": 1.0}) + "\n")
    output = folder / "pseudo_labels/index.json"
    output.parent.mkdir()
    pseudo_labels.run(
        PseudoLabelsSettings(background_threshold=0.5, jump=0.6 if losses else None),
        images=manifest,
        masks=masks,
        saliency=folder / "saliency.h5",
        histories=histories,
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


@pytest.mark.parametrize(("losses", "rounds"), [([0.1, 0.5, 0.9], 2), ([0.1, 0.9, 0.2], 1), ([0.1, 0.2, 0.3], 3)])
def test_the_rounds_before_the_losss_jump_are_merged_where_their_number_is_to_be_found(
    tmp_path: Path, losses: list[float], rounds: int
) -> None:
    index = labelled(tmp_path, {"one": {"cat": 1}}, 255, losses)
    assert (load_label_map(index.parent / "one.png") == 1).sum() == rounds * SIZE[0], "a column a round"
