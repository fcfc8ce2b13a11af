"""A request as the service takes it, from HTTP or from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request.

    Parameters
    ----------
    values : mapping
        The request's columns, or, when `given`, features by name.
    request_id : str
        Asked again under it, the first answer is given again. Empty: one is made.
    group : str
        Of requests that belong together.
    as_of : int, optional
        Microseconds; only with a replay clock, never going back.
    """

    values: Mapping[str, Any]
    given: bool = False
    request_id: str = ""
    group: str = ""
    as_of: int | None = None
