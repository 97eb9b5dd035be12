"""Pictures in folders, and photographs given as files and folders."""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from aepsl.data.labels import PICTURES
from aepsl.errors import InputError


def pictures(
    root: Path, *, without: Iterable[Path] = (), below: bool = True, suffixes: Container[str] = PICTURES
) -> Iterator[Path]:
    """The files of a folder with one of `suffixes`, in order: its own, then, with `below`, those of its folders.

    Left out are what is hidden and the folders `without`. Links are followed, but to no folder that holds the way to
    them, so that the walk ends. Raises InputError for a folder that cannot be read.
    """
    left_out = {os.path.realpath(one) for one in without}
    ways: dict[str, tuple[Path, ...]] = {os.fspath(root): (Path(os.path.realpath(root)),)}
    for place, folders, files in os.walk(root, followlinks=True, onerror=_refuse):
        way = ways.pop(place)
        inside = {
            name: Path(os.path.realpath(os.path.join(place, name)))
            for name in sorted(folders)
            if below and not name.startswith(".")
        }
        folders[:] = [
            name
            for name, real in inside.items()
            if str(real) not in left_out and not any(passed.is_relative_to(real) for passed in way)
        ]
        ways |= {os.path.join(place, name): (*way, inside[name]) for name in folders}
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes:
                yield Path(place, name)


def photographs(places: Iterable[Path], *, without: Sequence[Path]) -> dict[Path, Path]:
    """Name → file of each photograph: its path below the folder that was given, or its file name, less the extension.

    Of folders, what `pictures` finds. Raises InputError for what is not there or holds no photograph, and for two
    photographs of one name.
    """
    found: dict[Path, Path] = {}
    for place in places:
        if place.is_dir():
            if os.path.realpath(place) in map(os.path.realpath, without):
                raise InputError(f"{place}: the folder of the photographs cannot take what is made of them")
            below = [(path, path.relative_to(place)) for path in pictures(place, without=without)]
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


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror})")
