"""Shards: the images of a manifest split over jobs that know nothing of each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from aepsl.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of `count` shards, counted from 1; the only one if not told otherwise."""

    number: int = 1
    count: int = 1

    @classmethod
    def named(cls, name: str) -> "Shard":
        """The shard as Snakemake names it, `2-of-8`. Raises InputError for another name."""
        found = re.fullmatch(r"([0-9]{1,9})-of-([0-9]{1,9})", name)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise InputError(f"a shard is named 1-of-8 to 8-of-8. Got: {name!r}")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The shard's items: of all shards together each item once, in order; in numbers that differ by one at most."""
        return items[(self.number - 1) * len(items) // self.count : self.number * len(items) // self.count]


WHOLE = Shard()
