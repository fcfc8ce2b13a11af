"""Sentences: a gain is called one only when its interval lies above zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.web.markup import text
from hindcast.web.words import day_text, earned_sentence, gain_sentence, interval, money, period_text, span_text

amounts = st.floats(-1e6, 1e6, allow_nan=False)


@given(amounts, amounts, amounts)
def test_the_word_follows_the_interval(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    sentence, paid = gain_sentence({"value": value, "low": low, "high": high}, "USD")
    if low > 0:
        assert (paid, "Renewing paid" in sentence) == ("yes", True)
    elif high < 0:
        assert (paid, "did not pay" in sentence) == ("no", True)
    else:
        assert paid == "unclear"
        assert "Renewing paid" not in sentence


def test_no_gain_and_no_interval_are_said() -> None:
    assert gain_sentence({})[1] == "missing"
    assert "without an interval" in gain_sentence({"value": 5.0})[0]
    assert "exactly" in gain_sentence({"value": 0.0, "low": 0.0, "high": 0.0})[0]


@pytest.mark.parametrize(
    ("goal", "baselines", "says"),
    [
        ({"miss": 0, "pass_by": 0, "unit": "EUR"}, {}, "Earned 100 EUR over doing nothing"),
        (
            {"miss": -1, "pass_by": 0, "unit": "EUR"},
            {"do nothing": {"value": -400}},
            "Earned 500 EUR over doing nothing",
        ),
        ({"miss": -1, "pass_by": 0, "unit": "EUR"}, {}, "Worth 100 EUR"),
        ({}, {"do nothing": {"value": 300}}, "Lost 200 against doing nothing"),
    ],
)
def test_earnings_are_told_against_doing_nothing(goal: dict, baselines: dict, says: str) -> None:
    story = {"goal": goal, "summary": {"replay": {"value": 100.0}, "baselines": baselines}}
    assert earned_sentence(story)[0] == says


def test_an_interval_that_holds_nothing_is_admitted() -> None:
    replay = {"value": 10.0, "value_low": -5.0, "value_high": 25.0}
    story = {"goal": {"miss": 0.0, "pass_by": 0.0}, "summary": {"replay": replay}}
    assert "does not show that acting pays" in earned_sentence(story)[1]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_money_never_writes_a_negative_zero(value: float) -> None:
    assert money(value) not in ("-0", "-0.00", "+0")
    assert "nan" not in money(value)


def test_dates_keep_their_hyphens_and_losses_get_a_minus() -> None:
    assert text("since 2013-03-01: -5, a-7, (-2 to -1)") == "since 2013-03-01: −5, a-7, (−2 to −1)"


@given(amounts, amounts)
def test_both_ends_of_an_interval_are_written_alike(low: float, high: float) -> None:
    ends = interval(low, high, None).split(" to ")
    cents = ["." in end for end in ends]
    assert cents[0] == cents[1] or 0 in (low % 1, high % 1)


def test_times_in_words() -> None:
    assert day_text("2013-07-01T23:30:00-04:00") == "2 Jul 2013"
    assert period_text({"policies": {"never": {"days": ["2013-07-01", "2013-07-09"]}}}) == "1 Jul 2013 to 9 Jul 2013"
    assert [span_text(s) for s in (0, 59, 3_600, 90_061)] == ["0 s", "59 s", "1 h", "1 day 1 h"]
