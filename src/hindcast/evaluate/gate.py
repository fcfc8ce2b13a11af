"""What a gate is, what it looks at, and how a row of gates is judged.

A gate is a declared check with three answers. It promotes nothing that it could not check: a missing metric, a name
nobody knows, a NaN, an error inside the gate are all *unknown*, and unknown never promotes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError, HindcastError, UnknownName
from hindcast.metrics import Goal
from hindcast.models.model import Model
from hindcast.values import DAY_US, Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["Evidence", "Gate", "judge_all"]


@dataclass(frozen=True)
class Evidence:
    """What gates look at: a model and the rows it is judged on, none of which it was trained on.

    Parameters
    ----------
    model : Model
    features : Frame
        n rows.
    label : float array, shape (n,)
        0 or 1; NaN where it is not known, and then the row is in no score.
    as_of : int64 array, shape (n,)
        Rows of one UTC day are one block of every interval.
    probability : float array, shape (n,)
        The model's answers.
    baselines : mapping of str to float array, shape (n,)
        The baselines' answers to the same rows.
    champion : str, optional
        The name of the version that serves now, if any.
    champion_probability : float array, shape (n,), optional
        Its answers to the same rows; NaN where it has none, or has learnt from the row.
    goal : Goal, optional
        For the metric ``"value"``.
    spine : Frame, optional
        n rows of further columns by which rows may be sliced, such as request columns that are no features.
    seed : int, default 0
        For the rows that behavioural gates draw and for the intervals.
    latency_s : mapping of str to float, optional
        Measured seconds by quantile, such as ``{"p99": 0.004}``; see :func:`hindcast.evaluate.cost.measure_latency`.
        None in a replay.
    recorded : mapping of str to Verdict
        Verdicts reached earlier on this model by the name of their gate, for what a replay cannot measure.
    size_bytes : int, optional
        The size of the stored model; counted from its files when left out.
    ages : mapping of str to float array, shape (n,)
        Microseconds since the newest fact behind a feature, or of a table; infinite without one, NaN where not
        measured.
    """

    model: Model
    features: Frame
    label: Floats
    as_of: Ints
    probability: Floats
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    champion: str | None = None
    champion_probability: Floats | None = None
    goal: Goal | None = None
    spine: Frame | None = None
    seed: int = 0
    latency_s: Mapping[str, float] | None = None
    recorded: Mapping[str, Verdict] = field(default_factory=dict)
    size_bytes: int | None = None
    ages: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.features)
        parts: dict[str, Any] = {
            "label": self.label,
            "as_of": self.as_of,
            "probability": self.probability,
            **self.baselines,
            **{f"ages of {name}": age for name, age in self.ages.items()},
        }
        if self.champion_probability is not None:
            parts["champion_probability"] = self.champion_probability
        if self.spine is not None:
            parts["spine"] = self.spine
        for name, part in parts.items():
            if len(part) != rows:
                raise DataError(f"evidence has {rows} rows of features but {len(part)} of {name}.")

    @cached_property
    def scored(self) -> Ints:
        """The rows whose label is known, shape (m,)."""
        return np.flatnonzero(~np.isnan(self.label))

    @cached_property
    def labels(self) -> Floats:
        """The known labels, shape (m,)."""
        return self.label[self.scored]

    @cached_property
    def days(self) -> Ints:
        """The UTC day of each scored row, shape (m,)."""
        days: Ints = self.as_of[self.scored] // DAY_US
        return days

    def column(self, name: str) -> Column:
        """A feature, or else a column of the spine; UnknownName with close matches otherwise."""
        if name in self.features:
            return self.features[name]
        if self.spine is not None and name in self.spine:
            return self.spine[name]
        raise UnknownName("column", name, [*self.features, *(self.spine or {})])

    def drawn(self, rows: int, name: str) -> Ints:
        """At most `rows` distinct rows in ascending order, the same for the same seed and `name`."""
        if len(self.features) <= rows:
            return np.arange(len(self.features))
        random = np.random.default_rng([self.seed, crc32(name.encode())])
        return np.sort(random.choice(len(self.features), rows, replace=False))


@runtime_checkable
class Gate(Protocol):
    """A declared check.

    Laws: the same evidence gives the same verdict; what could not be checked is unknown, never a pass. A gate may
    raise; :func:`judge_all` makes an unknown of it.
    """

    @property
    def name(self) -> str:
        """The check as one would declare it, such as ``"calibrated(0.03)"``."""
        ...

    def judge(self, evidence: Evidence) -> Verdict: ...

    def describe(self) -> dict[str, Any]:
        """Plain values that identify the gate."""
        ...


def judge_all(gates: Sequence[Gate], evidence: Evidence) -> tuple[list[Verdict], Verdict]:
    """Every gate's verdict in order, and all of them as one: pass when all pass, fail when any fails, else unknown.

    No gates are unknown too: nothing was checked. An exception inside a gate is unknown with its text as the reason.
    """
    verdicts = []
    for gate in gates:
        try:
            verdicts.append(gate.judge(evidence))
        except HindcastError as error:
            verdicts.append(Verdict.unknown(gate.name, str(error)))
        except Exception as error:  # whatever a gate stumbles over, it did not pass
            verdicts.append(Verdict.unknown(gate.name, f"could not run: {type(error).__name__}: {error}"))
    return verdicts, Verdict.all_of("gates", verdicts)
