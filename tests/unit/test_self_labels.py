"""The label maps that a network is trained on again: its own scores, absent classes left out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.data.manifest import Entry, Manifest
from aepsl.data.palette import load_label_map
from aepsl.files import sha256
from aepsl.machine import Machine
from aepsl.settings.sections import CRF
from aepsl.settings.stages import SelfLabelsSettings
from aepsl.stages import self_labels

CLASSES = ("cat", "dog", "yak")
LABELS = {"one": ("cat", "yak"), "two": ("dog",)}
SIZE = (6, 9)
# Scores of background, cat, dog and yak in three stripes of three columns; the absent classes have the highest.
STRIPES = {
    "one": [[-1, 2, 3], [4, 1, 1], [9, 9, 9], [2, 5, 2]],
    "two": [[2, 4, 1], [9, 3, 8], [5, 2, 6], [3, 9, 7]],
}
EXPECTED = {"one": [1, 3, 0], "two": [2, 0, 2]}
SPOT = (2, 1)  # a pixel of the first stripe


class Scores:
    """In place of a network: the stripes, at the photograph's size; at `SPOT` the background wins by a little."""

    @classmethod
    def load(cls, _model: Path, _compute: object) -> "Scores":
        return cls()

    def __call__(self, photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        name = "one" if photograph[0, 0, 0] == 200 else "two"
        scores = np.repeat(np.array(STRIPES[name], np.float32), 3, axis=1)[:, None, :].repeat(SIZE[0], axis=1)
        scores[0][SPOT] = scores[[1, 3] if name == "one" else 2][..., SPOT[0], SPOT[1]].max() + 0.5
        return scores, np.zeros(3, np.float32)


@pytest.mark.parametrize("crf", [None, CRF(bilateral_xy=5.0, gaussian_xy=1.0)], ids=["own", "crf"])
def test_labels_are_the_networks_without_absent_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crf: CRF | None
) -> None:
    """The photographs' colours are the stripes', so that the CRF corrects the spot and nothing else."""
    for name, colours in {"one": (200, 90, 20), "two": (100, 0, 200)}.items():
        grey = np.array(colours, np.uint8).repeat(3)
        Image.fromarray(np.broadcast_to(grey[None, :, None], (*SIZE, 3)).copy()).save(tmp_path / f"{name}.png")
    entries = tuple(Entry(id=name, path=f"{name}.png", labels=labels, sha256="") for name, labels in LABELS.items())
    Manifest(CLASSES, None, ".", entries).write(tmp_path / "train.json")
    monkeypatch.setattr(self_labels, "Segmenting", Scores)
    output = tmp_path / "labels" / "index.json"
    self_labels.run(
        SelfLabelsSettings(cpu_threads=1, crf=crf),
        images=tmp_path / "train.json",
        model=tmp_path / "model.safetensors",
        output=output,
        machine=Machine(device="cpu", precision="float32", workers=1),
    )
    found = Manifest.read(output)
    assert [(entry.id, entry.labels) for entry in found.entries] == list(LABELS.items())
    for entry in found.entries:
        expected = np.tile(np.repeat(EXPECTED[entry.id], 3), (SIZE[0], 1))
        if crf is None:
            expected[SPOT] = 0
        np.testing.assert_array_equal(load_label_map(found.file(entry)), expected)
        assert entry.sha256 == sha256(found.file(entry))
