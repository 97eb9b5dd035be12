"""Hostile content, and a place to read it: a process of its own, its memory and its time measured and limited."""

import multiprocessing
import os
import resource
import shutil
import string
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from aepsl.errors import InputError

CASES = int(os.environ.get("CASES", "500"))  # of all families together
SECONDS = 20  # a case; the machine may be busy
MIB = 2**20
MEMORY = 128 * MIB  # a case, beside what the process had before
LONGEST_LINE, MOST_LINES = 1000, 12

Rng = np.random.Generator
Make = Callable[[Rng, Path], None]  # writes a case's files into a folder
Read = Callable[[Path], object]  # reads them

HOSTILE_NAMES = [
    "..", ".", "../../etc/passwd", "../x", "/etc/passwd", "a/../../b", "-rf", "--help", "~", "a\\..\\b", "c:\\x",
    "$(touch executed)", "`touch executed`", ";touch executed;", "| touch executed", "&& touch executed", "$HOME",
    "${IFS}", "{results}", "{wildcards.run}", "{0.__class__}", "%s%n", "%00", "a\nb", "a\r\nb", "a\tb", "a\0b",
    "\x1b[2J", "\u202egnp.exe", "\ufeffbom", "a\u0301", "\u00e1", "\ud800", "\u2028", "x" * 300, "日" * 100,
    "'", '"', '","', "", " ", "CON", "nul.", "=cmd|' /C calc'!A0", "<script>", "index.json", ".lock", ".hidden", "*",
    "?", "[a]",
]  # fmt: skip


def share(part: float) -> int:
    """How many cases a family has of all."""
    return max(1, round(part * CASES))


def survive(make: Make, read: Read, folder: Path, *, cases: int, memory: int = MEMORY) -> Counter[str]:
    """Make and read cases; how many were `read` and how many `refused`.

    Fails where a case ended in anything but a value or an InputError of short printable lines, where it took more
    memory or time than the limits, or where a file appeared. Case n is made from the seed n, in a folder of that name.
    """
    folder.mkdir(exist_ok=True)
    outcomes: Counter[str] = Counter()
    defects: list[str] = []
    first = 0
    while first < cases:
        first = _watched(make, read, folder, first, cases, memory, outcomes, defects)
    shown = "\n".join(sorted(defects, key=len)[:6])
    assert not defects, f"{len(defects)} of {cases} cases:\n{shown}"
    assert not list(folder.rglob("executed"))
    return outcomes


def _watched(
    make: Make, read: Read, folder: Path, first: int, end: int, memory: int, outcomes: Counter[str], defects: list[str]
) -> int:
    """Cases first..end-1 in one process, until it dies; returns the number of the next case."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, make, read, folder, first, end, memory), daemon=True)
    process.start()
    theirs.close()
    for number in range(first, end):
        try:
            found = ours.recv() if ours.poll(SECONDS) else f"no end within {SECONDS} s"
        except EOFError:
            process.join()
            found = f"the process died (exit code {process.exitcode})"
        if found in ("read", "refused"):
            outcomes[found] += 1
            continue
        defects.append(f"case {number}: {found}")
        process.kill()
        process.join()
        return number + 1
    process.join()
    return end


def _work(out: Connection, make: Make, read: Read, folder: Path, first: int, end: int, memory: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 2 * memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.chdir(folder)
    before = _peak()
    for number in range(first, end):
        place = folder / str(number)
        shutil.rmtree(place, ignore_errors=True)  # left by a process that was ended
        place.mkdir()
        try:
            make(np.random.default_rng(number), place)
            files = sorted(place.rglob("*"))
            before = max(before, _peak()) if number == first else before
            found = _outcome(read, place)
            if (taken := _peak() - before) > memory:
                found = f"{found}, and took {taken // MIB} MiB"
            if sorted(place.rglob("*")) != files:
                found = f"{found}, and wrote {sorted(place.rglob('*'))}"
        except BaseException:
            found = f"cannot be made: {traceback.format_exc()}"
        shutil.rmtree(place, ignore_errors=True)
        out.send(found)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _outcome(read: Read, place: Path) -> str:
    try:
        read(place)
    except InputError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError) or "allocate memory" in str(cause):
                return f"asked for too much memory: {_trace(cause)}"
            cause = cause.__context__
        lines = str(error).split("\n")
        if len(lines) > MOST_LINES or not all(line.isprintable() and 0 < len(line) < LONGEST_LINE for line in lines):
            return f"not a line: {str(error)[:2000]!r}"
        return "refused"
    except BaseException as error:
        return f"a traceback: {_trace(error)}"
    return "read"


def _trace(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(last)) + f": {error!r}"[:300]


def pick(rng: Rng, items: Any) -> Any:
    """One of them; as it is, which numpy's own choice would not leave it."""
    return items[int(rng.integers(len(items)))]


def damaged(rng: Rng, content: bytes) -> bytes:
    """The bytes flipped, cut, doubled, moved, filled or zeroed, at one to four places."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        start, length = int(rng.integers(len(changed) + 1)), int(rng.integers(1, 65))
        part = changed[start : start + length]
        match int(rng.integers(8)):
            case 0 if start < len(changed):
                changed[start] ^= 1 << int(rng.integers(8))
            case 1:
                del changed[start:]
            case 2:
                changed[start:start] = part
            case 3:
                other = int(rng.integers(len(changed) + 1))
                changed[other : other + len(part)] = part
            case 4:
                changed[start:start] = rng.bytes(length)
            case 5:
                changed[start : start + length] = bytes(len(part))
            case 6:
                changed[start : start + length] = b"\xff" * len(part)
            case _:
                del changed[start : start + length]
    return bytes(changed)


def junk(rng: Rng, depth: int = 0) -> Any:
    """A value that nobody expects."""
    scalars = [
        None, True, False, 0, -1, 1, 255, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**4200, 0.5, -0.0, 1e308, 5e-324,
        float("nan"), float("inf"), float("-inf"), "", "null", "true", "1e-3", "x" * 100_000,
    ]  # fmt: skip
    match int(rng.integers(8)):
        case 0 if depth < 4:
            return [junk(rng, depth + 1) for _ in range(int(rng.integers(4)))]
        case 1 if depth < 4:
            return {name(rng): junk(rng, depth + 1) for _ in range(int(rng.integers(4)))}
        case 2:
            nested: Any = pick(rng, scalars)
            for _ in range(int(rng.integers(1, 200))):
                nested = [nested] if rng.integers(2) else {"a": nested}
            return nested
        case 3 | 4:
            return name(rng)
        case _:
            return pick(rng, scalars)


def name(rng: Rng) -> str:
    """A name from outside, hostile or any."""
    if rng.integers(2):
        return str(pick(rng, HOSTILE_NAMES))
    alphabet = string.printable + "äß日\u0301\0\u2028"
    return "".join(pick(rng, alphabet) for _ in range(int(rng.integers(1, 12))))


def spoilt(rng: Rng, value: Any) -> Any:
    """A nested value with one place of it replaced, removed, doubled or renamed."""
    if not isinstance(value, dict | list) or not value or rng.integers(5) == 0:
        return junk(rng)
    where = pick(rng, list(value) if isinstance(value, dict) else range(len(value)))
    copy = value.copy()
    match int(rng.integers(7)):
        case 0:
            del copy[where]
        case 1 if isinstance(copy, dict):
            copy[name(rng)] = copy.pop(where)
        case 1 if isinstance(copy, list):
            copy.append(copy[where])
        case _:
            copy[where] = spoilt(rng, copy[where])
    return copy
