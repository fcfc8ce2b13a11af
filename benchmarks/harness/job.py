"""What a benchmark is: data, peers that do the same work on it, and the check that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a peer's work gives: its result, and more columns for its line (they win over what was measured)."""

    result: Any
    line: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[], Any]
Peer = Callable[[Path], Work]
"""Given the folder of the data, sets up all that is not timed and gives the work that is."""


class Absent(Exception):
    """A peer cannot run here; the message says why."""


@dataclass(frozen=True)
class Job:
    """A benchmark.

    Attributes
    ----------
    asks : str
        What is computed, in a line.
    size : int
        By default; what it counts is said in `unit`.
    data : function of a size
        Gives the folder of the data, made first if need be.
    peers : mapping of name to Peer
        In the order in which they take turns.
    check : function of a result
        The numbers that must be equal; runs outside the measured time.
    line : function of a result, optional
        More columns for a peer's line, such as how good its result is; runs outside the measured time too.
    packages : mapping of peer to names of packages
        Whose versions stand in the peer's line; by default the package of the peer's name.
    children : names of peers
        Which do their work in processes of their own: time and memory are those of the whole family.
    limits : mapping of peer to size
        Above which a peer is left out, since it would take minutes or all memory.
    sizes : sequence of int, optional
        The job is run at each of these instead of at `size`.
    once_above : int, optional
        Larger sizes than this are run once, not several times.
    warm_size : int
        The size at which a peer first does the job once, unmeasured: what is imported, compiled or started on the way
        is not what a job costs. 0: it does not.
    touch : function of a size
        How many bytes of memory are touched before the clock starts: about what the hungriest peer takes.
    columns : sequence of str
        The columns of the job's table after peer, size and seconds: those of ``tables.py``, or names of what a peer
        adds to its line.
    input_bytes : function of a size, optional
        How large the input is in memory, as Arrow: what a peer's memory is held against.
    """

    asks: str
    size: int
    unit: str
    data: Callable[[int], Path]
    peers: Mapping[str, Peer]
    check: Callable[[Any], Mapping[str, Any]]
    line: Callable[[Any], Mapping[str, Any]] | None = None
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    once_above: int | None = None
    warm_size: int = 1_000
    touch: Callable[[int], int] = lambda size: 4_096 * size
    columns: tuple[str, ...] = ("times ours", "CPU s", "peak MB", "above imports MB", "of input", "runs", "version")
    input_bytes: Callable[[int], int] | None = None
