"""Options of the command line that stages and tools share."""

import argparse
from pathlib import Path

from aepsl.machine import Machine, usable_cpus
from aepsl.settings.settings import Settings


def machine_options(parser: argparse.ArgumentParser) -> None:
    """Where and how exactly to compute."""
    machine = parser.add_argument_group("machine: but for the precision it changes no result on a CPU")
    machine.add_argument("--device", choices=["auto", "cpu", "cuda"], help="default: the configuration's, or auto")
    machine.add_argument("--precision", choices=["auto", "bf16", "float32"], help="likewise")
    machine.add_argument("--workers", type=int, default=usable_cpus(), help="processes beside this one")
    log_options(machine)


def log_options(parser: argparse._ActionsContainer) -> None:
    """Where the log goes, and when to end."""
    parser.add_argument("--log", type=Path, help="file for the log and for tracebacks")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the process that began this ends")


def machine_of(options: argparse.Namespace, settings: Settings | None = None) -> Machine:
    """The machine that the options describe, and where they say nothing the settings."""
    device, precision = (settings.device, settings.precision) if settings else ("auto", "auto")
    return Machine(options.device or device, options.precision or precision, max(1, options.workers))
