"""Three verdicts, and how many become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.verdicts import Verdict

outcomes = st.sampled_from(["pass", "fail", "unknown"])


@given(st.lists(outcomes, max_size=6))
def test_all_pass_or_it_is_no_pass(found: list[str]) -> None:
    together = Verdict.all_of("gates", [Verdict(outcome, f"gate {i}", "why") for i, outcome in enumerate(found)])  # type: ignore[arg-type]
    wanted = "fail" if "fail" in found else "unknown" if "unknown" in found or not found else "pass"
    assert together.outcome == wanted
    assert together.ok == (bool(found) and set(found) == {"pass"})
    assert together.reason


def test_the_reason_names_who_stood_in_the_way() -> None:
    together = Verdict.all_of(
        "gates", [Verdict.passed("a", "fine"), Verdict.failed("b", "too big"), Verdict.unknown("c", "no rows")]
    )
    assert together.reason == "b: too big"


@pytest.mark.parametrize("value", [float("nan"), np.float64("nan"), np.float32("nan")])
def test_a_figure_that_is_no_number_is_never_good_news(value: float) -> None:
    verdict = Verdict.passed("calibrated", "error below 0.03", ece=value, rows=10)
    assert verdict.outcome == "unknown"
    assert "ece is not a number" in verdict.reason


def test_a_pass_keeps_its_figures() -> None:
    verdict = Verdict.passed("size", "small", bytes=10)
    assert verdict.ok
    assert verdict.evidence == {"bytes": 10}
    assert not Verdict.failed("size", "large").ok
    assert not Verdict.unknown("size", "no file").ok
