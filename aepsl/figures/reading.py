"""Products that are read for the report: what is wrong with them is told in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aepsl.errors import InputError


@contextmanager
def whole(*paths: Path) -> Iterator[None]:
    """Raises InputError, naming the files, where the block does not find in them what their stage writes."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: not as its stage writes it ({error!r}); remove it and run again") from None
