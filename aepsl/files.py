"""Files that appear whole or not at all, and JSON in one canonical form."""

import errno
import glob
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aepsl.errors import InputError

ALL_BUT_FULL = 1 << 18  # bytes left on a disk on which a write has failed


@contextmanager
def replacing(path: Path, *, flushed: bool = True) -> Iterator[Path]:
    """A temporary name beside `path`, which becomes `path` when the block ends, or is removed when it raises.

    flushed: the bytes are on the disk by then; without it, a power failure can take them until `flush` is called.
    Whatever a library raises on a full disk, an OSError that says so comes out.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if flushed:
            flush(temporary)
        os.replace(temporary, path)
    except Exception as error:
        if shutil.disk_usage(path.parent).free < ALL_BUT_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def refuse_overwriting(output: Path, inputs: Iterable[Path], *, suffix: str | None = None) -> None:
    """Raises InputError where `output` is a folder, or one of the files that are read for it, by whatever name.

    suffix: that such a file has; one that is there and has another was not written by the same command.
    """
    if output.is_dir():
        raise InputError(f"{output}: a folder; give a file")
    if os.path.realpath(output) in {os.path.realpath(path) for path in inputs}:
        raise InputError(f"{output}: an input, not to be overwritten; give another file")
    if suffix and output.exists() and output.suffix != suffix:
        raise InputError(f"{output}: is there already, and is no {suffix}; give another file")


def remove_leftovers(output: Path) -> None:
    """Remove what a killed process that was making `output` left half-written, in its folder if that is an index."""
    for left in output.parent.glob(".*.tmp" if output.name == "index.json" else f".{glob.escape(output.stem)}.*.tmp"):
        left.unlink(missing_ok=True)


def regular(path: Path) -> Path:
    """`path`, to be read. Raises InputError for a folder, a pipe or a device; what is missing passes."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return path
    if stat.S_ISREG(mode):
        return path
    raise InputError(f"{path}: {'a folder' if stat.S_ISDIR(mode) else 'not a file'}; give a file")


def flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def flush_all(paths: Iterable[Path]) -> None:
    """Wait for many files, several at a time: the disk then writes its journal for them together."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(flush, paths):
            pass


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def canonical(value: Any) -> str:
    """One line of JSON that is equal for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, keys in the order given, atomically. NaN and infinities are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON, with a byte order mark or without. Raises InputError when the file is missing or is not JSON."""
    try:
        return json.loads(regular(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from None


def read_json_lines(path: Path) -> list[Any]:
    """Read a file of one JSON value a line. Raises InputError when it is missing or is not that."""
    try:
        return [json.loads(line) for line in regular(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON lines ({error})") from None


@contextmanager
def whole(*paths: Path) -> Iterator[None]:
    """Raises InputError, naming the files, where the block does not find in them what their stage writes."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: not as its stage writes it ({error!r}); remove it and run again") from None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises InputError when it cannot be read."""
    try:
        with open(regular(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
