"""History: all requests that the facts imply, each with its features at its own moment and what came of it.

Features do not depend on any decision, so they are answered once for the whole stretch and shared by every
training, every replay and every policy. A row's features use only what was visible at its as_of, so a slice of
this table is what would have been logged then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.evaluate import Fresh
from hindcast.facts.facts import Facts
from hindcast.models.baselines import LAST_LABEL
from hindcast.system import System
from hindcast.trainset.logged import LoggedAnswers, with_logged
from hindcast.trainset.maturity import label_delays, maturity_of
from hindcast.trainset.spine import Spine, make_spine
from hindcast.trainset.trainset import TrainingSet
from hindcast.values import NEVER, Bools, Floats, Ints

if TYPE_CHECKING:
    from hindcast.backfill import BackfillReport

__all__ = ["Aging", "History", "Progress"]

Aging = Callable[[Frame, Ints], Mapping[str, Floats]]
Progress = Callable[[str, int, int], None]
"""Told a stage's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, eq=False)
class History:
    """Requests in order of (as_of, sequence), with features and labels.

    Attributes
    ----------
    system : System
    spine : Spine, n requests
    features : Frame, n rows
        The plan's features.
    inputs : Frame, n rows
        The features, and the last known label that the no-change baseline reads.
    fingerprints : mapping of str to str
        What identifies the facts, by table.
    rows : mapping of str to int
        How many facts each table holds.
    aging : callable, optional
        Gives, for requests and their moments, the ages of what the system expects to be fresh.
    backfill : BackfillReport, optional
        What was computed, and what was read back, where answers are kept.
    logged : mapping of str to int8 array, shape (n,)
        By feature that is taken from the prediction log, what became of each value; see
        :data:`hindcast.trainset.logged.STATUSES`.
    landed : mapping of str to int
        By table, the sequence number that the next fact would have got: all before it are in this history.
    """

    system: System
    spine: Spine
    features: Frame
    inputs: Frame
    fingerprints: Mapping[str, str]
    rows: Mapping[str, int]
    aging: Aging | None = None
    backfill: BackfillReport | None = None
    logged: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)
    landed: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def build(
        system: System,
        facts: Mapping[str, Facts],
        fingerprints: Mapping[str, str],
        *,
        until_us: int = NEVER,
        threads: int = 2,
        progress: Progress | None = None,
        kept: Path | None = None,
        answers: LoggedAnswers | None = None,
    ) -> History:
        """Make the spine from the target's declaration and answer its features from the facts.

        Parameters
        ----------
        system : System
        facts, fingerprints : mapping by table name
        until_us : int, default NEVER
            Requests up to then.
        threads : int, default 2
        progress : Progress, optional
        kept : Path, optional
            Where answers are kept from one time to the next, so that only what changed is computed; see
            :mod:`hindcast.backfill.backfill`. Facts under the fingerprint they had are not looked at again.
        answers : LoggedAnswers, optional
            What a server has logged: features that are declared as logged take the values that are there, and no others
            unless they are to be filled. Without it they are recomputed.

        Raises
        ------
        DataError
            When the facts imply no request at all.
        """
        from hindcast.backfill import backfill
        from hindcast.features.batch import answer

        spine = make_spine(system.target, facts, until_us=until_us)
        if not len(spine):
            raise DataError(
                f"system {system.name!r}: the facts of table {system.target.table.name!r} imply no request; empty, "
                f"or is every row published after its own as_of? {dict(spine.counts)}"
            )
        if progress:
            progress("features", 0, len(spine))
        report = None
        if kept is None:
            features = answer(system.plan, facts, spine.frame, spine.as_of, threads=threads)
        else:
            features, report = backfill(
                system.plan, facts, spine.frame, spine.as_of, kept, marks=fingerprints, threads=threads
            )
        logged: Mapping[str, NDArray[np.int8]] = {}
        if answers is not None:
            features, logged = with_logged(features, spine, system.target.label.on, answers, system.logged)
        if progress:
            progress("features", len(spine), len(spine))
        inputs = features.having(**{LAST_LABEL: Column("number", spine.last_label())})
        counts = {name: len(f) for name, f in sorted(facts.items())}
        aging = _aging(system, facts, threads)
        landed = {name: int(f.seq.max(initial=-1)) + 1 for name, f in sorted(facts.items())}
        return History(system, spine, features, inputs, dict(fingerprints), counts, aging, report, logged, landed)

    def __len__(self) -> int:
        return len(self.spine)

    @cached_property
    def ages(self) -> Mapping[str, Floats]:
        """Microseconds since the newest fact at each request, by feature or table that is expected to be fresh.

        Infinite without a fact, NaN where nothing was looked up.
        """
        return {} if self.aging is None else self.aging(self.spine.frame, self.as_of)

    @property
    def as_of(self) -> Ints:
        return self.spine.as_of

    @property
    def label(self) -> Floats:
        """The first known label of each request, NaN where none ever comes."""
        return self.spine.label

    def maturity_us(self, now_us: int) -> int:
        """The age at which a label may be used, as declared or as measured by `now_us`."""
        return maturity_of(self.system.target, self.spine, now_us)

    def usable(self, now_us: int, since_us: int = -NEVER) -> Bools:
        """Rows that may train, or count in a monitor, at `now_us`, shape (n,)."""
        return self.spine.usable(now_us, self.maturity_us(now_us)) & (self.as_of >= since_us)

    def slice(self, since_us: int, until_us: int) -> slice:
        """The rows with ``since_us < as_of <= until_us``."""
        first, last = np.searchsorted(self.as_of, [since_us, until_us], side="right")
        return slice(int(first), int(last))

    def training_set(self, now_us: int) -> TrainingSet:
        """What may be learnt from at `now_us`, named by all that it is made from."""
        window = self.system.training.window_us
        return TrainingSet.build(
            self.system.target,
            self.spine,
            self.features,
            now_us=now_us,
            fingerprints=self.fingerprints,
            identity=self.system.features_identity if self.logged else self.system.plan.identity,
            since_us=None if window is None else now_us - window,
            logged=self.logged,
        )

    def delays(self) -> Ints:
        """Label delays, from as_of to the label's known time, of all that ever came, in microseconds."""
        return label_delays(self.spine)


def _aging(system: System, facts: Mapping[str, Facts], threads: int) -> Aging | None:
    """How ages are found, where the system expects anything to be fresh."""
    places = sorted({gate.place for gate in system.gates if isinstance(gate, Fresh)})
    if not places:
        return None

    def aged(requests: Frame, as_of: Ints) -> Mapping[str, Floats]:
        from hindcast.catalogue.ages import ages

        found = ages(system.plan, facts, requests, as_of, of=places, threads=threads)
        return {name: np.where(np.isnan(age), np.inf, age) for name, age in found.items()}

    return aged
