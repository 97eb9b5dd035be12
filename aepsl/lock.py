"""One run at a time in a folder of results."""

import fcntl
from pathlib import Path
from typing import IO

from aepsl.errors import InputError


def locked(results: str) -> IO[str]:
    """The results folder, locked for this process alone until it ends, however it ends. Keep what is returned.

    Raises InputError when another run has it, or when it cannot be written.
    """
    path = Path(results, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{error.filename}: the folder of results cannot be written ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{results}: another run is at work in this folder; wait for it or stop it") from None
    return file
