"""Tasks done by forked processes, their results in the order of the tasks.

Forked, so that functions and rows are inherited as they are and never serialised; only results travel back, from
processes of our own. A worker that dies is told, not waited for; when the caller stops, so do the workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from hindcast.errors import StateError

__all__ = ["can_fork", "cores", "in_processes", "may_fork"]

_AHEAD = 2
"""Tasks a worker is given before it has answered, so that it never waits for the next."""


def can_fork() -> bool:
    """Whether processes can be forked safely: on Linux, and not from a process that is one already."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def may_fork() -> bool:
    """Whether to fork unasked: from the main thread only, since a thread beside it may hold a lock right now."""
    return can_fork() and threading.current_thread() is threading.main_thread()


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(work: Callable[[int], Any], tasks: Sequence[int], workers: int) -> Iterator[tuple[int, Any]]:
    """Each task and what `work` gives for it, in order; it must depend on nothing but the task.

    Raises
    ------
    StateError
        When a worker dies, or `work` raises.
    """
    links: list[Connection] = []
    processes: list[Any] = []
    context = multiprocessing.get_context("fork")
    try:
        for _ in range(min(workers, len(tasks))):
            ours, theirs = context.Pipe()
            links.append(ours)
            process = context.Process(target=_serve, args=(work, theirs, list(links)), daemon=True)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
                process.start()
            processes.append(process)
            theirs.close()
        yield from _answers(links, tasks)
    finally:
        for link in links:
            link.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
            process.close()


def _answers(links: Sequence[Connection], tasks: Sequence[int]) -> Iterator[tuple[int, Any]]:
    waiting = iter(enumerate(tasks))
    held: dict[int, Any] = {}
    turn = busy = 0

    def give(link: Connection) -> int:
        for place, task in waiting:
            link.send((place, task))
            return 1
        return 0

    try:
        busy = sum(give(link) for _ in range(_AHEAD) for link in links)
        while busy:
            for link in wait(links):
                place, result, error = link.recv()  # type: ignore[union-attr,call-arg]
                if error is not None:
                    raise StateError(f"a worker process failed:\n{error}")
                held[place] = result
                busy += give(link) - 1  # type: ignore[arg-type]
            while turn in held:
                yield tasks[turn], held.pop(turn)
                turn += 1
    except (EOFError, ConnectionError, BrokenPipeError):
        raise StateError(
            "a worker process died (killed, out of memory, or a library that cannot be forked). Try workers=1, or "
            "declare the function that uses that library with parallel=False."
        ) from None


def _serve(work: Callable[[int], Any], link: Connection, others: Sequence[Connection]) -> None:
    """What a worker does: tasks until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller is told, and stops the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    while True:
        try:
            place, task = link.recv()
        except (EOFError, ConnectionError):
            os._exit(0)
        try:
            answer: tuple[int, Any, str | None] = (place, work(task), None)
        except BaseException:
            answer = (place, None, traceback.format_exc())
        try:
            link.send(answer)
        except (BrokenPipeError, ConnectionError):
            os._exit(0)
