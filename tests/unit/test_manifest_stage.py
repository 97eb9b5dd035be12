"""The manifest stage on photographs that cannot be read."""

import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aepsl.data.manifest import Manifest
from aepsl.errors import InputError
from aepsl.machine import Machine
from aepsl.settings.sections import Dataset
from aepsl.settings.stages import ManifestSettings
from aepsl.stages import manifest


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def text(path: Path) -> None:
    path.write_text("a letter\n")


def of_one_pixel(path: Path) -> None:
    Image.new("RGB", (1, 1)).save(path)


def narrow(path: Path) -> None:
    Image.new("RGB", (15, 400)).save(path)


def of_16_bits(path: Path) -> None:
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(path, format="PNG")


def huge(path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))


BROKEN = {cut: "not a readable photograph", text: "not a readable photograph", huge: "9000×9000 pixels, more than",
          of_one_pixel: "1×1 pixels; a photograph has at least 16 a side", narrow: "15×400 pixels",
          of_16_bits: "grey of more than 8 bits"}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two photographs for training and one for validation, of one grey each."""
    root = tmp_path / "photographs"
    root.mkdir()
    for name, grey in (("a", 50), ("b", 150), ("c", 250)):
        Image.fromarray(np.full((16, 40, 3), grey, np.uint8)).save(root / f"{name}.jpg", quality=100)
    (root / "labels.csv").write_text("image,label,split\na,cat,train\nb,dog,train\nc,dog,val\n")
    return root


def made(root: Path, split: str = "train", **values: Any) -> Manifest:
    dataset = Dataset(format="folder", root=str(root), **values)
    output = root.parent / f"{split}.json"
    settings = ManifestSettings(dataset=dataset, split=split)  # type: ignore[arg-type]
    manifest.run(settings, scenes=[], output=output, machine=Machine("cpu", "float32", 1))
    return Manifest.read(output)


@pytest.mark.parametrize("spoil", BROKEN)
def test_a_photograph_that_cannot_be_read_ends_the_run_or_is_counted(
    root: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    assert made(root).skipped == 0
    spoil(root / "b.jpg")
    (root.parent / "train.json").unlink()
    with pytest.raises(InputError) as caught:
        made(root)
    assert str(caught.value).startswith(f"{root / 'b.jpg'}: {BROKEN[spoil]}") and "\n" not in str(caught.value)
    assert not (root.parent / "train.json").exists()

    found = made(root, skip_unreadable=True)
    assert [entry.id for entry in found.entries] == ["a"] and found.skipped == 1
    assert found.mean_pixel == (50, 50, 50), "of those that are there"
    assert f"photographs left out: 1 ({root / 'b.jpg'}: {BROKEN[spoil]}" in caplog.text
    assert "classes without a training photograph: 1 (dog)" in caplog.text
    assert made(root, "val", skip_unreadable=True).skipped == 0


def test_a_photograph_that_the_table_alone_has_is_counted_too(root: Path) -> None:
    (root / "b.jpg").unlink()
    text(root / "c.jpg")
    assert made(root, skip_unreadable=True).skipped == 1
    with pytest.raises(InputError, match=r"none of 1 photographs can be read; the first: .*c\.jpg: not a readable"):
        made(root, "val", skip_unreadable=True)


def test_the_log_names_all_that_were_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open(root / "labels.csv", "a", encoding="utf-8") as table:
        table.writelines(f"gone{n},cat,train\n" for n in range(5))
    with caplog.at_level(logging.DEBUG):
        assert made(root, skip_unreadable=True).skipped == 5
    assert [f"left out: gone{n}: no such photograph" in caplog.text for n in range(5)] == [True] * 5


def test_photographs_too_large_to_learn_from_are_told_of(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for least, told in ((40, False), (39, True)):
        monkeypatch.setattr(manifest, "LARGE", least)
        made(root)
        assert ("photographs of 40 pixels on the long side: `python -m aepsl shrink`" in caplog.text) == told


def test_photographs_without_a_label_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made(root)
    assert not caplog.text
    for number in range(5):
        Image.new("RGB", (20, 20)).save(root / f"new{number}.png")
    made(root)
    assert "photographs without a label, not trained on: 5 (new0.png, new1.png, new2.png, …)" in caplog.text


def test_the_mean_pixel_is_of_all_pixels_whatever_the_photographs_sizes(root: Path) -> None:
    Image.new("RGB", (80, 48), (150, 250, 0)).save(root / "b.jpg", quality=100)
    small, large = 16 * 40, 80 * 48
    expected = [(50 * small + value * large) / (small + large) for value in (150, 250, 0)]
    assert made(root).mean_pixel == pytest.approx(expected, abs=1)


def test_classes_are_counted_and_slips_in_the_table_told_of(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "labels.csv").write_text('image,label\na,cat\nb,Cat\nb,"dog;cat"\nc,cat\n')
    with caplog.at_level(logging.INFO):
        made(root)
    assert "training photographs of each class: Cat 1, cat 2, dog;cat 1" in caplog.messages
    assert "classes that may be a slip in the table of labels: Cat; cat; dog;cat" in caplog.messages
