"""The current version of each key of a table: what a later fact replaces, found without Python objects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hindcast.facts.facts import Facts
from hindcast.fold.compiled import compiled
from hindcast.fold.index import Index
from hindcast.values import Bools, Ints

__all__ = ["Current", "Version", "in_order"]

KNOWN, SEQ, EVENT, STATE, STAMP, PLACES = range(6)
NOBODY, STANDS, RETRACTED = range(3)


class Version(NamedTuple):
    """The visible version of a key, and the entity that it is of, by group; -1 for none."""

    event: int
    places: tuple[int, ...]


class Current:
    """By key of a table: the version with the greatest (known time, sequence) so far.

    Parameters
    ----------
    keys : tuple of str
        The columns of the key.
    groups : int
        In how many groups a fact stands, each time under one of its entities.
    named : bool
        Whether single keys will be asked for.

    Notes
    -----
    Memory: 8 * (5 + groups) bytes per key and what its index needs.
    """

    def __init__(self, keys: tuple[str, ...], groups: int, named: bool) -> None:
        self.keys = keys
        self.index = Index(len(keys), named)
        self.held = np.zeros((0, PLACES + groups), dtype=np.int64)
        self.stamp = 0

    def replace(self, facts: Facts, places: Ints, *, each: bool) -> tuple[Bools, Ints]:
        """Facts become visible, in order of (known, sequence).

        Parameters
        ----------
        places : int64 array, shape (n, groups)
            The facts' entities.
        each : bool
            Whether every version stands for a moment, or only the last of a key counts.

        Returns
        -------
        counts : bool array, shape (n,)
            Which facts are a version of their key now; retractions too. A fact with a null in its key counts always.
        replaced : int64 array, shape (n, 3 + groups)
            Event, known time, sequence and places of what each one replaces; places are -1 where there is nothing.
        """
        n = len(facts)
        ids = self.index.of([facts.frame[name] for name in self.keys], n)
        if len(self.index) > len(self.held):
            more = np.zeros((max(len(self.index), 2 * len(self.held), 16), self.held.shape[1]), dtype=np.int64)
            more[: len(self.held)] = self.held
            self.held = more
        counts, replaced = np.empty(n, dtype=np.bool_), np.empty((n, 3 + places.shape[1]), dtype=np.int64)
        _replace(
            self.held, self.stamp, ids, facts.event, facts.known, facts.seq, facts.retract, places, each, counts,
            replaced,
        )  # fmt: skip
        self.stamp += n
        return counts, replaced

    def find(self, key: tuple[object, ...]) -> Version | None:
        """The visible version of a key; None where there is none, or a retraction."""
        at = self.index.find(key)
        if at < 0 or self.held[at, STATE] != STANDS:
            return None
        row = self.held[at].tolist()
        return Version(row[EVENT], tuple(row[PLACES:]))


@compiled
def in_order(known: Ints, seq: Ints) -> bool:
    """Whether facts stand in order of (known time, sequence)."""
    for i in range(1, len(known)):
        if known[i] < known[i - 1] or (known[i] == known[i - 1] and seq[i] < seq[i - 1]):
            return False
    return True


@compiled
def _replace(
    held: Ints,
    stamp: int,
    ids: Ints,
    events: Ints,
    knowns: Ints,
    seqs: Ints,
    retract: Bools,
    places: Ints,
    each: bool,
    counts: Bools,
    replaced: Ints,
) -> None:
    groups = places.shape[1]
    for row in range(len(ids)):
        replaced[row, 3:] = -1
        counts[row] = True
        if ids[row] < 0:
            continue
        old = held[ids[row]]
        if old[STATE] != NOBODY:
            if old[KNOWN] > knowns[row] or (old[KNOWN] == knowns[row] and old[SEQ] >= seqs[row]):
                counts[row] = False
                continue
            if not each and old[STAMP] >= stamp:
                counts[old[STAMP] - stamp] = False
            elif old[STATE] == STANDS:
                replaced[row, 0], replaced[row, 1], replaced[row, 2] = old[EVENT], old[KNOWN], old[SEQ]
                for g in range(groups):
                    replaced[row, 3 + g] = old[PLACES + g]
        old[KNOWN], old[SEQ], old[EVENT], old[STAMP] = knowns[row], seqs[row], events[row], stamp + row
        old[STATE] = RETRACTED if retract[row] else STANDS
        for g in range(groups):
            old[PLACES + g] = places[row, g]
