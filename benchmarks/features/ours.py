"""hindcast's side of the jobs: the public calls that every batch job goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np


def facts_of(table: Any, rows: Any, landed_by: str | None = None) -> Any:
    """The facts of an Arrow table; `landed_by` is a time column whose order is the order of landing."""
    from hindcast.columns import Column, Frame
    from hindcast.facts import Facts

    facts = Facts.of(table, Frame.from_arrow(rows.select(list(table.all_columns))))
    return facts if landed_by is None else replace(facts, seq=Column.from_arrow(rows[landed_by]).values)


def answered(
    plan: Any, facts: Mapping[str, Any], requests: Any, after_us: int, names: Sequence[str], at: str = "event_timestamp"
) -> Any:
    """The features of an Arrow table of requests, each `after_us` after its time, as an Arrow table under `names`."""
    import pyarrow as pa

    from hindcast.columns import Column, Frame
    from hindcast.features.batch import answer

    as_of = Column.from_arrow(requests[at]).values + np.int64(after_us)
    found = answer(plan, facts, Frame.from_arrow(requests.select(list(plan.request_columns))), as_of)
    columns = [found[name].to_arrow() for name in plan.names]
    return pa.table([requests["row_id"], *columns], names=["row_id", *names])
