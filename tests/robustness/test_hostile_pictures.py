"""Photographs, label maps and saliency maps."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from hostile import MIB, Rng, damaged, pick, share, survive
from PIL import Image

from aepsl.data.images import load_photograph
from aepsl.data.palette import load_label_map
from aepsl.saliency.external import external_map

LARGEST = 700 * MIB  # what a photograph of images.MAX_PIXELS may take


def encoded(kind: str, image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, bits: int = 8, colour: int = 0, more: bytes = b"", rows: int = 0) -> bytes:
    """A PNG of that header, with some rows of zeros."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    data = zlib.compress(bytes((1 + width) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


NOISE = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
RGB = Image.fromarray(NOISE)
GREY = Image.fromarray(NOISE[..., 0])
FRAMES = [Image.fromarray(np.roll(NOISE, n, 0)) for n in range(3)]
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n"
    b"(%pipe%touch executed) (w) file\nshowpage\n%%EOF\n"
)
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
WHOLE = [
    encoded("JPEG", RGB),
    encoded("JPEG", GREY),
    encoded("JPEG", RGB.convert("CMYK")),
    encoded("JPEG", RGB, progressive=True, exif=TURNED),
    encoded("PNG", RGB),
    encoded("PNG", GREY),
    encoded("PNG", RGB.quantize(8)),
    encoded("PNG", RGB.quantize(8), transparency=b"\0\x80\xff"),
    encoded("PNG", Image.fromarray(NOISE[..., 0].astype(np.uint16) * 200)),
    encoded("PNG", RGB.convert("RGBA"), save_all=True, append_images=[one.convert("RGBA") for one in FRAMES]),
    encoded("GIF", RGB.quantize(16), save_all=True, append_images=[one.quantize(16) for one in FRAMES]),
    encoded("WEBP", RGB, save_all=True, append_images=FRAMES),
    encoded("WEBP", RGB.convert("RGBA"), lossless=True),
    encoded("TIFF", RGB, compression="tiff_lzw"),
    encoded("TIFF", GREY, compression="tiff_adobe_deflate"),
    encoded("TIFF", Image.fromarray(NOISE[..., 0].astype(np.float32))),
    encoded("TIFF", Image.fromarray(NOISE[..., 0].astype(np.int32))),
    encoded("BMP", RGB),
    encoded("BMP", RGB.quantize(8)),
]
GREYS = [encoded("PNG", GREY), encoded("PNG", GREY.quantize(8))]
FOREIGN = [
    EPS,
    encoded("PPM", RGB),
    encoded("PCX", RGB),
    encoded("TGA", RGB),
    encoded("SGI", RGB),
    encoded("ICO", RGB),
    b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    b"",
]
BOMBS = [
    png(60_000, 60_000),
    png(2**31 - 1, 2**31 - 1),
    png(100_000_000, 1, rows=1),
    png(12_000, 12_000, rows=12_000),
    png(12_000, 12_000, bits=1, colour=0),
    png(0, 0),
    png(8, 8, bits=3),
    png(8, 8, colour=7),
    png(20, 24, more=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000))), rows=24),
    png(20, 24, more=chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(50_000_000))), rows=24),
    png(20, 24, more=chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff" + b"\xff" * 50), rows=24),
    png(20, 24, rows=3),
    png(20, 24, rows=500_000),
    b"GIF89a" + struct.pack("<HHBBB6x", 65535, 65535, 0x80, 0, 0)
    + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02L\x01\0;",
    WHOLE[13].replace(struct.pack("<HHIHH", 256, 3, 1, 20, 0), struct.pack("<HHII", 256, 4, 1, 60_000)),
    b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00" + bytes(99),
]  # fmt: skip
SUFFIXES = [".jpg", ".png", ".gif", ".webp", ".tif", ".bmp"]


def content(rng: Rng, whole: list[bytes]) -> bytes:
    match int(rng.integers(8)):
        case 0:
            return bytes(pick(rng, BOMBS + FOREIGN))
        case 1 | 2:
            return bytes(pick(rng, whole))
    return damaged(rng, pick(rng, whole))


def make(rng: Rng, folder: Path) -> None:
    write(rng, folder, WHOLE)


def make_grey(rng: Rng, folder: Path) -> None:
    write(rng, folder, GREYS if rng.integers(4) else WHOLE)


def write(rng: Rng, folder: Path, whole: list[bytes]) -> None:
    path = folder / f"a{pick(rng, SUFFIXES[:2])}"
    if rng.integers(50) == 0:
        os.mkfifo(path)
    else:
        path.write_bytes(content(rng, whole))


def the_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def read_photograph(folder: Path) -> None:
    found = load_photograph(the_file(folder))
    assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3 and found.size


def read_label_map(folder: Path) -> None:
    found = load_label_map(the_file(folder))
    assert found.dtype == np.uint8 and found.ndim == 2 and found.size


def read_saliency(folder: Path) -> None:
    found = external_map(folder, "a", (24, 20))
    assert found.shape == (24, 20) and found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1


def test_photographs(tmp_path: Path) -> None:
    found = survive(make, read_photograph, tmp_path / "c", cases=share(0.1), memory=LARGEST)
    assert found["read"] and found["refused"]


def test_label_maps(tmp_path: Path) -> None:
    found = survive(make_grey, read_label_map, tmp_path / "c", cases=share(0.04), memory=LARGEST)
    assert found["read"] and found["refused"]


def test_saliency_maps(tmp_path: Path) -> None:
    found = survive(make_grey, read_saliency, tmp_path / "c", cases=share(0.04), memory=LARGEST)
    assert found["read"] and found["refused"]


def test_bombs_and_formats_that_are_none_of_photographs_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    """Also what other programs would be called for, such as PostScript."""
    bad = [*BOMBS[:6], *BOMBS[-3:], *FOREIGN]

    def make(rng: Rng, folder: Path) -> None:
        (folder / "a.jpg").write_bytes(bad[int(folder.name)])

    for read in (read_photograph, read_label_map, read_saliency):
        found = survive(make, read, tmp_path / read.__name__, cases=len(bad), memory=16 * MIB)
        assert not found["read"]
