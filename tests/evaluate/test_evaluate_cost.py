"""What serving costs: measured where one can, recorded or counted in a replay."""

from __future__ import annotations

from evaluate_models import Formula, evidence

import hindcast.evaluate as ev
from hindcast.evaluate.cost import counted_us
from hindcast.verdicts import Verdict

GATE = ev.latency(p99="10ms")


def test_a_measurement_decides_and_leaves_no_trace_in_the_verdict():
    fast, slow = GATE.judge(evidence(latency_s={"p99": 0.009})), GATE.judge(evidence(latency_s={"p99": 0.011}))
    assert (fast.outcome, slow.outcome) == ("pass", "fail")
    assert fast == GATE.judge(evidence(latency_s={"p99": 0.001}))
    assert GATE.judge(evidence(latency_s={})).outcome == "unknown"


def test_a_replay_takes_the_recorded_verdict():
    recorded = {GATE.name: Verdict.failed(GATE.name, "measured: too slow")}
    verdict = GATE.judge(evidence(recorded=recorded))
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("as recorded")
    assert GATE.judge(evidence(recorded=recorded, latency_s={"p99": 0.001})).ok


def test_without_a_record_it_counts_and_says_so():
    small = Formula(lambda f: f["x"].floats(), ("x",), facts={"trees": 300, "mean_depth": 6.0})
    assert counted_us(small) == 200 + 1 + 180
    verdict = GATE.judge(evidence(small))
    assert verdict.ok
    assert "not measured" in verdict.reason
    huge = Formula(lambda f: f["x"].floats(), ("x",), facts={"trees": 20_000, "mean_depth": 9.0})
    assert GATE.judge(evidence(huge)).outcome == "fail"


def test_measuring_gives_quantiles_in_order():
    given = evidence()
    times = ev.measure_latency(given.model, given.features, rows=200)
    assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 1
    assert ev.measure_latency(given.model, given.features.take(slice(0, 0))) == {}


def test_size_is_that_of_the_files_or_as_stored():
    model = Formula(lambda f: f["x"].floats(), ("x",), bytes=2_000_000)
    assert ev.size(2).judge(evidence(model)).ok
    assert ev.size(1.99).judge(evidence(model)).outcome == "fail"
    assert ev.size(1.99).judge(evidence(model, size_bytes=1000)).ok
