"""Confident learning finds planted label errors and counts them; probabilities are held out, in time too."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.labelling import Item, Project
from hindcast.quality import HeldOut, LabelErrors, Suspects, duplicate_texts, find_label_errors, held_out_probabilities

NOISE = np.array([[0.9, 0.1, 0.0], [0.0, 0.95, 0.05], [0.15, 0.0, 0.85]])
"""Shape (true, given)."""


def clouds(n, seed=0, spread=0.6):
    """Three clouds in the plane, their classes, and labels with planted noise."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, n)
    centre = np.array([[0, 0], [3, 0], [0, 3]])[truth]
    x = centre + draw.normal(0, spread, (n, 2))
    given_label = (draw.random(n)[:, None] > NOISE.cumsum(axis=1)[truth]).sum(axis=1)
    return x, truth, given_label


def joint_by_definition(y, p):
    """Row by row, in words: who reaches their class's mean, and which is the most probable of these."""
    k = p.shape[1]
    thresholds = [
        np.mean([p[i, j] for i in range(len(y)) if y[i] == j]) if (y == j).any() else np.inf for j in range(k)
    ]
    counts = np.zeros((k, k))
    for i in range(len(y)):
        reach = [j for j in range(k) if p[i, j] >= thresholds[j] - 1e-12]
        if reach:
            counts[y[i], max(reach, key=lambda j: (p[i, j], -j))] += 1
    for j in range(k):
        if counts[j].sum() == 0:
            counts[j, j] = 1
        counts[j] *= (y == j).sum() / counts[j].sum()
    return counts


@pytest.mark.parametrize(("select", "recall"), [("noise-rate", 0.93), ("confident", 0.7), ("both", 0.7)])
def test_planted_errors_are_found(select, recall):
    x, truth, label = clouds(3_000, seed=1)
    held = held_out_probabilities(LogisticRegression(), x, label)
    found = find_label_errors(held, select=select)
    wrong = np.flatnonzero(truth != label)
    hit = np.isin(found.suspects.row, wrong)
    assert hit.mean() > 0.93  # precision
    assert hit.sum() / len(wrong) > recall
    assert hit[: len(hit) // 2].mean() > 0.99  # the ranking puts the surest first
    assert (truth[found.suspects.row] == found.suggested).mean() > 0.93
    assert found.expected == pytest.approx(len(wrong), rel=0.1)
    assert np.abs(found.noise - NOISE).max() < 0.03
    assert found.prior == pytest.approx(np.bincount(truth) / 3_000, abs=0.02)
    assert isinstance(found, LabelErrors)
    (finding,) = found.findings()
    assert finding.number == "HC019"


def test_the_noise_matrix_converges():
    errors = []
    for n in (500, 20_000):
        draw = np.random.default_rng(3)
        truth = draw.integers(0, 3, n)
        label = (draw.random(n)[:, None] > NOISE.cumsum(axis=1)[truth]).sum(axis=1)
        p = np.full((n, 3), 0.05)
        p[np.arange(n), truth] = 0.9
        errors.append(np.abs(find_label_errors(label, p).noise - NOISE).max())
    assert errors[1] < 5 * np.sqrt(0.25 / (20_000 / 3))
    assert errors[1] < errors[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(2, 4), st.integers(0, 10_000))
def test_the_joint_is_its_definition(n, k, seed):
    draw = np.random.default_rng(seed)
    p = draw.dirichlet(np.ones(k), size=n).round(2)
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    p = np.clip(p, 0, 1)
    y = draw.integers(0, k, n)
    found = find_label_errors(y, p, classes=list(range(k)))
    assert np.allclose(found.joint, joint_by_definition(y, p))
    assert found.joint.sum(axis=1) == pytest.approx(np.bincount(y, minlength=k))
    assert (np.diff(found.suspects.score) <= 1e-12).all()
    assert not len(found.suspects) or (y[found.suspects.row] != found.suggested).all()


def test_clean_labels_are_left_alone():
    x, truth, _ = clouds(2_000, seed=2)
    found = find_label_errors(held_out_probabilities(LogisticRegression(), x, truth))
    assert len(found.suspects) < 10
    assert found.expected < 15


def test_a_model_that_leans_does_not_doubt_the_class_it_neglects():
    draw = np.random.default_rng(4)
    truth = draw.integers(0, 2, 4_000)
    p1 = np.where(truth == 1, draw.uniform(0.3, 0.6, 4_000), draw.uniform(0.0, 0.2, 4_000))  # never sure of 1
    found = find_label_errors(truth, np.stack([1 - p1, p1], axis=1), select="confident")
    assert len(found.suspects) < 40  # by the most probable class, two in three of class 1 would be doubted


def test_rows_without_labels_or_probabilities_are_counted():
    p = np.array([[0.9, 0.1]] * 12 + [[0.1, 0.9]] * 12)
    label = ["a"] * 11 + [None] + ["b"] * 12
    p[3] = np.nan
    found = find_label_errors(label, p)
    assert np.isnan(found.quality[[3, 11]]).all()
    assert any("2 rows" in note for note in found.notes)
    assert find_label_errors([], np.zeros((0, 0))).expected == 0.0
    one = find_label_errors(["a", "a"], np.ones((2, 1)))
    assert not len(one.suspects)
    assert any("one class" in note for note in one.notes)
    assert not one.findings()


def test_what_cannot_be_trusted_says_so():
    draw = np.random.default_rng(0)
    p = draw.dirichlet([1, 1], 400)
    found = find_label_errors(draw.integers(0, 2, 400), p)
    assert any("model is poor" in note for note in found.notes)
    rare = find_label_errors([0] * 50 + [1] * 3, np.array([[0.9, 0.1]] * 50 + [[0.2, 0.8]] * 3))
    assert any("fewer than 10" in note for note in rare.notes)


def test_bad_requests_are_named():
    with pytest.raises(DataError, match="shape"):
        find_label_errors([0, 1], np.ones((2, 3)))
    with pytest.raises(DataError, match="sum to 1"):
        find_label_errors([0, 1], [[0.5, 0.5], [0.5, 0.6]])
    for wrong in ({"select": "all"}, {"rank": "best"}):
        with pytest.raises(ConfigError):
            find_label_errors([0, 1], np.eye(2), **wrong)
    with pytest.raises(ConfigError, match="held_out"):
        find_label_errors([0, 1])
    held = HeldOut(np.eye(2), (0, 1), np.array([0, 1]), np.array([0, 0]))
    with pytest.raises(ConfigError, match="own labels"):
        find_label_errors(held, np.eye(2))


# ---- held-out probabilities ------------------------------------------------------------------------------


class Recorder:
    """A learner that remembers every row it was shown; ``x`` holds row numbers."""

    fits: ClassVar[list[tuple[set[int], set[int]]]] = []

    def get_params(self, deep=True):
        return {}

    def set_params(self, **_):
        return self

    def fit(self, x, y):
        self.seen, self.classes_ = set(np.asarray(x)[:, 0].astype(int).tolist()), np.unique(y)
        return self

    def predict_proba(self, x):
        Recorder.fits.append((self.seen, set(np.asarray(x)[:, 0].astype(int).tolist())))
        return np.full((len(x), len(self.classes_)), 1 / len(self.classes_))


@pytest.fixture
def fits():
    Recorder.fits = []
    return Recorder.fits


def test_no_model_judges_what_it_saw(fits):
    rows = np.arange(50.0)[:, None]
    label = np.arange(50) % 3
    found = held_out_probabilities(Recorder(), rows, label, folds=4)
    assert found.judged.all()
    assert sorted(i for _, test in fits for i in test) == list(range(50))
    assert all(not seen & test for seen, test in fits)
    for f in range(4):
        assert np.bincount(label[found.fold == f]).min() >= 3  # every class in every fold


def test_groups_stay_together(fits):
    groups = np.repeat(np.arange(10), 5)
    held_out_probabilities(Recorder(), np.arange(50.0)[:, None], np.arange(50) % 2, groups=groups)
    for seen, test in fits:
        assert not {groups[i] for i in seen} & {groups[i] for i in test}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), min_size=1, max_size=40))
def test_in_time_only_the_past_whose_labels_were_known_teaches(rows):
    Recorder.fits = []
    at = np.array([a for a, _ in rows], dtype=float)
    known = at + np.array([d for _, d in rows])
    found = held_out_probabilities(
        Recorder(), np.arange(len(rows), dtype=float)[:, None], np.arange(len(rows)) % 2, at=at, known=known, folds=3
    )
    for seen, test in Recorder.fits:
        begins = min(at[i] for i in test)
        assert all(at[i] < begins and known[i] < begins for i in seen)
    assert (found.fold[at == at.min()] == -1).all()
    assert np.isnan(found.probability[~found.judged]).all()


def test_times_may_be_datetimes_and_labels_never_known():
    at = np.arange("2026-01-01", "2026-01-31", dtype="datetime64[D]")
    known = at.copy() + np.timedelta64(2, "D")
    known[:3] = np.datetime64("NaT")
    found = held_out_probabilities(Recorder(), np.arange(30.0)[:, None], np.arange(30) % 2, at=at, known=known)
    assert any("not judged" in note for note in found.notes)
    with pytest.raises(DataError, match="datetime64"):
        held_out_probabilities(Recorder(), np.arange(2.0)[:, None], [0, 1], at=["Monday", "Tuesday"])
    with pytest.raises(DataError, match="no time"):
        held_out_probabilities(Recorder(), np.arange(2.0)[:, None], [0, 1], at=[1.0, np.nan])


def test_items_may_be_frames_or_texts_and_classes_may_be_missing_from_a_fold():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    texts = ["buy now", "hello there", "buy cheap", "hello you"] * 5
    found = held_out_probabilities(make_pipeline(CountVectorizer(), MultinomialNB()), texts, ["s", "h"] * 10, folds=3)
    assert (found.probability.argmax(axis=1) == found.label).all()
    rare = held_out_probabilities(LogisticRegression(), np.arange(21.0)[:, None], [0, 1] * 10 + [2], folds=3)
    assert any("no rows of 2" in note for note in rare.notes)
    assert np.allclose(rare.probability.sum(axis=1), 1)
    assert len(Frame.of({"x": [1.0]})) == 1


def test_one_class_or_nothing_is_not_judged():
    found = held_out_probabilities(LogisticRegression(), np.zeros((6, 1)), ["a"] * 6)
    assert not found.judged.any()
    assert any("not judged" in note for note in found.notes)
    assert held_out_probabilities(LogisticRegression(), np.zeros((0, 1)), []).probability.shape == (0, 0)
    for wrong, error in (
        ({"folds": 1}, ConfigError),
        ({"known": [1.0] * 6}, ConfigError),
        ({"groups": [1]}, DataError),
    ):
        with pytest.raises(error):
            held_out_probabilities(LogisticRegression(), np.zeros((6, 1)), ["a", "b"] * 3, **wrong)


# ---- suspects --------------------------------------------------------------------------------------------


class Queue:
    def __init__(self):
        self.calls = []

    def enqueue(self, ids, *, reason, priority):
        self.calls.append((list(ids), reason, priority))
        return len(ids)


def test_suspects_are_ranked_joined_and_sent():
    one = Suspects.ranked([3, 1, 2], ["a", "b", "c"], [0.1, 0.9, 0.1], ["mind"])
    assert one.row.tolist() == [1, 2, 3]
    both = Suspects.together(one, Suspects.ranked([3], ["z"], [0.5]))
    assert both.row.tolist() == [1, 3, 2]
    assert both.reason == ("b", "a; z", "c")
    assert both.notes == ("mind",)
    queue = Queue()
    assert both.first(2).send(queue, items=["w", "x", "y", "z"]) == 2
    assert queue.calls == [(["x"], "b", 0.9), (["z"], "a; z", 0.5)]
    assert "and 1 more" in both.to_text(2)
    assert "note: mind" in both.to_text()
    with pytest.raises(DataError):
        Suspects.ranked([1], [], [])


def test_suspects_come_first_in_a_real_project(tmp_path):
    texts = ["call 0800 111 now", "see you at 8", "Call 0800 111  now", "lunch?"]
    with Project.create(tmp_path / "p", name="spam", classes=["ham", "spam"], overlap=1) as project:
        project.add_items([Item(f"m{at}", text) for at, text in enumerate(texts)])
        project.add_annotator("Ann")
        assert duplicate_texts(texts).suspects().send(project, project.items) == 1
        task = project.next("Ann")
        assert task is not None
        assert task.item.id == "m2"
