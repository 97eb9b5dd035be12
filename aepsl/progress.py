"""Progress bars on standard error: often on a terminal, seldom in a log."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

from aepsl.machine import rank

T = TypeVar("T")


def bar(title: str, *, total: int, unit: str, done: int = 0) -> tqdm:
    """A bar that its owner moves on."""
    return tqdm(
        total=total,
        initial=done,
        desc=title,
        unit=unit,
        file=sys.stderr,
        disable=rank() > 0,
        mininterval=0.5 if sys.stderr.isatty() else 10,
        dynamic_ncols=True,
    )


def each(items: Iterable[T], title: str) -> Iterator[T]:
    """The items, one by one, with a bar."""
    with bar(title, total=len(items) if isinstance(items, Sized) else 0, unit="image") as moving:
        for item in items:
            yield item
            moving.update()
