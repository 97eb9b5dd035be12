"""The HDF5 files: one picture a dataset, `/{image id}/{name}`, that any HDF5 viewer shows.

Gzip and shuffle, the default file format and fixed-length text: Debian 12's h5dump reads them. HDFView shows a dataset
as a picture by the attributes of the HDF5 Image specification 1.2; silx by NeXus's `interpretation`; h5web shows all
arrays as pictures. By NeXus's `default` (root), `signal` and `auxiliary_signals` (images' groups) h5web and silx show a
picture of what is no dataset, too. Floating point is float32, as neither HDFView nor h5web reads float16.

A file appears under its final name whole or not at all.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

import h5py
import numpy as np

from aepsl.data.images import MAX_PIXELS
from aepsl.errors import InputError
from aepsl.files import regular, replacing

FORMAT_VERSION = 1
PIXELS = {  # by kind, the numbers of its pictures
    "cams": np.uint8,
    "masks": np.uint8,
    "saliency": np.uint8,
    "scores": np.float32,
    "probabilities": np.float32,
}
OF_PHOTOGRAPHS = ("masks", "saliency")  # at the photographs' size, not the network's
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}
SLACK = 4096  # bytes by which what is compressed may be longer than what is not
LONGEST_ATTRIBUTE = 2**16  # bytes


def escape(name: str) -> str:
    """`name` as an HDF5 link name: slashes, per cents, a leading dot and what cannot be printed as UTF-8's %XX."""
    escaped = "".join(c if c.isprintable() and c not in "/%" else quote(c, safe="") for c in name)
    return "%2E" + escaped[1:] if escaped.startswith(".") else escaped


class Writer:
    """Adds pictures to a new file; made by `create`."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def add(
        self,
        image_id: str,
        pictures: Mapping[str, np.ndarray],
        *,
        size: tuple[int, int],
        scales: Mapping[str, float] | None = None,
    ) -> None:
        """Add the pictures of one image.

        pictures: name → (h, w), uint8, or floating point, stored as float32 (packed nearly as small as float16 where it
        is rounded to that). size: (height, width) of the photograph in pixels.
        scales: name → factor from the stored numbers to the quantity (attribute `scale_factor`); default 1.
        """
        named = dict(sorted((escape(name), name) for name in pictures))  # HDF5's order, as in `copy`
        group = self._group(image_id, size, list(named))
        for link, name in named.items():
            picture = pictures[name] if pictures[name].dtype == np.uint8 else pictures[name].astype(np.float32)
            low, top = (0, 255) if picture.dtype == np.uint8 else (picture.min(), picture.max())
            scale = 1.0 if scales is None else scales[name]
            dataset = group.create_dataset(link, picture.shape, picture.dtype, chunks=picture.shape, **STORED)
            _describe_picture(dataset, between=np.array([low, top], picture.dtype), scale=scale)
            dataset[()] = picture
            del dataset  # closed now, it is laid out before the next one, as in `copy`

    def copy(self, image_id: str, source: "Reader") -> None:
        """Add an image of another file as it is stored there; the bytes are those that `add` writes.

        Raises InputError where the image is missing or damaged.
        """
        with source.image(image_id) as image:
            group = self._group(image_id, _size(image), list(image))
            for name in image:
                found = _picture(image, name, PIXELS[source.kind])
                dataset = group.create_dataset(name, found.shape, found.dtype, chunks=found.shape, **STORED)
                _describe_picture(
                    dataset, between=found.attrs["IMAGE_MINMAXRANGE"], scale=_number(found, "scale_factor")
                )
                skipped, packed = found.id.read_direct_chunk((0, 0))
                dataset.id.write_direct_chunk((0, 0), packed, skipped)  # last, as HDF5 lays out what `add` writes

    def _group(self, image_id: str, size: tuple[int, int], links: list[str]) -> h5py.Group:
        group = self._file.create_group(escape(image_id))
        group.attrs["height"], group.attrs["width"] = np.int32(size[0]), np.int32(size[1])
        if links and "title" not in links:  # which h5web would take for the title of them all
            _describe(group, {"NX_class": "NXdata", "signal": links[0]})
            _describe(group, {"auxiliary_signals": links[1:]} if links[1:] else {})
            if "default" not in self._file.attrs:
                _describe(self._file, {"default": escape(image_id)})
        return group


def _describe_picture(picture: h5py.Dataset, *, between: np.ndarray, scale: float) -> None:
    for key, value in IMAGE_ATTRIBUTES.items():
        picture.attrs[key] = value
    picture.attrs["IMAGE_MINMAXRANGE"] = between
    picture.attrs["scale_factor"] = np.float32(scale)


STORED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}

IMAGE_ATTRIBUTES = {
    "CLASS": np.bytes_("IMAGE"),
    "IMAGE_VERSION": np.bytes_("1.2"),
    "IMAGE_SUBCLASS": np.bytes_("IMAGE_GRAYSCALE"),
    "IMAGE_WHITE_IS_ZERO": np.uint8(0),
    "DISPLAY_ORIGIN": np.bytes_("UL"),
    "interpretation": np.bytes_("image"),  # NeXus
}


@contextmanager
def create(path: Path, kind: str, attributes: Mapping[str, Any]) -> Iterator[Writer]:
    """A new file of `kind` that takes its name when the block ends without an error.

    kind: cams, masks, saliency, scores or probabilities.
    attributes: written on the root: text, numbers, or lists of text; no times, hosts or absolute paths.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        _limit_cache(file)
        file.attrs["format"] = np.bytes_(f"aepsl {kind} {FORMAT_VERSION}")
        _describe(file, dict(sorted(attributes.items())))
        yield Writer(file)


def _limit_cache(file: h5py.File) -> None:
    """Keep 256 KiB of metadata in memory: HDF5's own limit is reached at a thousand images and gains nothing here."""
    cache = file.id.get_mdc_config()
    cache.set_initial_size = True
    cache.initial_size = cache.min_size = cache.max_size = 2**18
    file.id.set_mdc_config(cache)


def _describe(place: h5py.Group, attributes: Mapping[str, Any]) -> None:
    """Write attributes, text with a fixed length, as HDFView passes over all other, and called UTF-8 where it is."""
    for key, value in attributes.items():
        text = np.asarray(value)
        if text.dtype.kind == "U":
            encoding = "ascii" if all(one.isascii() for one in text.flat) else "utf-8"
            coded = np.char.encode(text, "utf-8")
            value = coded.astype(h5py.string_dtype(encoding, coded.dtype.itemsize))
        place.attrs[key] = value


class Reader:
    """Reads a file made by `create`; a context manager."""

    def __init__(self, path: Path, kind: str | None = None) -> None:
        """kind: that it has to be of, any where it is not given. Raises InputError for another or a damaged file."""
        self.path = path
        try:
            self._file = h5py.File(regular(path), "r", locking="best-effort")
            _limit_cache(self._file)
        except FileNotFoundError:
            raise InputError(
                f"{path}: no such file; make it by `snakemake --cores 2 {path}`, with the run's --configfile"
            ) from None
        except InputError:
            raise
        except Exception as error:
            again = "; remove it and run again" if path.suffix == ".h5" else ""
            raise InputError(f"{path}: not a readable HDF5 file ({_short(error)}){again}") from None
        with self._whole("the file"):
            found = self._file.attrs.get("format", b"") if "format" in _short_attributes(self._file) else b""
        found = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
        formats = {f"aepsl {one} {FORMAT_VERSION}": one for one in PIXELS if kind in (None, one)}
        if found not in formats:
            self._file.close()
            expected = " or ".join(map(repr, formats))
            raise InputError(f"{path}: expected a file of format {expected}. Got: {found!r}")
        self.kind = formats[found]

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def attributes(self) -> dict[str, Any]:
        """The root's attributes, text decoded, several texts as a list."""
        with self._whole("the file"):
            found = {key: self._file.attrs[key] for key in _short_attributes(self._file)}
            return {key: _decoded(value) for key, value in found.items()}

    @property
    def description(self) -> dict[str, Any]:
        """The attributes that `create` was given."""
        return {key: value for key, value in self.attributes.items() if key not in ("format", "default")}

    def ids(self) -> list[str]:
        """The image ids, sorted."""
        with self._whole("the list of images"):
            return sorted(unquote(name) for name in self._file)

    def size(self, image_id: str) -> tuple[int, int]:
        """(height, width) of the photograph in pixels."""
        with self.image(image_id) as group:
            return _size(group)

    def read(
        self, image_id: str, *, names: Iterable[str] | None = None, size: tuple[int, ...] | None = None
    ) -> dict[str, np.ndarray]:
        """name → picture (h, w) as stored, all of one shape; masks and saliency at the photograph's size.

        names: those there have to be, no more and no less; `scores` may lack some. size: that the photograph has to
        have. Raises InputError where the image is missing or damaged, or belongs to other photographs or classes.
        """
        with self.image(image_id) as group:
            own, found = _size(group), {unquote(name): _picture(group, name, PIXELS[self.kind]) for name in group}
            shapes = {dataset.shape for dataset in found.values()}
            if len(shapes) > 1 or (self.kind in OF_PHOTOGRAPHS and shapes - {own}):
                raise ValueError(f"pictures of {' and '.join(map(str, sorted(shapes)))}, the photograph has {own}")
            if size is not None and own != size:
                raise self._contradiction(image_id, f"{own} pixels", f"{size}")
            wanted = None if names is None else set(names)
            if wanted is not None and (found.keys() - wanted or (self.kind != "scores" and wanted - found.keys())):
                raise self._contradiction(image_id, f"the names {sorted(found)}", f"{sorted(wanted)}")
            pictures = {name: dataset[()] for name, dataset in found.items()}
            if wrong := [name for name, picture in pictures.items() if not np.isfinite(picture).all()]:
                raise ValueError(f"{wrong[0]} is not finite")
            return pictures

    def scales(self, image_id: str) -> dict[str, float]:
        """name → factor from the stored numbers to the quantity."""
        with self.image(image_id) as group:
            return {unquote(name): _number(_picture(group, name, PIXELS[self.kind]), "scale_factor") for name in group}

    def _contradiction(self, image_id: str, found: str, expected: str) -> InputError:
        return InputError(f"{self.path}: image {image_id} has {found}, expected {expected}; remove it and run again")

    @contextmanager
    def image(self, image_id: str) -> Iterator[h5py.Group]:
        """The group of an image, its pictures not yet looked at. Raises InputError where it is missing or damaged."""
        with self._whole(f"image {image_id}"):
            if escape(image_id) not in self._file:
                raise InputError(f"{self.path}: no image {image_id}; remove the file and run again")
            yield _own(self._file, escape(image_id), h5py.Group)

    @contextmanager
    def _whole(self, part: str) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # h5py meets damage with whatever it likes
            raise InputError(
                f"{self.path}: {part} is damaged ({_short(error)}); remove the file and run again"
            ) from None


def _own(group: h5py.Group, name: str, kind: type) -> Any:
    """What stands in the group itself, not behind a link that leads elsewhere. Raises ValueError for another kind."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink) or not isinstance(group[name], kind):
        raise ValueError(f"{name} is no {kind.__name__.lower()}")
    return group[name]


def _picture(group: h5py.Group, name: str, pixels: type) -> h5py.Dataset:
    """A dataset that is one as `Writer` makes them, before any of it is read. Raises ValueError."""
    dataset = _own(group, name, h5py.Dataset)
    if dataset.ndim != 2 or dataset.dtype != pixels or not 0 < dataset.size <= MAX_PIXELS:
        raise ValueError(f"{name} is {dataset.dtype} {dataset.shape}")
    made = dataset.id.get_create_plist()
    filters = [made.get_filter(place)[0] for place in range(made.get_nfilters())]
    chunk = int(np.prod(dataset.chunks, dtype=float)) if dataset.chunks else 0
    if dataset.is_virtual or dataset.external or set(filters) - FILTERS or len(filters) > 2 or chunk > MAX_PIXELS:
        raise ValueError(f"{name} is stored in a way of its own")
    if dataset.id.get_storage_size() > dataset.nbytes + SLACK:  # what it would grow to is more than the picture
        raise ValueError(f"{name} is stored in more bytes than it has")
    return dataset


def _size(group: h5py.Group) -> tuple[int, int]:
    height, width = (int(_number(group, key)) for key in ("height", "width"))
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a photograph of {height} by {width} pixels")
    return height, width


def _number(place: h5py.Group | h5py.Dataset, key: str) -> float:
    about = place.attrs.get_id(key)
    if about.shape != () or about.dtype.kind not in "iuf" or not np.isfinite(value := float(place.attrs[key])):
        raise ValueError(f"{key} is no number")
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return [one.decode() for one in value]
    return value.decode() if isinstance(value, bytes) else value


def _short_attributes(file: h5py.File) -> list[str]:
    """The names of those that are no longer than HDF5 allows beside the object itself."""
    return [key for key in file.attrs if file.attrs.get_id(key).get_storage_size() <= LONGEST_ATTRIBUTE]


def opened(path: Path, kind: str) -> Reader:
    """A reader that stays open in this process: workers open a file once, not once an image.

    A file that was replaced since is opened anew. Raises what `Reader` raises.
    """
    try:
        found = path.stat()
    except OSError:
        return Reader(path, kind)  # which says what is wrong
    return _opened(os.getpid(), path, kind, found.st_ino, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _opened(_process: int, path: Path, kind: str, _inode: int, _time: int) -> Reader:
    return Reader(path, kind)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def to_bytes(map_: np.ndarray) -> tuple[np.ndarray, float]:
    """A map (h, w) with its negative part cut off, as uint8 with its maximum at 255, and the scale back."""
    top = float(map_.max(initial=0.0))
    if not top > 0:
        return np.zeros(map_.shape, np.uint8), 0.0
    return np.rint(np.maximum(map_, 0) / top * 255).astype(np.uint8), top / 255
