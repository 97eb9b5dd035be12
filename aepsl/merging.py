"""Which rounds are merged, by the loss that their histories end with (paper, Fig. 6)."""

import logging
from collections.abc import Sequence
from pathlib import Path

from aepsl.erasing import rounds_before_jump
from aepsl.errors import InputError
from aepsl.files import read_json_lines

log = logging.getLogger(__name__)


def final_losses(history: Path) -> tuple[float, float]:
    """The converged loss of a round, and a constant predictor's. Raises InputError for a history without them."""
    records = read_json_lines(history)
    last = records[-1] if records and isinstance(records[-1], dict) else {}
    losses = last.get("converged_loss"), last.get("constant_loss")
    if not all(isinstance(loss, float | int) and abs(loss) < 1e300 for loss in losses):
        raise InputError(f"{history}: a history without its last record; remove it and run again")
    return losses  # type: ignore[return-value]


def merged_rounds(histories: Sequence[Path], *, jump: float) -> int:
    """How many rounds `erasing.merge: auto` takes. Raises InputError for a history without its last record."""
    losses = [final_losses(path) for path in histories]
    count = rounds_before_jump(losses, jump=jump)
    log.info("%d of %d rounds are merged: the converged loss jumps after them", count, len(losses))
    return count
