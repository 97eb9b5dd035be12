import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aepsl.data.images import aligned_size, load_photograph, resize, save_photograph, shrinkage
from aepsl.errors import InputError

# red, green / blue, white, each 8 by 16 pixels: blocks that JPEG keeps
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8).repeat(8, 0).repeat(16, 1)


def saved(path: Path, image: Image.Image, **options: object) -> np.ndarray:
    image.save(path, **options)  # type: ignore[arg-type]
    return load_photograph(path)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_colours_come_back_whatever_the_files_name(tmp_path: Path, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    found = saved(tmp_path / "a.jpg", Image.fromarray(CORNERS), format=kind, **options)
    assert found.dtype == np.uint8 and np.array_equal(found, CORNERS)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(8, 32)
    assert np.array_equal(saved(tmp_path / "a.png", Image.fromarray(grey)), np.stack([grey] * 3, axis=2))
    bits = saved(tmp_path / "b.png", Image.fromarray(grey > 127))
    assert np.array_equal(bits[..., 1], np.where(grey > 127, 255, 0))


def test_grey_of_16_bits_is_refused_since_it_would_be_cut_off(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: grey of more than 8 bits \(mode I;16\): save it with 8 bits"):
        saved(tmp_path / "a.png", Image.fromarray(np.full((4, 4), 40_000, np.uint16)))


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(CORNERS).quantize(4)
    assert image.mode == "P"
    assert np.array_equal(saved(tmp_path / "a.png", image), CORNERS)
    assert np.array_equal(saved(tmp_path / "b.png", image, transparency=0), CORNERS)
    assert np.array_equal(saved(tmp_path / "c.gif", image), CORNERS)


def test_transparency_is_ignored(tmp_path: Path) -> None:
    alpha = np.arange(512, dtype=np.int64).reshape(16, 32, 1) % 256
    rgba = np.concatenate([CORNERS, alpha.astype(np.uint8)], axis=2)
    assert np.array_equal(saved(tmp_path / "a.png", Image.fromarray(rgba)), CORNERS)
    grey = np.dstack([CORNERS[..., 0], alpha.astype(np.uint8)])
    assert np.array_equal(saved(tmp_path / "b.png", Image.fromarray(grey, "LA"))[..., 2], CORNERS[..., 0])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    inks = np.array([[[0, 255, 255, 0], [255, 0, 255, 0]], [[255, 255, 0, 0], [0, 0, 0, 0]]], np.uint8)
    cmyk = Image.fromarray(inks.repeat(8, 0).repeat(16, 1), "CMYK")
    found = saved(tmp_path / "a.jpg", cmyk, quality=100)
    assert np.abs(found.astype(int) - CORNERS).max() <= 3


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, CORNERS),
        (2, CORNERS[:, ::-1]),
        (3, CORNERS[::-1, ::-1]),
        (4, CORNERS[::-1]),
        (6, np.rot90(CORNERS, -1)),
        (8, np.rot90(CORNERS)),
    ],
)
def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path: Path, orientation: int, upright: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = saved(tmp_path / "a.jpg", Image.fromarray(CORNERS), exif=exif, quality=100, subsampling=0)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).max() <= 3


def jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.9])
def test_a_truncated_photograph_is_named(tmp_path: Path, share: float) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg()[: int(share * len(jpeg()))])
    with pytest.raises(InputError, match=r"a\.jpg: not a readable photograph \(") as caught:
        load_photograph(tmp_path / "a.jpg")
    assert "\n" not in str(caught.value)


def test_what_is_no_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("image,label\na,cat\n")
    (tmp_path / "folder.jpg").mkdir()
    for name, said in (("text.jpg", "not a readable photograph"), ("folder.jpg", "a folder; give a file")):
        with pytest.raises(InputError, match=f"{name}: {said}"):
            load_photograph(tmp_path / name)
    with pytest.raises(InputError, match=r"absent\.jpg: no such photograph"):
        load_photograph(tmp_path / "absent.jpg")


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(10_000, 6_401, "10000×6401 pixels, more than 64,000,000"), (60_000, 60_000, "exceeds")],
)
def test_a_photograph_that_would_fill_the_memory_is_refused_unread(
    tmp_path: Path, width: int, height: int, said: str
) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "a.jpg").write_bytes(png)
    with pytest.raises(InputError, match=said):
        load_photograph(tmp_path / "a.jpg")


def test_a_saved_photograph_loses_nothing_and_equal_ones_have_equal_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)
    for name in ("a.png", "b.png"):
        save_photograph(tmp_path / name, noise)
    assert np.array_equal(load_photograph(tmp_path / "a.png"), noise)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_resize_keeps_height_and_width_in_their_places() -> None:
    found = resize(CORNERS, (8, 64))
    assert found.shape == (8, 64, 3) and found.dtype == np.uint8
    assert found[0, 0].tolist() == [255, 0, 0] and found[0, -1].tolist() == [0, 255, 0]
    assert found[-1, 0].tolist() == [0, 0, 255]
    assert np.array_equal(resize(CORNERS, (16, 32)), CORNERS)


@pytest.mark.parametrize(
    ("size", "stride", "scale", "expected"),
    [((320, 96), 8, 1.0, (321, 97)), ((375, 500), 8, 1.0, (377, 497)), ((321, 321), 8, 0.5, (161, 161)),
     ((1, 1), 16, 1.0, (17, 17))],
)  # fmt: skip
def test_aligned_sizes_by_hand(size: tuple[int, int], stride: int, scale: float, expected: tuple[int, int]) -> None:
    assert aligned_size(size, stride, scale) == expected


@pytest.mark.parametrize(
    ("size", "longest_side", "factor"),
    [
        ((300, 400), None, 1.0),
        ((300, 400), 400, 1.0),
        ((300, 400), 500, 1.0),
        ((300, 400), 100, 0.25),
        ((9, 3), 3, 1 / 3),
    ],
)
def test_photographs_are_shrunk_but_never_enlarged(
    size: tuple[int, int], longest_side: int | None, factor: float
) -> None:
    assert shrinkage(size, longest_side) == factor
