"""The one error a person can mend: bad input, told in one line."""

from collections.abc import Sequence

LONGEST = 700  # characters of a line
SHOWN = 3  # names of many


class InputError(Exception):
    """What a person gave is missing, broken or contradictory.

    Its message is one line: which file or key, what is wrong, what to do; of several defects, each argument is a line.
    What was given may stand in it as it is: here it is made printable and cut to a length that can be read. The command
    line prints it and exits with status 2; anything else that is raised is a defect of the program and ends in a
    traceback.
    """

    def __str__(self) -> str:
        return "\n".join(map(_line, self.args))


def _line(text: object) -> str:
    """The text with line ends, other control characters and lone surrogates as Python writes them."""
    shown = str(text)
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST // 2]} … {shown[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def first_of(names: Sequence[str], between: str = ", ") -> str:
    """The first few names and, where there are more, an ellipsis."""
    return between.join(names[:SHOWN]) + (f"{between}…" if len(names) > SHOWN else "")
