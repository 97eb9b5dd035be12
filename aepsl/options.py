"""Options of the command line that stages and tools share."""

import argparse
from pathlib import Path

from aepsl.machine import Machine, usable_cpus


def machine_options(parser: argparse.ArgumentParser) -> None:
    """Where and how exactly to compute."""
    machine = parser.add_argument_group("machine: but for the precision it changes no result on a CPU")
    machine.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    machine.add_argument("--precision", choices=["auto", "bf16", "float32"], default="auto")
    machine.add_argument("--workers", type=int, default=usable_cpus(), help="processes beside this one")
    log_options(machine)


def log_options(parser: argparse._ActionsContainer) -> None:
    """Where the log goes, and when to end."""
    parser.add_argument("--log", type=Path, help="file for the log and for tracebacks")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the process that began this ends")


def machine_of(options: argparse.Namespace) -> Machine:
    """The machine that the options describe."""
    return Machine(options.device, options.precision, max(1, options.workers))
