"""Time and memory of each stage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aepsl.figures.style import BLACK, SKY, page, styled, title

UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))


@dataclass(frozen=True)
class Cost:
    """What one job took. memory: its processes' largest, MiB; None where the job was over before it was measured."""

    stage: str
    seconds: float
    memory: float | None


@styled
def resources(costs: Sequence[Cost]) -> Figure:
    """A row a stage, in the order of the jobs: the time of its jobs together, and the memory of the largest."""
    stages = list(dict.fromkeys(cost.stage for cost in costs))
    figure = page(1.0 + 0.22 * max(3, len(stages)))
    time, memory = figure.subplots(1, 2, sharey=True)
    total = sum(cost.seconds for cost in costs)
    longest = max((cost.seconds for cost in costs), default=0.0)
    unit, length = next(one for one in UNITS if longest >= 3 * one[1] or one[1] == 1)
    for row, stage in enumerate(stages):
        jobs = [cost for cost in costs if cost.stage == stage]
        together = sum(job.seconds for job in jobs)
        _bar(time, row, together / length, [job.seconds / length for job in jobs], duration(together))
        if known := [job.memory / 1024 for job in jobs if job.memory is not None]:
            _bar(memory, row, max(known), known, f"{max(known):.2f}")
    jobs_of = Counter(cost.stage for cost in costs)
    names = [stage if jobs_of[stage] == 1 else f"{stage} ({jobs_of[stage]} jobs)" for stage in stages]
    time.set_yticks(range(len(stages)), names)
    time.set_ylim(len(stages) - 0.5, -0.5)
    time.set_xlabel(f"time of the stage ({unit}); dots: its jobs")
    memory.set_xlabel("peak memory (GiB); dots: its jobs")
    for axes in (time, memory):
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1.25 * max(axes.get_xlim()[1], 1e-6))
    title(figure, f"Time and memory of each stage; all jobs together {duration(total)}")
    return figure


def _bar(axes: Axes, row: int, length: float, dots: Sequence[float], text: str) -> None:
    axes.barh(row, length, color=SKY, height=0.7)
    if len(dots) > 1:
        axes.plot(dots, [row] * len(dots), ".", color=BLACK, markersize=4)
    axes.annotate(text, (length, row), xytext=(3, 0), textcoords="offset points", va="center")


def duration(seconds: float) -> str:
    """A time as a person says it: 8.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
