"""Rows that were asked and may have a label by now, as they stood at an age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.delayed import binary
from hindcast.labels.moments import moment_at, moments_of
from hindcast.values import DAY_US, NEVER, Bools, Duration, Floats, Ints, Moment, duration_text, duration_us

__all__ = ["HorizonRows", "Missing", "ages_of", "final_of"]

Missing = Literal["negative", "drop"]


@dataclass(frozen=True, slots=True, eq=False)
class HorizonRows:
    """Rows asked by `now`, and what is known of them."""

    asked: Ints
    known: Ints
    label: Floats
    now: int

    @staticmethod
    def of(asked: Any, known: Any, label: Any, now: Moment | None) -> HorizonRows:
        start, end = moments_of(asked, "asked"), moments_of(known, "known")
        try:
            y = np.asarray(label, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                "labels are 0 and 1, shape (n,), and anything that is a number where there is none."
            ) from None
        if y.ndim != 1:
            raise DataError(f"labels have shape (n,), got {y.shape}.")
        if not len(start) == len(end) == len(y):
            raise DataError(
                f"{len(start)} rows were asked, {len(end)} known, {len(y)} labelled; give one of each per row."
            )
        if (start >= NEVER).any():
            raise DataError("a row has no moment at which it was asked", row=int((start >= NEVER).argmax()) + 1)
        binary(np.where(end < NEVER, y, 0.0))
        seen = [int(values[values < NEVER].max()) + 1 for values in (start, end) if (values < NEVER).any()]
        return HorizonRows(start, end, y, max(seen, default=0) if now is None else moment_at(now, "now"))

    @property
    def days(self) -> Ints:
        return self.asked // DAY_US

    def final(
        self, age: int, missing: Missing, *, since: int | None = None, at: int | None = None
    ) -> tuple[Ints, Floats]:
        """Rows that are `age` old by `at` (or now), and their final labels."""
        old: Bools = self.asked + age <= (self.now if at is None else min(at, self.now))
        if since is not None:
            old &= self.asked >= since
        came = self.known < self.asked + age
        rows = np.flatnonzero(old if missing == "negative" else old & came)
        return rows, np.where(came[rows], self.label[rows], 0.0)

    def as_known(self, age: int, until: int, missing: Missing) -> tuple[Ints, Floats]:
        """Rows that are `age` old by `until`, and their labels as they stood at that age."""
        return self.final(age, missing, at=until)


def ages_of(horizons: Sequence[Duration]) -> list[int]:
    if isinstance(horizons, str | bytes) or not isinstance(horizons, Sequence | np.ndarray) or not len(horizons):
        raise ConfigError("horizons are a list of durations such as ['1h', '6h', '1d'].")
    return [duration_us(horizon, what="horizon") for horizon in horizons]


def final_of(final: Duration | None, ages: list[int]) -> int:
    last = max(ages) if final is None else duration_us(final, what="final")
    if last < max(ages):
        raise ConfigError(f"labels are final at {duration_text(last)}, before the horizon {duration_text(max(ages))}.")
    return last
