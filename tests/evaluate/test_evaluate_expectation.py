"""Expectations of features: a row is met, broken, or cannot be judged, and nothing unjudged ever passes."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_models import Formula, evidence, many

import hindcast as hc
import hindcast.evaluate as ev
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.values import HOUR_US, canonical

HOURS = np.array([1.0, 5.0, 6.0, 7.0, np.inf, np.nan]) * HOUR_US


def test_a_fact_of_exactly_the_age_is_fresh_none_is_not_and_one_not_measured_is_not_judged():
    met, judged = hc.fresh("weather", "6h").rows(Frame({}, 6), {"weather": HOURS})
    assert met.tolist() == [True, True, True, False, False, False]
    assert judged.tolist() == [True, True, True, True, True, False]


def test_an_age_that_was_not_measured_is_unknown():
    verdict = hc.fresh("weather", "6h").judge(evidence())
    assert (verdict.outcome, verdict.reason) == ("unknown", "the age of 'weather' was not measured")


@pytest.mark.parametrize(("share", "outcome"), [(0.9, "pass"), (0.91, "fail")])
def test_the_share_itself_passes(share, outcome):
    ages = np.where(np.arange(3000) < 2700, 1.0, 7.0) * HOUR_US
    verdict = ev.Fresh("weather", 6 * HOUR_US, share).judge(evidence(ages={"weather": ages}))
    assert verdict.outcome == outcome
    assert verdict.evidence == {"share": 0.9, "rows": 3000, "unjudged": 0}


def test_ranges_sets_relations_and_presence_are_seen():
    row = evidence()
    gates = {
        hc.holds("0 <= x and x < 1"): "pass",
        hc.holds("x > 0.2"): "fail",
        hc.holds("word in ('a', 'b', 'c')"): "pass",
        hc.holds("word in ('a', 'b')"): "fail",
        hc.holds("x <= still", share=0.5): "pass",
        hc.holds("holey == x"): "pass",
        hc.present("x"): "pass",
        hc.present("holey"): "fail",
        hc.present("holey", share=0.45): "pass",
        hc.holds("nowhere > 0"): "unknown",
        hc.present("wrod"): "unknown",
    }
    verdicts, _ = ev.judge_all(list(gates), row)
    assert {verdict.check: verdict.outcome for verdict in verdicts} == {g.name: said for g, said in gates.items()}
    assert "Did you mean 'word'?" in verdicts[-1].reason


def test_rows_whose_condition_is_null_are_in_no_share():
    features, *_ = many()
    verdict = hc.holds("holey >= 0").judge(evidence())
    assert verdict.ok
    assert verdict.evidence["rows"] == int(features["holey"].present().sum())
    assert verdict.evidence["unjudged"] == 3000 - verdict.evidence["rows"]


def test_a_condition_that_no_row_answers_is_unknown():
    model = Formula(lambda f: np.full(len(f), 0.5), ())
    empty = Frame.of({"gone": np.full(3000, np.nan)})
    assert hc.holds("gone >= 0").judge(evidence(model, features=empty)).outcome == "unknown"


@pytest.mark.parametrize("gate", [hc.fresh("x", "1h"), hc.holds("x > 0"), hc.present("x")], ids=lambda g: g.name)
def test_an_expectation_is_a_gate_in_plain_data(gate):
    assert isinstance(gate, ev.Expectation)
    assert isinstance(gate, ev.Gate)
    assert canonical(gate.describe())
    assert not isinstance(ev.size(1), ev.Expectation)


def test_a_row_is_judged_alone():
    features, *_ = many(50)
    for gate in (hc.holds("holey > 0.3"), hc.present("holey")):
        met, judged = gate.rows(features, {})
        alone = [gate.rows(features.take(slice(i, i + 1)), {}) for i in range(50)]
        assert [(bool(m[0]), bool(j[0])) for m, j in alone] == list(zip(met.tolist(), judged.tolist(), strict=True))


def test_wrong_declarations_and_wrong_lengths_are_refused():
    for wrong in (lambda: hc.fresh("x", "0s"), lambda: hc.fresh("x", "1h", share=0), lambda: hc.present("x", share=2)):
        with pytest.raises(ConfigError):
            wrong()
    with pytest.raises(ConfigError, match="not well formed"):
        hc.holds("x >")
    with pytest.raises(DataError, match="3000 rows of features but 6 of ages of weather"):
        evidence(ages={"weather": HOURS})
    with pytest.raises(UnknownName):
        hc.present("wrod").rows(Frame.of({"word": ["a"]}), {})
