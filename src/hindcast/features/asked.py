"""What is asked: requests, each at its own moment, of a plan and facts that can answer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features.plan import FeaturePlan
from hindcast.values import Ints

__all__ = ["asked_at", "instance_of", "moments_of"]


def asked_at(plan: FeaturePlan, facts: Mapping[str, Facts], requests: Frame, as_of: Any) -> Ints:
    """The moments of requests, int64 microseconds, once it is sure that they can be answered.

    Raises
    ------
    ConfigError, UnknownName, DataError
        For what is no plan, frame or mapping; for a request column or table that is not there; for moments.
    """
    instance_of("plan", plan, FeaturePlan)
    instance_of("requests", requests, Frame)
    instance_of("facts", facts, Mapping)
    for name in plan.request_columns:
        if name not in requests:
            raise UnknownName("request column", name, requests.names, where="features")
    for name in plan.tables:
        if name not in facts:
            raise UnknownName("table", name, map(str, facts), where="features")
        instance_of(f"facts[{name!r}]", facts[name], Facts)
    return moments_of(as_of, len(requests))


def moments_of(as_of: Any, n: int) -> Ints:
    """One moment for each of `n` requests: int64 microseconds since 1970 UTC, or NumPy's moments without NaT."""
    try:
        given = np.asarray(as_of)
    except ValueError:
        raise DataError("as_of is one moment for each request, not a nested sequence") from None
    if given.shape != (n,):
        raise DataError(f"as_of has shape {given.shape} for {n} requests.")
    if given.dtype.kind == "M" and not np.isnat(given).any():
        given = given.astype("datetime64[us]").astype(np.int64)
    if n and given.dtype.kind not in "iu":
        raise DataError(f"as_of takes int64 microseconds since 1970 UTC, got {given.dtype} values.")
    return np.ascontiguousarray(given, dtype=np.int64)


def instance_of(what: str, value: Any, kind: type) -> None:
    """Refuse what is of another type, by name."""
    if not isinstance(value, kind):
        raise ConfigError(f"{what} must be a {kind.__name__}, got a {type(value).__name__}.")
