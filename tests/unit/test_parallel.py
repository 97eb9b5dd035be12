import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest

from aepsl.errors import InputError
from aepsl.parallel import CHUNK, NICENESS, ahead, in_processes

WAYS = [
    pytest.param(partial(in_processes, workers=1), 1, id="one process"),
    pytest.param(partial(in_processes, workers=2), 4 * CHUNK, id="two processes"),
    pytest.param(partial(ahead, threads=1), 2, id="one thread"),
    pytest.param(partial(ahead, threads=3), 6, id="three threads"),
]
Way = Callable[..., Iterator]


class Source:
    """Numbers from 0, counting how many were taken."""

    def __init__(self, end: int = 100) -> None:
        self.end, self.taken = end, 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.end):
            self.taken += 1
            yield number


@pytest.mark.parametrize(("way", "depth"), WAYS)
def test_results_come_in_the_order_of_the_items_and_of_a_closure(way: Way, depth: int) -> None:
    offset = 1000
    slow = threading.Event()

    def function(item: int) -> int:
        if item % 5 == 0:
            slow.wait(0.01)  # the next items overtake it
        return item + offset

    assert list(way(function, Source(40))) == list(range(1000, 1040))
    assert list(way(function, [])) == []


@pytest.mark.parametrize(("way", "depth"), WAYS)
def test_no_more_items_are_taken_than_the_window_holds(way: Way, depth: int) -> None:
    source = Source()
    results = way(lambda item: item, source)
    assert source.taken == 0, "nothing begins before it is asked for"
    for given, _ in enumerate(results, start=1):
        assert given <= source.taken <= given - 1 + depth
        if given == 10:
            break
    results.close()  # type: ignore[attr-defined]
    assert source.taken < 10 + depth


@pytest.mark.parametrize(("way", "depth"), WAYS)
def test_an_error_comes_out_as_it_is_at_its_items_or_its_chunks_place(way: Way, depth: int) -> None:
    def function(item: int) -> int:
        if item == 11:
            raise InputError("c.jpg: not a readable photograph")
        return item

    seen: list[int] = []
    with pytest.raises(InputError, match=r"^c\.jpg: not a readable photograph$"):
        seen.extend(way(function, Source()))
    assert seen == list(range(len(seen))) and len(seen) > 11 - CHUNK


@pytest.mark.parametrize(("way", "depth"), WAYS)
def test_an_error_of_the_source_comes_out_and_costs_the_window_at_most(way: Way, depth: int) -> None:
    def source() -> Iterator[int]:
        yield from range(20)
        raise ZeroDivisionError

    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        seen.extend(way(lambda item: item, source()))
    assert seen == list(range(len(seen))) and len(seen) >= 20 - depth


def test_processes_are_niced_others_and_end_with_the_iterator() -> None:
    started = os.nice(0)
    found = set(in_processes(lambda _: (os.getpid(), os.nice(0)), range(40), workers=2))
    assert os.getpid() not in {pid for pid, _ in found}
    assert {nice for _, nice in found} == {min(19, started + NICENESS)}
    for pid, _ in found:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert os.nice(0) == started
    assert set(in_processes(lambda _: os.getpid(), range(3), workers=1)) == {os.getpid()}


ENDLESS = """
import os, time
from aepsl.parallel import in_processes

def work(number):
    os.write(1, b"%d\\n" % os.getpid())  # at once: two processes write to one pipe
    time.sleep(600)

list(in_processes(work, range(100), workers=2))
"""


def test_workers_end_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
