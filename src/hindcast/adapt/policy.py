"""Policies to compare in a replay: the declared way of renewing, and the two ways that it must be measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hindcast.adapt.retrain import Retraining
from hindcast.adapt.triggers import Every
from hindcast.errors import UnknownName
from hindcast.trial import Canary, Shadow

__all__ = ["POLICIES", "Policy", "policy"]

Stage = Shadow | Canary
_CALENDAR = Every("30d")


@dataclass(frozen=True)
class Policy:
    """A way to renew a system, made from the declared one.

    Parameters
    ----------
    name : {"renewed", "never", "straight"}
        ``renewed`` is the system as declared. ``never`` keeps the first champion. ``straight`` trains by the calendar
        alone (the declared ``every``, else every 30 days) and promotes at once: no gates, no rollout.
    title : str
        For tables and plots.
    gated : bool
        Whether a new model has to pass the gates before anything else.
    """

    name: Literal["renewed", "never", "straight"]
    title: str
    gated: bool

    def apply(self, retrain: Retraining, rollout: Sequence[Stage]) -> tuple[Retraining, tuple[Stage, ...]]:
        """What the declared retraining and rollout become under this policy.

        Examples
        --------
        >>> from hindcast.adapt import every, on_decay, retraining
        >>> from hindcast.trial import shadow
        >>> declared = retraining([every("10d"), on_decay()], training_time="2h")
        >>> again, stages = policy("straight").apply(declared, [shadow("7d")])
        >>> again.triggers, again.training_time, stages
        ((Every(duration='10d'),), '2h', ())
        """
        if self.name == "renewed":
            return retrain, tuple(rollout)
        if self.name == "never":
            return replace(retrain, triggers=()), ()
        calendar = tuple(trigger for trigger in retrain.triggers if isinstance(trigger, Every))
        return replace(retrain, triggers=calendar or (_CALENDAR,)), ()


POLICIES = {
    found.name: found
    for found in (
        Policy("renewed", "as declared", gated=True),
        Policy("never", "never retrain", gated=True),
        Policy("straight", "retrain by the calendar, promote straight", gated=False),
    )
}


def policy(name: str) -> Policy:
    """The policy of that name; an unknown one is answered with close matches."""
    if name not in POLICIES:
        raise UnknownName("policy", name, POLICIES)
    return POLICIES[name]
