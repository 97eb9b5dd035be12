"""Photographs given as files and folders."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from aepsl.data.labels import PICTURES
from aepsl.errors import InputError


def photographs(places: Iterable[Path], *, without: Sequence[Path]) -> dict[Path, Path]:
    """Name → file of each photograph: its path below the folder that was given, or its file name, less the extension.

    Folders are walked recursively, in order, for what has a picture's extension; hidden files, linked folders and the
    folders `without` are left out. Raises InputError for what is not there or holds no photograph, and for two
    photographs of one name.
    """
    found: dict[Path, Path] = {}
    for place in places:
        if place.is_dir():
            if os.path.realpath(place) in map(os.path.realpath, without):
                raise InputError(f"{place}: the folder of the photographs cannot take what is made of them")
            below = [(path, path.relative_to(place)) for path in _walk(place, without)]
            if not below:
                raise InputError(f"{place}: no photograph in this folder ({', '.join(sorted(PICTURES))})")
        elif place.exists():
            below = [(place, Path(place.name))]
        else:
            raise InputError(f"{place}: no such photograph or folder")
        for path, relative in below:
            name = relative.with_suffix("")
            other = found.setdefault(name, path)
            if other != path and not other.samefile(path):
                raise InputError(f"{other} and {path} would both become {name}: rename one, or take them apart")
    for path in found.values():
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise InputError(f"{str(path)!r}: the name is not UTF-8; rename it") from None
    return found


def _walk(folder: Path, without: Sequence[Path]) -> Iterator[Path]:
    left_out = {os.path.realpath(one) for one in without}
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(place, name)) not in left_out
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURES:
                yield Path(place, name)


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror})")
