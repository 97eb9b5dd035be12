"""One function over many images, in several processes, in order, with memory that does not grow with their number."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

NICENESS = 10  # a worker of full priority beside a trainer of two threads slows it fourfold
CHUNK = 4  # images that a worker takes at once


def in_processes(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """function(item) for each item, in order, computed by `workers` niced processes; in this one where workers is 1.

    `function` may be a closure: the processes are forked. Items travel in chunks; an error of `function` is raised
    here, at its chunk's place.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(function, os.getpid())) as pool:
        for results in _window(lambda chunk: pool.submit(_call, chunk), _chunks(items), depth=2 * workers):
            yield from results


def ahead(function: Callable[[T], R], items: Iterable[T], *, threads: int = 1) -> Iterator[R]:
    """function(item) for each item, in order, computed in threads a little ahead of the reader."""
    with ThreadPoolExecutor(threads) as pool:
        yield from _window(lambda item: pool.submit(function, item), items, depth=2 * threads)


def end_unless(alive: Callable[[], bool]) -> None:
    """End this process, at once and wherever it is, when `alive()` is no longer true."""

    def watch() -> None:
        while alive():
            time.sleep(0.1)
        os._exit(143)

    threading.Thread(target=watch, daemon=True).start()


def _window(submit: Callable[[T], "Future[R]"], items: Iterable[T], *, depth: int) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


_function: Callable[..., object] | None = None


def _start(function: Callable[..., object], parent: int) -> None:
    global _function
    _function = function
    end_unless(lambda: os.getppid() == parent)  # that was killed; its workers would wait for it for ever
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them, and says so in a line


def _call(chunk: Iterable[object]) -> list[Any]:
    assert _function is not None
    return [_function(item) for item in chunk]
