"""Torture: the workflow struck down again and again, and the plain command given again, until its results stand.

`make torture` strikes 60 times, a test a few times. The moments come from a seed: some at random, some just when a file
is half-written.
"""

import argparse
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from project import TEST, Project, bytes_of

COMMAND = ("all", "results_test/variants/psl++/miou.json", *TEST)
UNLIKE = ("logs", "benchmarks")  # folders of what is not equal in two runs
PATIENCE = 60  # seconds for the processes of a stopped workflow to end
WAY_ON = "the same command goes on from there"


def _kill_the_tree(main: psutil.Process) -> None:
    for process in [main, *main.children(recursive=True)]:
        process.kill()


def _kill_main(main: psutil.Process) -> None:
    main.kill()


def _terminate(main: psutil.Process) -> None:
    main.terminate()


def _interrupt(main: psutil.Process) -> None:  # as a terminal does on Ctrl-C
    for process in [main, *main.children(recursive=True)]:
        process.send_signal(signal.SIGINT)


WAYS: dict[str, Callable[[psutil.Process], None]] = {
    "kill the tree": _kill_the_tree,
    "kill main": _kill_main,
    "terminate": _terminate,
    "interrupt": _interrupt,
}


def products(project: Project) -> dict[str, bytes]:
    """What stands under a final name in the results, by path."""
    found = bytes_of(project.path("results_test"))
    return {path: data for path, data in found.items() if not _is_passing(Path(path))}


def _gathered(path: str) -> str:
    """The product that the only shard becomes, byte by byte."""
    return path.replace(".1-of-1", "")


def _is_passing(path: Path) -> bool:
    at_the_end = path.name in (".lock", "provenance.json")  # written at the end of every run, whole or not
    timed = path.stem in ("resources", "plot_resources")  # how long the jobs took, and the record of that figure
    return path.parts[0] in UNLIKE or path.suffix in (".tmp", ".resume") or at_the_end or timed


def torture(
    project: Callable[[], Project], expected: dict[str, bytes], *, strikes: int, seed: int, longest: float = 15.0
) -> Counter[str]:
    """Strike `strikes` times, in as many runs from the start as that takes; returns how often what was seen.

    project: a folder to start in, without results. expected: the products of an undisturbed run. longest: of the wait
    before a strike, in seconds. Raises AssertionError for a process that lives on, a command that fails, a file that is
    not what it should be.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs would inherit to ignore it
    draw = random.Random(seed)
    seen: Counter[str] = Counter()
    while seen["strikes"] < strikes:
        one = project()
        seen["runs"] += 1
        while not _ends(one, draw, longest, seen, last=seen["strikes"] >= strikes):
            wrong = [
                path
                for path, data in products(one).items()
                if data not in (expected.get(path), expected.get(_gathered(path)))
            ]
            assert not wrong, f"half-written or different after a strike: {wrong}"
        assert products(one) == expected, _difference(products(one), expected)
        left = [path for path in bytes_of(one.path("results_test")) if path.endswith((".tmp", ".resume"))]
        assert not left, left
    return seen


def _ends(project: Project, draw: random.Random, longest: float, seen: Counter[str], *, last: bool) -> bool:
    """Start the plain command, strike it unless it ends before or is the `last`; whether it reached its end."""
    log = project.path("said.log")
    started = project.start(*COMMAND)
    main = psutil.Process(started.pid)
    wait, at_a_write, way = draw.uniform(0, longest), draw.random() < 0.5, draw.choice(list(WAYS))
    struck = not last and _comes(project, started, wait, at_a_write)
    if struck:
        family = [main, *main.children(recursive=True)]
        WAYS[way](main)
        try:
            started.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{way}: goes on\n{log.read_text()[-4000:]}") from None
        _, alive = psutil.wait_procs(family[1:], timeout=PATIENCE)
        assert not alive, f"{way}: lives on: {alive}\n{log.read_text()[-4000:]}"
        seen["strikes"] += 1
        seen[way] += 1
        seen["at a write"] += at_a_write
    code, said = started.wait(), log.read_text(encoding="utf-8", errors="replace")
    seen["trainings gone on with"] += said.count("going on after epoch")
    if struck and code != 0:
        if way in ("terminate", "interrupt") and "Select jobs to execute" in said:
            assert WAY_ON in said, said[-2000:]
            if way == "terminate":
                assert "Traceback" not in said, said[-4000:]
            seen["tracebacks on Ctrl-C"] += "Traceback" in said  # of Python itself, starting or forking
        return False
    assert code == 0, said[-4000:]
    return True


def _comes(project: Project, started: subprocess.Popen[bytes], wait: float, at_a_write: bool) -> bool:
    """Wait for the moment; False when the command ends before."""
    end = time.monotonic() + wait
    while started.poll() is None:
        if time.monotonic() > end and not (at_a_write and not _writes(project)):
            return True
        time.sleep(0.002)
    return False


def _writes(project: Project) -> bool:
    return any(project.path("results_test").rglob(".*.tmp"))


def _difference(one: dict[str, bytes], other: dict[str, bytes]) -> str:
    return f"different or missing: {sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strikes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Project(Path(folder, "undisturbed"))
        undisturbed.run(*COMMAND)
        numbers = iter(range(options.strikes))
        seen = torture(
            lambda: Project(Path(folder, f"struck{next(numbers)}")),
            products(undisturbed),
            strikes=options.strikes,
            seed=options.seed,
        )
    for what, count in seen.items():
        print(f"{count:4} {what}")
    print("equal bytes after every run")


if __name__ == "__main__":
    main()
