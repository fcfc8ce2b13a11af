"""`krippendorff`: Krippendorff's alpha, nominal and interval, of a million answers; ours without and with intervals.

The package counts values per item from a matrix of items by values; it gives no intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.job import Job, Work

from labels import answers

KINDS = ("nominal", "interval")


def hindcast(place: Path, draws: int = 0) -> Work:
    from hindcast.crowd import Answers, krippendorff_alpha

    def work() -> Any:
        said = Answers.of(*answers.columns(place))
        return [krippendorff_alpha(said, kind, draws=draws).value for kind in KINDS]

    return work


def with_intervals(place: Path) -> Work:
    return hindcast(place, draws=500)


def package(place: Path) -> Work:
    import krippendorff

    def work() -> Any:
        item, _, label = answers.columns(place)
        values = int(label.max()) + 1
        counts = np.bincount(item * values + label, minlength=(int(item.max()) + 1) * values).reshape(-1, values)
        named = np.arange(values)
        return [
            float(krippendorff.alpha(value_counts=counts, value_domain=named, level_of_measurement=kind))
            for kind in KINDS
        ]

    return work


def check(found: Any) -> dict[str, Any]:
    return {kind: round(value, 9) for kind, value in zip(KINDS, found, strict=True)}


JOB = Job(
    asks="Krippendorff's alpha, nominal and interval, from columns of answers",
    size=1_000_000,
    unit="answers",
    data=answers.data,
    peers={"hindcast": hindcast, "hindcast-intervals": with_intervals, "krippendorff": package},
    packages={"hindcast-intervals": ("hindcast",)},
    check=check,
    input_bytes=lambda size: size * 24,
)
