"""What an operator watches: latencies, counts, how far the lake lags behind, how old the state is, who serves."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

__all__ = ["Telemetry"]

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Telemetry:
    """The server's metrics, in a registry of their own.

    Examples
    --------
    >>> telemetry = Telemetry()
    >>> telemetry.predictions.labels("v1", "champion").inc()
    >>> b'hindcast_predictions_total{role="champion",version="v1"} 1.0' in telemetry.text()
    True
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("hindcast_requests", "HTTP requests.", ["path", "status"], registry=registry)
        self.latency = Histogram(
            "hindcast_request_seconds", "Seconds from request to answer.", ["path"], buckets=_SECONDS, registry=registry
        )
        self.predictions = Counter("hindcast_predictions", "Answers given.", ["version", "role"], registry=registry)
        self.repeats = Counter("hindcast_repeats", "Asked again under a known key.", ["what"], registry=registry)
        self.facts = Counter("hindcast_facts", "Facts taken.", ["table"], registry=registry)
        self.refused = Counter("hindcast_rows_refused", "Rows refused or quarantined.", ["table"], registry=registry)
        self.shadow_failures = Counter(
            "hindcast_shadow_failures", "Shadow answers that failed.", ["version"], registry=registry
        )
        self.swap_failures = Counter("hindcast_swap_failures", "Roles that could not be taken over.", registry=registry)
        self.drain_failures = Counter("hindcast_drain_failures", "Drains that failed.", registry=registry)
        self.drained = Counter("hindcast_drained_rows", "Rows landed in the lake.", registry=registry)
        self.champion = Gauge("hindcast_champion", "1 for the version that serves.", ["version"], registry=registry)
        self._lag = Gauge("hindcast_journal_lag_records", "Records not in the lake yet.", registry=registry)
        self._age = Gauge("hindcast_state_age_seconds", "Since a fact last changed the state.", registry=registry)
        self._bytes = Gauge("hindcast_unsynced_bytes", "Bytes on their way to the disk.", registry=registry)

    def watch(self, lag: Callable[[], float], age_s: Callable[[], float], unsynced: Callable[[], float]) -> None:
        """Ask these whenever the metrics are read."""
        self._lag.set_function(lag)
        self._age.set_function(age_s)
        self._bytes.set_function(unsynced)

    def crown(self, version: str | None) -> None:
        """Note who serves."""
        self.champion.clear()
        if version is not None:
            self.champion.labels(version).set(1)

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return generate_latest(self.registry)
