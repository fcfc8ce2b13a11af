"""When peers found the same.

A check is a mapping of names to numbers and digests. Peers agree when they agree on every name that they share: one
that cannot compute something leaves its name out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

Check = dict[str, Any]


def digest(row: np.ndarray, columns: Iterable[np.ndarray]) -> str:
    """Of every value of every column, rows in the order of their number; all NaNs are one, and so are both zeros."""
    order = np.argsort(row, kind="stable")
    whole = sha256()
    for column in columns:
        values = column[order] + 0.0
        values[np.isnan(values)] = np.nan
        whole.update(values.tobytes())
    return whole.hexdigest()[:12]


def disagreements(checks: Mapping[str, Check]) -> list[str]:
    """A line for every name on which two peers differ."""
    lines = []
    for name in sorted({name for check in checks.values() for name in check}):
        said = {peer: check[name] for peer, check in checks.items() if name in check}
        if len(set(said.values())) > 1:
            lines.append(f"{name}: " + ", ".join(f"{peer} {value}" for peer, value in said.items()))
    return lines
