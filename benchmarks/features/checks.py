"""What a result is boiled down to, so that peers can be held to be equal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from harness.checks import Check, digest

WEIGHTS = 997
"""Rows are weighted by their number modulo this, so that values in the wrong rows show."""


def of_asof(found: Any) -> Check:
    """Of an Arrow table with ``row_id`` and f0 to f4, null where no fact was fresh enough."""
    row = _rows(found)
    values = {name: _column(found, name) for name in ("f0", "f1", "f2", "f3", "f4")}
    first = values["f0"]
    return {
        "rows": len(row),
        "matched": int((~np.isnan(first)).sum()),
        "sum": float(sum(np.nansum(column) for column in values.values())),
        "wsum": float(np.nansum(first * (row % WEIGHTS))),
        "digest": digest(row, values.values()),
    }


def of_windows(found: Any, spans: Iterable[str]) -> Check:
    """Of an Arrow table with ``row_id`` and cnt, sum, mean, max by span; an empty sum may be null or 0."""
    row = _rows(found)
    weight = (row % WEIGHTS).astype(np.float64)
    check: Check = {"rows": len(row)}
    exact = []
    for span in spans:
        count, total, largest = (_column(found, f"{kind}_{span}") for kind in ("cnt", "sum", "max"))
        count, total = np.nan_to_num(count), np.nan_to_num(total)
        mean = _column(found, f"mean_{span}")
        exact += [count, total, largest, np.round(mean, 9)]
        check |= {
            f"cnt_{span}": int(count.sum()),
            f"sum_{span}": float(total.sum()),
            f"max_{span}": float(np.nansum(largest)),
            f"mean_{span}": round(float(np.nansum(mean)), 2),
        }
    check["wcnt"] = float((count * weight).sum())
    check["wmax"] = float(np.nansum(largest * weight))
    check["digest"] = digest(row, exact)
    return check


def of_columns(found: Any) -> Check:
    """Of an Arrow table with ``row_id`` and columns that are counts (named so) and means."""
    row = _rows(found)
    check: Check = {"rows": len(row)}
    exact = []
    for name in sorted(set(found.column_names) - {"row_id"}):
        values = _column(found, name)
        values = np.nan_to_num(values) if name.startswith("count") else np.round(values, 9)
        check[name] = round(float(np.nansum(values)), 2)
        exact.append(values)
    check["digest"] = digest(row, exact)
    return check


def of_stream(emitted: Any) -> Check:
    """Of cnt, sum, mean, max by span for every fact in order, n * 12 numbers; maxima that are NaN were not computed."""
    values = np.asarray(emitted, dtype=np.float64).reshape(-1, 12)
    maxima = not np.isnan(values[:, 3]).any()
    check: Check = {"rows": len(values)}
    for at, span in enumerate(("1h", "24h", "7d")):
        count, total, mean, largest = values[:, 4 * at : 4 * at + 4].sum(axis=0).tolist()
        check |= {f"cnt_{span}": int(count), f"sum_{span}": total, f"mean_{span}": round(mean, 2)}
        if maxima:
            check[f"max_{span}"] = largest
    if maxima:
        check["digest"] = digest(np.arange(len(values)), np.round(values, 9).T)
    return check


def of_reads(values: Any) -> Check:
    """Of the rows that were read, shape (reads, 20), null as NaN."""
    read = np.array([[np.nan if x is None else x for x in row] for row in values], dtype=np.float64)
    return {"rows": len(read), "digest": digest(np.arange(len(read)), np.round(read, 9).T)}


def _rows(found: Any) -> np.ndarray:
    return found["row_id"].to_numpy().astype(np.int64)


def _column(found: Any, name: str) -> np.ndarray:
    return found[name].cast("float64").combine_chunks().fill_null(np.nan).to_numpy(zero_copy_only=False)
