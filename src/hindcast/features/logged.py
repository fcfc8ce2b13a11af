"""Features whose training values are those that the server logged, not recomputed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hindcast.errors import ConfigError
from hindcast.values import Duration, Moment, duration_us, iso, moment_us

__all__ = ["Logged", "logged", "unlogged"]


@dataclass(frozen=True)
class Logged:
    """A definition whose values for training are taken from the prediction log; see :func:`logged`.

    Attributes
    ----------
    feature : definition or function
    since_us : int or None
        Requests before it have no logged value.
    late_us : int
        A value logged this long after the request's moment still counts.
    fill : bool
        Requests without a logged value get a recomputed one.
    """

    feature: Any
    since_us: int | None = None
    late_us: int = 0
    fill: bool = False

    def describe(self) -> dict[str, Any]:
        """How the values are taken, in plain values; what the feature means is said by its own definition."""
        return {
            "since": None if self.since_us is None else iso(self.since_us),
            "late_us": self.late_us,
            "fill": self.fill,
        }


def logged(feature: Any, *, since: Moment | None = None, late: Duration = "0s", fill: bool = False) -> Logged:
    """Log and wait: train on the values of `feature` that the server logged, instead of recomputing them.

    What is served does not change. A training set, and a replay, takes the value that was logged when the request was
    answered, whatever the facts say now. A request without one (before logging began, never asked, asked too late) has
    a null there, and is counted; nothing is recomputed behind your back.

    Parameters
    ----------
    feature : definition or function
        :func:`request`, :func:`latest`, :func:`window` or a plain function: all features that it declares.
    since : moment, optional
        When logging of this feature, as it is declared now, began: earlier requests have no logged value.
    late : duration, default "0s"
        Callers ask when they can, the training set pretends they asked on time. A value logged up to this long after
        the request's own moment counts. It may have seen facts of that time: an assumption, so keep it short.
    fill : bool, default False
        Give requests without a logged value a recomputed one, counted as ``filled``.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features.definitions import window
    >>> pings = Table("pings", known="arrival")
    >>> logged(window(pings, over="10m"), since="2024-05-01").describe()
    {'since': '2024-05-01T00:00:00Z', 'late_us': 0, 'fill': False}
    """
    if isinstance(feature, Logged):
        raise ConfigError("logged(logged(...)): once is enough.")
    if not callable(feature) and not hasattr(feature, "describe"):
        raise ConfigError(f"logged() takes a feature: request, latest, window or a function; got {feature!r}.")
    return Logged(
        feature,
        None if since is None else moment_us(since, what="logged since"),
        duration_us(late, what="logged late"),
        bool(fill),
    )


def unlogged(feature: Any) -> Any:
    """The definition itself, whether its training values are logged or not."""
    return feature.feature if isinstance(feature, Logged) else feature
