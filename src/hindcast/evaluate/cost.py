"""Gates on what serving costs: the time of an answer and the size of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.clock import stopwatch_s
from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.evaluate.gate import Evidence
from hindcast.models.model import Model
from hindcast.values import Duration, duration_text, duration_us
from hindcast.verdicts import Verdict

__all__ = ["Latency", "Size", "counted_us", "latency", "measure_latency", "size"]


def measure_latency(model: Model, features: Frame, *, rows: int = 1000, warm_up: int = 20) -> dict[str, float]:
    """Seconds that :meth:`Model.predict_row` takes, as ``{"p50": ..., "p95": ..., "p99": ...}``, over the first rows.

    Times are for the sidecar and for :class:`Latency` in `run` and `up`; they enter no hash. No rows give nothing.
    """
    asked = features.take(slice(0, rows)).rows()
    for row in asked[:warm_up]:
        model.predict_row(row)
    times = []
    for row in asked:
        start = stopwatch_s()
        model.predict_row(row)
        times.append(stopwatch_s() - start)
    if not times:
        return {}
    return {f"p{q}": float(np.quantile(times, q / 100)) for q in (50, 95, 99)}


def counted_us(model: Model) -> float:
    """An answer's cost by counting, in microseconds: a stand-in for a measurement, equal on every machine.

    ``200 + inputs + trees x mean depth / 10``: about ten times what an answer takes on a warm machine of 2026, so that
    what passes by counting passes by the clock.
    """
    facts = model.describe()
    return 200.0 + len(model.inputs) + float(facts.get("trees", 0)) * float(facts.get("mean_depth", 0.0)) / 10


@dataclass(frozen=True)
class Latency:
    """An answer of the model takes at most so long, for 99 answers of 100.

    Where it can be measured (`run`, `up`) the measured quantile decides. A replay must decide the same on every
    machine: it takes the verdict recorded for this model, or else counts (:func:`counted_us`: 200 microseconds, one for
    each input, one for ten steps down a tree) and says so. The reason never holds a measured figure, since it goes on
    the ledger; that is in the sidecar of timings.

    Parameters
    ----------
    p99_us : int
        Microseconds.
    """

    p99_us: int

    def __post_init__(self) -> None:
        if self.p99_us <= 0:
            raise ConfigError("latency needs a p99 above zero, such as p99='10ms'.")

    @property
    def name(self) -> str:
        return f"latency(p99={duration_text(self.p99_us)!r})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "latency", "p99_us": self.p99_us}

    def judge(self, evidence: Evidence) -> Verdict:
        most = duration_text(self.p99_us)
        if evidence.latency_s is not None:
            measured = evidence.latency_s.get("p99", float("nan"))
            if not np.isfinite(measured):
                return Verdict.unknown(self.name, "no p99 was measured")
            if measured * 1e6 <= self.p99_us:
                return Verdict.passed(self.name, f"measured: 99 of 100 answers take at most {most}")
            return Verdict.failed(self.name, f"measured: 99 of 100 answers take more than {most}")
        if self.name in evidence.recorded:
            earlier = evidence.recorded[self.name]
            return Verdict(earlier.outcome, self.name, f"as recorded: {earlier.reason}", earlier.evidence)
        counted = counted_us(evidence.model)
        text = f"not measured in a replay; counted {counted:.0f} us"
        if counted <= self.p99_us:
            return Verdict.passed(self.name, f"{text}, at most {most}", counted_us=counted)
        return Verdict.failed(self.name, f"{text}, more than {most}", counted_us=counted)


def latency(*, p99: Duration) -> Latency:
    """A gate: see :class:`Latency`.

    Examples
    --------
    >>> latency(p99="10ms").name
    "latency(p99='10ms')"
    """
    return Latency(duration_us(p99, what="latency p99"))


@dataclass(frozen=True)
class Size:
    """The stored model has at most `max_mb` megabytes (of 1,000,000 bytes)."""

    max_mb: float

    def __post_init__(self) -> None:
        if not self.max_mb > 0:
            raise ConfigError(f"size needs max_mb > 0, got {self.max_mb!r}.")

    @property
    def name(self) -> str:
        return f"size({self.max_mb:g})"

    def describe(self) -> dict[str, Any]:
        return {"gate": "size", "max_mb": self.max_mb}

    def judge(self, evidence: Evidence) -> Verdict:
        stored = evidence.size_bytes
        if stored is None:
            stored = sum(map(len, evidence.model.files().values()))
        text = f"{stored / 1e6:.2f} MB of {self.max_mb:g}"
        if stored <= self.max_mb * 1e6:
            return Verdict.passed(self.name, text, bytes=stored)
        return Verdict.failed(self.name, text, bytes=stored)


def size(max_mb: float) -> Size:
    """A gate: see :class:`Size`."""
    return Size(max_mb)
