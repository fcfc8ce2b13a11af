"""hindcast's side of the jobs: the public calls that every batch job goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hindcast.columns import Frame


def facts_of(table: Any, rows: Frame, landed_by: str | None = None) -> Any:
    """The facts of a frame; `landed_by` is a time column whose order is the order of landing."""
    from hindcast.facts import Facts

    facts = Facts.of(table, rows.select(list(table.all_columns)))
    return facts if landed_by is None else replace(facts, seq=rows[landed_by].values)


def answered(
    plan: Any,
    facts: Mapping[str, Any],
    requests: Frame,
    after_us: int,
    names: Sequence[str],
    at: str = "event_timestamp",
) -> Any:
    """The features of a frame of requests, each `after_us` after its time, as an Arrow table under `names`."""
    import pyarrow as pa

    from hindcast.features.batch import answer

    as_of = requests[at].values + np.int64(after_us)
    found = answer(plan, facts, requests.select(list(plan.request_columns)), as_of)
    columns = [found[name].to_arrow() for name in plan.names]
    return pa.table([requests["row_id"].to_arrow(), *columns], names=["row_id", *names])
