"""The one error a person can mend: bad input, told in one line."""

from collections.abc import Sequence

SHOWN = 3


class InputError(Exception):
    """What a person gave is missing, broken or contradictory.

    Its message is one line: which file or key, what is wrong, what to do. The command line prints it and exits with
    status 2; anything else that is raised is a defect of the program and ends in a traceback.
    """


def first_of(names: Sequence[str], between: str = ", ") -> str:
    """The first few names and, where there are more, an ellipsis."""
    return between.join(names[:SHOWN]) + (f"{between}…" if len(names) > SHOWN else "")
