"""Wall time of a finished demo against the sum of its jobs' times: what Snakemake and the gaps between jobs cost.

On two CPUs, where its jobs run one at a time; on more they run side by side, and the ratio falls below 1.

Read from Snakemake's logs of `make demo`: the wall time, and which jobs ran, each with the benchmark file (column s)
that it wrote. Nothing is run here.
"""

import csv
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.benchmarks.measure import Finding

LOGS = Path(".snakemake/log")
START = "%Y-%m-%dT%H%M%S.%f"
CONFIG = "Config file(s): ['config.yaml']"


@dataclass(frozen=True)
class Run:
    """A finished run of the demo: seconds on the wall, and of each of its jobs."""

    wall: float
    jobs: list[float]


def measure(_folder: Path) -> list[Finding]:
    """The finished run of config.yaml with the most jobs, of those whose benchmark files no later run has replaced."""
    what, bound = "demo's wall time / its jobs' sum", 1.15
    runs = [run for path in LOGS.glob("*.snakemake.log") if (run := _read(path))]
    if not runs:
        return [Finding(what, None, bound, "no log of a finished demo: run `make clean demo` first")]
    run = max(runs, key=lambda run: len(run.jobs))
    note = f"{run.wall:.0f} s to {sum(run.jobs):.0f} s, {len(run.jobs)} jobs"
    return [Finding(what, run.wall / sum(run.jobs), bound, note)]


def _read(path: Path) -> Run | None:
    """The run of a log; None where it is not the demo's, did not finish, or a later run wrote its benchmark files."""
    text = path.read_text(encoding="utf-8")
    elapsed = re.search(r"^Elapsed time: (\d+):(\d+):([\d.]+)$", text, re.MULTILINE)
    if CONFIG not in text or "(100%) done" not in text or elapsed is None:
        return None
    hours, minutes, seconds = map(float, elapsed.groups())
    start = datetime.strptime(path.name.removesuffix(".snakemake.log"), START)
    end = start + timedelta(hours=hours, minutes=minutes, seconds=seconds + 1)
    files = [Path(name) for name in re.findall(r"^    benchmark: (.+)$", text, re.MULTILINE)]
    own = [file.exists() and start <= datetime.fromtimestamp(file.stat().st_mtime) <= end for file in files]
    if not files or not all(own):
        return None
    return Run(wall=3600 * hours + 60 * minutes + seconds, jobs=[_seconds(file) for file in files])


def _seconds(file: Path) -> float:
    with file.open(encoding="utf-8", newline="") as lines:
        return sum(float(row["s"]) for row in csv.DictReader(lines, delimiter="\t"))
