"""HDF5 files."""

import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile import HOSTILE_NAMES, MIB, Rng, damaged, name, pick, share, survive

from aepsl import stores

SHAPE = (24, 30)
KINDS = ("cams", "masks", "saliency", "scores", "probabilities")


def whole(path: Path, kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8).astype(stores.PIXELS[kind])
    with stores.create(path, kind, {"title": "x", "classes": ["cat"], "round": 1}) as store:
        for image_id in ("x", "y"):
            names = ["saliency"] if kind == "saliency" else ["cat", "dog"]
            store.add(image_id, dict.fromkeys(names, picture), size=SHAPE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("stores")
    for kind in KINDS:
        whole(folder / kind, kind)
    return {kind: (folder / kind).read_bytes() for kind in KINDS}


def zeros(mebibytes: int) -> bytes:
    """So many, deflated a piece at a time."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mebibytes)) + packer.flush()


GROWN = zeros(200)


def grown(group: h5py.Group) -> None:
    """A small picture whose one chunk would inflate to more memory than a case may take."""
    dataset = group.create_dataset("cat", (24, 30), "u1", chunks=(24, 30), compression="gzip")
    dataset.id.write_direct_chunk((0, 0), GROWN)


def elsewhere(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout(SHAPE, "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", SHAPE)
    group.create_virtual_dataset("cat", layout)


def array(shape: tuple[int, ...], dtype: object = "u1", **options: object) -> Callable[[h5py.Group], None]:
    return lambda group: group.create_dataset("cat", shape, dtype, **options)


def link(target: object) -> Callable[[h5py.Group], None]:
    return lambda group: group.__setitem__("cat", target)


def attribute(key: str, value: object) -> Callable[[h5py.Group], None]:
    def change(group: h5py.Group) -> None:
        group["cat"] = np.zeros(SHAPE, "u1")
        for place in (group, group["cat"]):
            place.attrs[key] = value

    return change


PICTURES: list[Callable[[h5py.Group], None]] = [
    array((10**9, 10**9), chunks=(1000, 1000), compression="gzip"),
    array((10**9, 10**9), chunks=(1, 1)),
    array((9000, 9000), chunks=(9000, 9000), compression="gzip"),
    array((10, 10), chunks=(30_000, 30_000), maxshape=(None, None), compression="gzip"),
    array((0, 10)),
    array((10, 0)),
    array(()),
    array((24,)),
    array((24, 30, 3)),
    array((1,) * 32),
    array(SHAPE, "f8"),
    array(SHAPE, "i4"),
    array(SHAPE, "c16"),
    array(SHAPE, "S100000"),
    array(SHAPE, h5py.string_dtype()),
    array(SHAPE, h5py.vlen_dtype(np.uint8)),
    array(SHAPE, h5py.ref_dtype),
    array(SHAPE, np.dtype([("a", "u1"), ("b", "f4", (1000, 1000))])),
    array(SHAPE, h5py.enum_dtype({"a": 1})),
    array(SHAPE, np.dtype((np.uint8, (3,)))),
    array(SHAPE, np.dtype((np.void, 2**20))),
    array(SHAPE, scaleoffset=2, chunks=SHAPE),
    array(SHAPE, compression="lzf", chunks=SHAPE),
    array(SHAPE, fletcher32=True, chunks=SHAPE),
    array(SHAPE, external=[("/etc/passwd", 0, 720)]),
    array((25, 30)),
    array(SHAPE),
    grown,
    elsewhere,
    link(h5py.ExternalLink("/etc/passwd", "/")),
    link(h5py.ExternalLink("c.h5", "/x")),
    link(h5py.SoftLink("/x/cat")),
    link(h5py.SoftLink("/")),
    link(h5py.SoftLink("/nowhere")),
    link(np.dtype("f8")),
    lambda group: group.create_group("cat"),
    lambda group: group.create_group("cat").__setitem__("cat", group),
    lambda group: group.create_dataset("cat", data=h5py.Empty("u1")),
    lambda group: group.create_dataset("cat", data=np.full(SHAPE, np.nan, "f2")),
    *(attribute("height", value) for value in (-1, 0, 10**18, 2.5, np.nan, "x", [1, 2], h5py.Empty("i4"), 25)),
    *(attribute("scale_factor", value) for value in (np.nan, np.inf, "x", [1.0], h5py.Empty("f4"))),
    lambda group: group.attrs.__delitem__("width"),
]


def groups(file: h5py.File, rng: Rng) -> None:
    """Images that are none."""
    match int(rng.integers(7)):
        case 0:
            file["x"] = np.zeros((3, 3))
        case 1:
            file["x"] = h5py.SoftLink("/x")
        case 2:
            file["x"] = h5py.ExternalLink("/dev/zero", "/")
        case 3:
            file["x"] = file["y"]
        case 4:
            file["x"] = file["/"]
        case 5:
            file.create_group(stores.escape(name(rng).replace("\ud800", "?") or "x"))
        case _:
            file.create_dataset("x", (10**12,), "u1", chunks=(1000,))


def heads(file: h5py.File, rng: Rng) -> None:
    """Roots that say something else."""
    values = [
        "aepsl cams 1",
        "x" * 60_000,
        1,
        [b"aepsl masks 1"],
        np.zeros(1000),
        h5py.Empty("S10"),
        b"\xff\xfe",
        np.nan,
    ]
    del file.attrs["format"]
    if rng.integers(4):
        file.attrs["format"] = pick(rng, values)
    file.attrs[pick(rng, HOSTILE_NAMES[:20]).replace("\0", "")] = pick(rng, values)


def test_files(tmp_path: Path, files: dict[str, bytes]) -> None:
    def make(rng: Rng, folder: Path) -> None:
        kind, path = pick(rng, KINDS), folder / "c.h5"
        way = int(rng.integers(6))
        path.write_bytes(damaged(rng, files[kind]) if way < 2 else files[kind])
        (folder / "kind").write_text(kind)
        if way < 2:
            return
        with h5py.File(path, "r+") as file:
            if way == 2:
                heads(file, rng)
            elif way == 3:
                del file["x"]
                groups(file, rng)
            else:
                for key in list(file["x"]):
                    del file["x"][key]
                pick(rng, PICTURES)(file["x"])

    def read(folder: Path) -> None:
        kind = (folder / "kind").read_text()
        with stores.Reader(folder / "c.h5", kind) as store:
            assert isinstance(store.attributes, dict)
            for image_id in (*store.ids()[:10], "y", "x"):
                size = store.size(image_id)
                store.scales(image_id)
                for picture in store.read(image_id).values():
                    assert picture.ndim == 2 and picture.dtype == stores.PIXELS[kind] and np.isfinite(picture).all()
                    assert kind not in stores.OF_PHOTOGRAPHS or picture.shape == size

    found = survive(make, read, tmp_path / "c", cases=share(0.13))
    assert found["read"] and found["refused"]


def test_every_picture_that_is_none_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    def make(rng: Rng, folder: Path) -> None:
        (folder / "c.h5").write_bytes(files["masks"])
        with h5py.File(folder / "c.h5", "r+") as file:
            del file["x/cat"], file["x/dog"]
            PICTURES[int(folder.name)](file["x"])

    def read(folder: Path) -> None:
        with stores.Reader(folder / "c.h5", "masks") as store:
            store.read("x", names=["cat"], size=SHAPE)
            store.scales("x")

    found = survive(make, read, tmp_path / "c", cases=len(PICTURES))
    assert found["read"] == 0
