"""Two trainings side by side with a thread each, against one after the other with two threads each.

Of the demo's small network on scenes: what `cpu_threads: 1` gains on two CPUs where several runs are compared.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from aepsl.machine import usable_cpus
from tests.benchmarks.measure import Finding, in_turn
from tests.benchmarks.scenes import drawn

SCENES, SIZE, EPOCHS, TURNS = 200, 128, 2, 3


def measure(folder: Path) -> list[Finding]:
    """Time of both trainings together to that of the same ones in turn; none where there is one CPU."""
    if usable_cpus() == 1:
        return []
    manifest, _ = drawn(folder, count=SCENES, size=SIZE)
    for threads in (1, 2):
        _configure(folder, threads)

    def together() -> None:
        running = [_started(folder, manifest, number, threads=1) for number in range(2)]
        assert [process.wait() for process in running] == [0, 0]

    def in_a_row() -> None:
        for number in range(2):
            assert _started(folder, manifest, number, threads=2).wait() == 0

    timed = in_turn(together, in_a_row, turns=TURNS)
    note = f"{timed.ours:.0f} s to {timed.bare:.0f} s, two trainings of {EPOCHS} epochs"
    return [Finding("trainings side by side / in turn", timed.ratio, 0.85, note)]


def _configure(folder: Path, threads: int) -> None:
    """The demo's configuration with so many threads, few epochs, and results here."""
    values: dict[str, Any] = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    values["classification"]["training"]["epochs"] = EPOCHS
    values |= {"cpu_threads": threads, "results": str(folder / "results")}
    (folder / f"threads{threads}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def _started(folder: Path, manifest: Path, number: int, *, threads: int) -> "subprocess.Popen[bytes]":
    words = ["--config", str(folder / f"threads{threads}.yaml"), "--round", "1", "--images", str(manifest)]
    words += ["--device", "cpu", "--workers", str(threads), "--record", str(folder / f"{number}.json")]
    for name, ending in {"model": "safetensors", "history": "jsonl", "log": "log"}.items():
        words += [f"--{name}", str(folder / f"{number}.{ending}")]
    return subprocess.Popen([sys.executable, "-m", "aepsl", "train-classifier", *words], stderr=subprocess.DEVNULL)
