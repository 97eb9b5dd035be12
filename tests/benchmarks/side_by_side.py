"""Trainings side by side, each with its part of the CPUs, against one after the other with all of them.

As many as there are CPUs, of the demo's small network: what `cpu_threads: 1` gains where several runs are compared.
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
    """Time of all trainings together to that of the same ones in turn; processes as a rule starts them."""
    manifest, _ = drawn(folder, count=SCENES, size=SIZE)
    count = usable_cpus()
    what, bound = "trainings side by side / in turn", 0.85
    if count == 1:
        return [Finding(what, None, bound, "there is one CPU")]
    one, all_of_them = _configured(folder, threads=1), _configured(folder, threads=count)

    def together() -> None:
        running = [_started(folder, one, manifest, number) for number in range(count)]
        for process in running:
            process.wait()

    def in_a_row() -> None:
        for number in range(count):
            _started(folder, all_of_them, manifest, number).wait()

    timed = in_turn(together, in_a_row, turns=TURNS)
    note = f"{timed.ours:.0f} s to {timed.bare:.0f} s, {count} trainings of {EPOCHS} epochs"
    return [Finding(what, timed.ratio, bound, note)]


def _configured(folder: Path, *, threads: int) -> Path:
    """The demo's configuration, with so many threads and few epochs."""
    values: dict[str, Any] = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    values["classification"]["training"]["epochs"] = EPOCHS
    path = folder / f"threads{threads}.yaml"
    path.write_text(yaml.safe_dump({**values, "cpu_threads": threads}), encoding="utf-8")
    return path


def _started(folder: Path, config: Path, manifest: Path, number: int) -> "subprocess.Popen[bytes]":
    words = ["--config", str(config), "--round", "1", "--images", str(manifest), "--device", "cpu"]
    outputs = {"model": "safetensors", "history": "jsonl", "log": "log"}
    for name, ending in outputs.items():
        words += [f"--{name}", str(folder / f"{number}.{ending}")]
    return subprocess.Popen([sys.executable, "-m", "aepsl", "train-classifier", *words], stderr=subprocess.DEVNULL)
