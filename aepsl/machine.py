"""The machine as the user describes it; except for the precision nothing here changes what a CPU computes."""

import os
from dataclasses import dataclass
from pathlib import Path

DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of GPUs: NVIDIA's, AMD's, and both under WSL


@dataclass(frozen=True)
class Machine:
    """device: auto, cpu or cuda; precision: auto, bf16 or float32; workers: processes that may run beside the stage."""

    device: str = "auto"
    precision: str = "auto"
    workers: int = 1


def usable_cpus() -> int:
    """The CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_gpu() -> bool:
    """Whether a GPU may be here. torch knows for sure, but takes seconds to import, and each plan asks."""
    return any(Path(driver).exists() for driver in DRIVERS)


def share(cores: int, threads: int) -> int:
    """Of Snakemake's `cores`, those that a job takes which computes with `threads`: side by side jobs fill the CPUs.

    Where there are more cores than CPUs, as with `--cores 8` on any machine, a job takes more of them.
    """
    cpus = usable_cpus()
    return min(cores, -(-threads * max(cores, cpus) // cpus))


def processes() -> int:
    """How many processes, this one counted, train one network together: as torchrun tells them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is; 0 speaks and writes for all."""
    return int(os.environ.get("RANK", "0"))
