"""Training again, stateless: from the facts alone, by declared triggers, in a declared time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hindcast.adapt.triggers import Trigger, TriggerState
from hindcast.errors import ConfigError
from hindcast.values import Duration, duration_text, duration_us

__all__ = ["Due", "Retraining", "retraining"]


@dataclass(frozen=True)
class Due:
    """A training that is called for: by which triggers, and why."""

    triggers: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Retraining:
    """When to train again, on what stretch of history, and how long it takes.

    Parameters
    ----------
    triggers : tuple of Trigger
        None of them: never.
    training_time : duration, default "1h"
        Declared, since work takes time: a training started at t sees what was known at t, and its model is there at
        ``t + training_time``, in a replay as well.
    window : duration, optional
        Train on requests of the last so long; without it on all history.

    Examples
    --------
    >>> from hindcast.adapt import every, on_volume
    >>> from hindcast.values import DAY_US, HOUR_US
    >>> again = retraining([every("30d"), on_volume(1000)], training_time="2h", window="180d")
    >>> again.due(TriggerState(31 * DAY_US, 0, matured_rows=5)).reason
    '30d since the training of 1970-01-01T00:00:00Z'
    >>> again.ready_us(31 * DAY_US) - 31 * DAY_US == 2 * HOUR_US
    True
    """

    triggers: tuple[Trigger, ...]
    training_time: Duration = "1h"
    window: Duration | None = None

    def __post_init__(self) -> None:
        for trigger in self.triggers:
            if not (callable(getattr(trigger, "due", None)) and callable(getattr(trigger, "next_us", None))):
                raise ConfigError(
                    f"retraining is triggered by every(...), on_drift(...) and their like, got {trigger!r}."
                )
        duration_us(self.training_time, what="retraining: training_time")
        if self.window is not None and duration_us(self.window, what="retraining: window") <= 0:
            raise ConfigError("a training window is longer than nothing.")

    def due(self, state: TriggerState, *, busy: bool = False) -> Due | None:
        """What calls for a training now, all triggers that are due together; None when nothing does.

        While `busy` (a training is under way, a challenger is on trial) nothing is due; what called is still there
        afterwards.
        """
        if busy:
            return None
        found = [(trigger.describe()["is"], reason) for trigger in self.triggers if (reason := trigger.due(state))]
        if not found:
            return None
        return Due(tuple(dict.fromkeys(name for name, _ in found)), "; ".join(reason for _, reason in found))

    def next_us(self, state: TriggerState) -> int | None:
        """When a training will next be due if nothing else happens; None when only an event can call for one."""
        moments = [at for trigger in self.triggers if (at := trigger.next_us(state)) is not None]
        return min(moments, default=None)

    def ready_us(self, started_us: int) -> int:
        """When the model of a training started at `started_us` is there."""
        return started_us + duration_us(self.training_time)

    def since_us(self, started_us: int) -> int | None:
        """The first as_of that a training started at `started_us` learns from; None for all history."""
        return None if self.window is None else started_us - duration_us(self.window)

    def describe(self) -> dict[str, Any]:
        """What stands for it in an identity."""
        return {
            "is": "retraining",
            "triggers": [trigger.describe() for trigger in self.triggers],
            "training_time": duration_text(duration_us(self.training_time)),
            "window": None if self.window is None else duration_text(duration_us(self.window)),
        }


def retraining(
    triggers: Sequence[Trigger] = (), *, training_time: Duration = "1h", window: Duration | None = None
) -> Retraining:
    """When to train again; see :class:`Retraining`."""
    return Retraining(tuple(triggers), training_time, window)
