"""What every benchmark shares: timing two things in turn, and a ratio beside its bound."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Finding:
    """A measured ratio and the bound it must keep; ratio None: it could not be measured, `note` says why."""

    what: str
    ratio: float | None
    bound: float
    note: str
    more_is_better: bool = False

    @property
    def ok(self) -> bool:
        """Whether the ratio was measured and keeps its bound."""
        if self.ratio is None:
            return False
        return self.ratio >= self.bound if self.more_is_better else self.ratio <= self.bound

    def row(self) -> str:
        """Ratio, bound, verdict and note, in columns."""
        ratio = "    –" if self.ratio is None else f"{self.ratio:5.2f}"
        sign = "≥" if self.more_is_better else "≤"
        return f"{ratio}  {sign} {self.bound:.2f}  {'ok' if self.ok else 'missed':6}  {self.note}"


@dataclass(frozen=True)
class Timed:
    """Median seconds of two things that took turns, and the median of the turns' ratios, ours to bare."""

    ours: float
    bare: float
    ratio: float


def in_turn(ours: Callable[[], object], bare: Callable[[], object], *, turns: int) -> Timed:
    """Time both `turns` times, each first in every other turn, after one turn that does not count.

    What else the machine does hits both sides of a turn's ratio alike.
    """
    seconds: list[dict[Callable[[], object], float]] = []
    for turn in range(turns + 1):
        seconds.append({run: _seconds(run) for run in ((ours, bare) if turn % 2 else (bare, ours))})
    counted = seconds[1:]
    return Timed(
        ours=median(turn[ours] for turn in counted),
        bare=median(turn[bare] for turn in counted),
        ratio=median(turn[ours] / turn[bare] for turn in counted),
    )


def _seconds(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start
