"""Sizes and intervals of a server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Sizes and intervals; none of them changes an answer.

    Parameters
    ----------
    drain_every_s : float
        At the latest so often the journal goes to the lake.
    drain_bytes : int
        At the latest when so much waits.
    poll_s : float
        How often the ledger is asked for the roles.
    unsynced_bytes : int
        More than this on its way to the disk, and requests are refused until it is less.
    segment_bytes : int
        A file of the journal.
    remember : int
        So many records at least, and the answers that were given under keys among them, are known after a restart.
    sync : bool
        False for tests: no protection against a power cut, still against a kill.
    """

    drain_every_s: float = 60.0
    drain_bytes: int = 32 << 20
    poll_s: float = 1.0
    unsynced_bytes: int = 32 << 20
    segment_bytes: int = 16 << 20
    remember: int = 20_000
    sync: bool = True
