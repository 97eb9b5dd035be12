import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.data.palette import load_label_map, save_label_map, voc_palette
from aepsl.errors import InputError


def test_palette_has_the_published_colours_of_voc() -> None:
    palette = voc_palette()
    published = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 7: (128, 128, 128), 8: (64, 0, 0),
                 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip
    assert palette.shape == (256, 3) and palette.dtype == np.uint8
    assert {label: tuple(palette[label].tolist()) for label in published} == published
    assert len({tuple(row) for row in palette.tolist()}) == 256


def test_label_map_comes_back_as_it_was_saved_and_shows_the_colours_of_voc(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 48)
    save_label_map(tmp_path / "a.png", labels)
    assert np.array_equal(load_label_map(tmp_path / "a.png"), labels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png").convert("RGB")), voc_palette()[labels])


def test_equal_labels_give_equal_bytes(tmp_path: Path) -> None:
    labels = np.eye(9, dtype=np.uint8)
    for name in "ab":
        save_label_map(tmp_path / name, labels)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_greyscale_of_8_bits_is_read_as_labels(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2], [20, 254, 255]], np.uint8)
    Image.fromarray(labels).save(tmp_path / "a.png")
    assert np.array_equal(load_label_map(tmp_path / "a.png"), labels)


@pytest.mark.parametrize("labels", [np.zeros((4, 4), np.int64), np.zeros((4, 4, 3), np.uint8)])
def test_other_arrays_are_refused(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        save_label_map(tmp_path / "a.png", labels)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.png: no such label map"):
        load_label_map(tmp_path / "absent.png")


@pytest.mark.parametrize("kept", [0, 10, 60, -200])
def test_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    save_label_map(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:kept])
    with pytest.raises(InputError, match=r"a\.png"):
        load_label_map(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1", "I;16"])
def test_png_of_another_mode_is_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="palette or 8-bit greyscale"):
        load_label_map(tmp_path / "a.png")


def test_greyscale_of_4_bits_is_refused_since_its_values_are_stretched(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\x12")
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    with pytest.raises(InputError, match="4 bits"):
        load_label_map(tmp_path / "a.png")


def test_jpeg_is_refused(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png", format="JPEG")
    with pytest.raises(InputError, match=r"a\.png"):
        load_label_map(tmp_path / "a.png")
