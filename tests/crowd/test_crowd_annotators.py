"""The annotator report finds who was planted (spammer, liar, biased, tired, copies) and few others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from hindcast.crowd import Answers, CopyingPair, annotator_report, copying_pairs, infer_truth
from hindcast.crowd.adjusted import holm
from hindcast.crowd.annotators import AnnotatorReport, held_out
from hindcast.errors import ConfigError, DataError

HOUR = 3_600_000_000


def crowd(skills, items=600, k=3, seed=0):
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, k, items)
    right = draw.random((items, len(skills))) < np.array(skills)
    wrong = (truth[:, None] + draw.integers(1, k, (items, len(skills)))) % k
    return np.where(right, truth[:, None], wrong), truth


def long(votes, **extras):
    item, annotator = np.nonzero(votes >= 0)
    return Answers.of(item, annotator, votes[item, annotator], **{n: v[item, annotator] for n, v in extras.items()})


def test_skills_are_estimated_within_their_intervals():
    skills = np.linspace(0.5, 0.95, 10)
    covered = 0
    for seed in range(10):
        votes, _ = crowd(skills, seed=seed)
        report = annotator_report(Answers.of_matrix(votes))
        covered += ((report.accuracy_low <= skills) & (skills <= report.accuracy_high)).sum()
        assert np.abs(report.accuracy - skills).max() < 5 * np.sqrt(0.25 / 600) + 0.02
    assert covered >= 88  # of 100 at 95%: three standard errors


def test_the_planted_are_flagged_and_the_honest_are_not():
    votes, truth = crowd([0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.5, 0.5], seed=1)
    draw = np.random.default_rng(2)
    votes[:, 6] = draw.choice(3, size=600, p=[0.2, 0.7, 0.1])  # answers whatever the item is
    votes[:, 7] = np.where(draw.random(600) < 0.9, (truth + 1) % 3, truth)  # always the next class
    lenient = np.where((truth == 0) & (draw.random(600) < 0.6), 2, votes[:, 2])
    votes[:, 2] = lenient
    report = annotator_report(Answers.of_matrix(votes, classes=["a", "b", "c"]))
    assert "answers regardless of the item" in report.flags[6]
    assert "leans to b" in report.flags[6]
    assert "worse than chance" in report.flags[7]
    assert report.flags[2] == ("leans to c",)
    assert [report.flags[a] for a in (0, 1, 3, 4, 5)] == [()] * 5
    assert report.spammer_score[6] < 0.05
    assert report.spammer_score[7] > 0.4  # a liar tells a lot
    assert report.bias[2, 2] == pytest.approx(0.2, abs=0.05)
    assert np.allclose(report.bias.sum(axis=1), 0, atol=1e-9)
    assert report.confusion[2, 0, 2] > 0.5
    text = report.to_text()
    assert text.splitlines()[1].startswith(("6", "7"))
    assert "worse than chance" in text
    assert len(annotator_report(Answers.of_matrix(votes)).to_text(2).splitlines()) >= 4
    assert isinstance(report, AnnotatorReport)
    assert report.rows()[6]["flags"][0] == "answers regardless of the item"


def test_who_tires_is_seen_and_harder_items_are_not_taken_for_it():
    items = 1_200
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 2, items)
    hard = np.linspace(0, 0.2, items)  # items get harder for all
    skill = np.full((items, 5), 0.9) - hard[:, None]
    skill[:, 0] = np.linspace(0.95, 0.55, items)  # one tires beyond that
    votes = np.where(draw.random((items, 5)) < skill, truth[:, None], 1 - truth[:, None])
    at = np.tile(np.arange(items)[:, None] * HOUR, (1, 5))
    report = annotator_report(long(votes, at=at))
    assert report.drift_p[0] < 0.01
    assert "got worse" in report.flags[0]
    assert (report.drift_p[1:] > 0.01).all()
    assert report.by_period[0, 0] > report.by_period[0, -1] + 0.2


def test_drift_is_seldom_seen_where_there_is_none():
    alarms = 0
    for seed in range(40):
        votes, _ = crowd([0.9, 0.8, 0.7, 0.8, 0.6], items=150, seed=seed)
        at = np.tile(np.arange(150)[:, None] * HOUR, (1, 5))
        alarms += bool((annotator_report(long(votes, at=at)).drift_p < 0.05).any())
    assert alarms <= 7  # 2 expected at 5 percent, standard deviation 1.4


def test_copies_are_found_and_nobody_else():
    for seed in range(5):
        votes, _ = crowd(np.linspace(0.55, 0.85, 12), items=300, seed=seed)
        draw = np.random.default_rng(seed + 100)
        votes[:, 3] = np.where(draw.random(300) < 0.8, votes[:, 9], votes[:, 3])
        report = annotator_report(Answers.of_matrix(votes))
        assert [(c.first, c.second) for c in report.copying] == [(3, 9)]
        assert report.copying[0].same > report.copying[0].expected + 0.15
    assert "agree on" in report.to_text()
    assert isinstance(report.copying[0], CopyingPair)


def test_copying_is_looked_for_in_part_of_very_many_pairs(monkeypatch):
    from hindcast.crowd import copying

    votes, _ = crowd([0.8] * 6, items=200)
    answers = Answers.of_matrix(votes)
    monkeypatch.setattr(copying, "_MOST_PAIRS", 1_500)
    _, notes = copying_pairs(answers, infer_truth(answers))
    assert "first 100 items" in notes[0]
    assert "needs a truth" in copying_pairs(answers, infer_truth(answers, "majority"))[1][0]


def test_an_own_answer_is_no_evidence_for_itself():
    votes, _ = crowd([0.7, 0.7], items=400)
    for truth in ("majority", "dawid-skene"):
        answers = Answers.of_matrix(votes)
        report = annotator_report(answers, infer_truth(answers, truth))
        assert report.accuracy.max() < 0.8  # with one's own answer in the vote it would be 0.85
    lonely = Answers.of_matrix([[0, -1], [-1, 1]])
    report = annotator_report(lonely)
    assert np.isnan(report.accuracy).all()
    assert any("share no item" in note for note in report.notes)
    assert "?" in report.to_text()


def test_a_known_truth_is_taken_as_it_is():
    votes, truth = crowd([0.9, 0.6], items=300)
    answers = Answers.of_matrix(votes, classes=[0, 1, 2])
    report = annotator_report(answers, dict(enumerate(truth.tolist())))
    assert report.accuracy == pytest.approx((votes == truth[:, None]).mean(axis=0))
    part = annotator_report(answers, {i: int(truth[i]) for i in range(50)})
    assert part.accuracy == pytest.approx((votes[:50] == truth[:50, None]).mean(axis=0))
    with pytest.raises(DataError, match="item"):
        annotator_report(answers, {1_000: 0})
    with pytest.raises(ConfigError, match="other items"):
        held_out(answers, infer_truth(Answers.of_matrix(votes[:10], classes=[0, 1, 2])))


def test_speed():
    votes, _ = crowd([0.9, 0.9, 0.9], items=50)
    seconds = np.tile([10.0, 12.0, 1.0], (50, 1))
    seconds[0, 0] = np.nan
    report = annotator_report(long(votes, seconds=seconds))
    assert report.seconds.tolist() == [10.0, 12.0, 1.0]
    assert report.flags[2] == ("three times faster than usual",)
    assert np.isnan(annotator_report(Answers.of_matrix(votes)).pace).all()


def test_the_middling_of_nothing():
    empty = annotator_report(Answers.of([], [], []))
    assert empty.rows() == []
    assert "annotator" in empty.to_text()
    one = annotator_report(Answers.of([1, 1], ["a", "b"], ["x", "x"]))
    assert one.accuracy.tolist() == [1.0, 1.0]
    assert np.isnan(one.spammer_score).all()
    for wrong in ({"periods": 1}, {"level": 0}):
        with pytest.raises(ConfigError):
            annotator_report(Answers.of([1], ["a"], ["x"]), **wrong)


def test_many_annotators_of_many_classes_go_without_confusions(monkeypatch):
    from hindcast.crowd import annotators

    monkeypatch.setattr(annotators, "_CELLS", 10)
    votes, _ = crowd([0.9, 0.8], items=30)
    report = annotator_report(Answers.of_matrix(votes))
    assert report.confusion is None
    assert any("left out" in note for note in report.notes)


def test_adjusted_p_values_are_holm_s():
    p = np.array([0.001, 0.02, 0.04, np.nan, 0.5])
    assert holm(p)[[0, 1, 2, 4]].tolist() == pytest.approx([0.004, 0.06, 0.08, 0.5])
    assert (holm(p[[0, 1, 2]]) >= false_discovery_control(p[[0, 1, 2]])).all()
