"""When to train again: declared triggers, each a pure question to a state.

Every trigger but the calendar rests for a cool-down after each training, so that one bad week does not set off seven
trainings. A training that was refused by the gates counts: what called for it has been answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hindcast.errors import ConfigError
from hindcast.values import Duration, duration_text, duration_us, iso

__all__ = [
    "Every",
    "OnDecay",
    "OnDrift",
    "OnVolume",
    "Signal",
    "Trigger",
    "TriggerState",
    "every",
    "on_decay",
    "on_drift",
    "on_volume",
]


@dataclass(frozen=True, order=True)
class Signal:
    """What a monitor raised: `subject` (a feature, a metric) showed `kind` at `at_us`."""

    at_us: int
    kind: Literal["drift", "decay"]
    subject: str


@dataclass(frozen=True)
class TriggerState:
    """What triggers look at.

    Parameters
    ----------
    now_us : int
    last_training_us : int or None
        When the last training was started, whatever became of it; None when there was none.
    signals : tuple of Signal
        Alerts of the monitors; those at or before the last training are not counted.
    matured_rows : int, default 0
        Rows whose label matured since the last training.
    """

    now_us: int
    last_training_us: int | None
    signals: tuple[Signal, ...] = ()
    matured_rows: int = 0

    def subjects(self, kind: str) -> list[str]:
        """The distinct subjects of signals of `kind` since the last training and up to now, sorted."""
        since = self.last_training_us
        return sorted(
            {
                s.subject
                for s in self.signals
                if s.kind == kind and s.at_us <= self.now_us and (since is None or s.at_us > since)
            }
        )

    def rested(self, cooldown_us: int) -> bool:
        """Whether the cool-down since the last training is over."""
        return self.last_training_us is None or self.now_us - self.last_training_us >= cooldown_us


class Trigger(Protocol):
    """A declared reason to train again. Law: `due` is a pure function of the state."""

    def due(self, state: TriggerState) -> str | None:
        """The reason to train now, None when there is none."""
        ...

    def next_us(self, state: TriggerState) -> int | None:
        """When it will be due by the passing of time alone; None when time alone will not do it."""
        ...

    def describe(self) -> dict[str, Any]:
        """What stands for it in an identity."""
        ...


@dataclass(frozen=True)
class Every:
    """The calendar: due when the last training lies `duration` back, or there was none."""

    duration: Duration

    def __post_init__(self) -> None:
        if duration_us(self.duration, what="every") <= 0:
            raise ConfigError("every(...) needs a duration longer than nothing.")

    def due(self, state: TriggerState) -> str | None:
        at = self.next_us(state)
        if at is None or state.now_us < at:
            return None
        if state.last_training_us is None:
            return "never trained before"
        return f"{duration_text(duration_us(self.duration))} since the training of {iso(state.last_training_us)}"

    def next_us(self, state: TriggerState) -> int | None:
        if state.last_training_us is None:
            return state.now_us
        return state.last_training_us + duration_us(self.duration)

    def describe(self) -> dict[str, Any]:
        return {"is": "every", "duration": duration_text(duration_us(self.duration))}


@dataclass(frozen=True)
class OnDrift:
    """Due when at least `min_features` features (the prediction counts as one) drifted since the last training."""

    min_features: int = 1
    cooldown: Duration = "7d"

    def __post_init__(self) -> None:
        if self.min_features < 1:
            raise ConfigError(f"on_drift needs min_features >= 1, got {self.min_features}.")
        duration_us(self.cooldown, what="on_drift: cooldown")

    def due(self, state: TriggerState) -> str | None:
        drifted = state.subjects("drift")
        if len(drifted) < self.min_features or not state.rested(duration_us(self.cooldown)):
            return None
        shown = ", ".join(drifted[:5]) + (f" and {len(drifted) - 5} more" if len(drifted) > 5 else "")
        return f"drift of {shown}"

    def next_us(self, state: TriggerState) -> int | None:
        return _after_rest(state, duration_us(self.cooldown), len(state.subjects("drift")) >= self.min_features)

    def describe(self) -> dict[str, Any]:
        cooldown = duration_text(duration_us(self.cooldown))
        return {"is": "on_drift", "min_features": self.min_features, "cooldown": cooldown}


@dataclass(frozen=True)
class OnDecay:
    """Due when a performance monitor raised an alert since the last training."""

    cooldown: Duration = "7d"

    def __post_init__(self) -> None:
        duration_us(self.cooldown, what="on_decay: cooldown")

    def due(self, state: TriggerState) -> str | None:
        decayed = state.subjects("decay")
        if not decayed or not state.rested(duration_us(self.cooldown)):
            return None
        return f"decay of {', '.join(decayed)}"

    def next_us(self, state: TriggerState) -> int | None:
        return _after_rest(state, duration_us(self.cooldown), bool(state.subjects("decay")))

    def describe(self) -> dict[str, Any]:
        return {"is": "on_decay", "cooldown": duration_text(duration_us(self.cooldown))}


@dataclass(frozen=True)
class OnVolume:
    """Due when the labels of at least `rows` rows matured since the last training."""

    rows: int
    cooldown: Duration = "0s"

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ConfigError(f"on_volume needs rows >= 1, got {self.rows}.")
        duration_us(self.cooldown, what="on_volume: cooldown")

    def due(self, state: TriggerState) -> str | None:
        if state.matured_rows < self.rows or not state.rested(duration_us(self.cooldown)):
            return None
        return f"{state.matured_rows} rows matured since the last training, {self.rows} asked"

    def next_us(self, state: TriggerState) -> int | None:
        return _after_rest(state, duration_us(self.cooldown), state.matured_rows >= self.rows)

    def describe(self) -> dict[str, Any]:
        return {"is": "on_volume", "rows": self.rows, "cooldown": duration_text(duration_us(self.cooldown))}


def _after_rest(state: TriggerState, cooldown_us: int, called_for: bool) -> int | None:
    """The end of the cool-down where something already calls for a training."""
    if not called_for:
        return None
    return state.now_us if state.last_training_us is None else max(state.now_us, state.last_training_us + cooldown_us)


def every(duration: Duration) -> Every:
    """Train again when the last training lies `duration` back.

    Examples
    --------
    >>> from hindcast.values import DAY_US
    >>> every("30d").due(TriggerState(now_us=30 * DAY_US, last_training_us=0))
    '30d since the training of 1970-01-01T00:00:00Z'
    """
    return Every(duration)


def on_drift(min_features: int = 1, cooldown: Duration = "7d") -> OnDrift:
    """Train again when at least `min_features` features drifted since the last training."""
    return OnDrift(min_features, cooldown)


def on_decay(cooldown: Duration = "7d") -> OnDecay:
    """Train again when the live model's performance was found to have decayed since the last training."""
    return OnDecay(cooldown)


def on_volume(rows: int, cooldown: Duration = "0s") -> OnVolume:
    """Train again when `rows` more rows have matured labels."""
    return OnVolume(rows, cooldown)
