"""How many rounds are merged, and what merging gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from aepsl import stores
from aepsl.data.manifest import Entry, Manifest
from aepsl.errors import InputError
from aepsl.labelling import merged_regions
from aepsl.merging import merged_rounds


def histories(folder: Path, losses: list[float], *, constant: float = 1.0) -> list[Path]:
    paths = []
    for number, loss in enumerate(losses, start=1):
        path = folder / f"history{number}.jsonl"
        last = {"epoch": 2, "loss": 0.0, "converged_loss": loss, "constant_loss": constant}
        path.write_text('{"epoch": 1, "loss": 9.0}\n' + json.dumps(last) + "\n")
        paths.append(path)
    return paths


@pytest.mark.parametrize(
    ("losses", "merged"),
    [
        ([0.2, 0.25, 0.3, 0.9], 3),  # the paper's figure: the fourth jumps
        ([0.2, 0.7, 0.3, 0.3], 1),  # what comes after a jump is not merged
        ([0.2, 0.6, 0.6, 0.6], 4),  # half of the way to the constant predictor is not more than half
        ([0.2, 0.601, 0.6, 0.6], 1),
        ([0.5, 0.3, 0.2, 0.1], 4),  # a falling loss never jumps
        ([0.2], 1),
    ],
)
def test_rounds_are_merged_until_the_loss_has_gone_half_of_the_way(
    tmp_path: Path, losses: list[float], merged: int
) -> None:
    assert merged_rounds(histories(tmp_path, losses), jump=0.5) == merged


def test_a_history_without_its_last_record_is_named(tmp_path: Path) -> None:
    paths = histories(tmp_path, [0.2, 0.3])
    paths[0].write_text('{"epoch": 1, "loss": 9.0}\n')
    with pytest.raises(InputError, match=r"history1\.jsonl"):
        merged_rounds(paths, jump=0.5)


def test_merged_regions_are_the_union_over_rounds_class_by_class(tmp_path: Path) -> None:
    entry = Entry(id="a", path="a.jpg", labels=("cat", "dog"), sha256="")
    manifest = Manifest(classes=("cat", "cow", "dog"), mean_pixel=None, root=".", entries=(entry,))
    rounds = [{"cat": [[255, 0]], "dog": [[0, 0]]}, {"cat": [[0, 0]], "dog": [[0, 255]]}]
    paths = [tmp_path / f"{number}.h5" for number in range(len(rounds))]
    for path, masks in zip(paths, rounds, strict=True):
        with stores.create(path, "masks", {}) as store:
            store.add("a", {name: np.array(mask, np.uint8) for name, mask in masks.items()}, size=(1, 2))
    merged = merged_regions(paths, entry, manifest, size=(1, 2))
    assert {label: mask.tolist() for label, mask in merged.items()} == {1: [[True, False]], 3: [[False, True]]}
