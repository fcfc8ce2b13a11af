"""Comparisons of balancing: no method ever sees what it is judged on; what is planted is found; what is told is so."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hindcast import balance as b
from hindcast.balance.compare import _splits
from hindcast.balance.report import over_splits
from hindcast.balance.resampling import Drawn, Resampling
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Estimate, Goal
from hindcast.models.logistic import logistic


def world(n=1_200, rate=0.15, seed=0):
    """Numbers around a label, and each row's own number as the last column."""
    random = np.random.default_rng(seed)
    y = (random.random(n) < rate).astype(int)
    return np.c_[random.normal(size=(n, 2)) + y[:, None], np.arange(n)], y


@dataclass(frozen=True)
class Watched(Resampling):
    """A step that notes which rows it is given, by the last column."""

    inner: Resampling
    label: ClassVar[str] = "watched"
    seen: ClassVar[list] = []

    def draw(self, X, codes, counts, seed):
        self.seen.append(set(X[:, -1].astype(int).tolist()))
        drawn = self.inner.draw(X, codes, counts, seed)
        if drawn.made is None:
            return drawn
        return Drawn(drawn.places, drawn.made)


class Spy(ClassifierMixin, BaseEstimator):
    """A classifier that notes the rows it is fitted on and those it is asked about."""

    fitted: ClassVar[list] = []
    asked: ClassVar[list] = []

    def fit(self, X, y):
        self.fitted.append(np.array(X))
        self.classes_ = np.unique(y)
        self.inner_ = LogisticRegression().fit(X[:, :2], y)
        return self

    def predict_proba(self, X):
        self.asked.append(np.array(X))
        return self.inner_.predict_proba(X[:, :2])


@pytest.mark.parametrize("at", [None, "time"])
def test_what_judges_is_never_shown_to_a_method_nor_changed(at):
    X, y = world()
    moments = None if at is None else np.arange(len(y)) * 1_000_000
    Watched.seen.clear()
    Spy.fitted.clear()
    Spy.asked.clear()
    methods = {"under": Watched(b.undersample()), "smote": Watched(b.smote(3)), "tomek": Watched(b.smote_tomek(3))}
    b.compare_balancing(X, y, Spy(), methods, at=moments, seeds=2)
    parts = list(_splits(y, moments, "0s", 0.3, 2))
    assert len(Watched.seen) == 6
    for seed, (learn, choose, judge) in enumerate(parts):
        hidden = set(choose.tolist()) | set(judge.tolist())
        assert hidden.isdisjoint(learn.tolist())
        for seen in Watched.seen[3 * seed : 3 * seed + 3]:
            assert seen == set(learn.tolist())
        for model in range(4):
            rows = Spy.fitted[4 * seed + model]
            real = rows[
                np.isin(rows[:, -1], X[:, -1]) & (X[np.clip(rows[:, -1].astype(int), 0, len(X) - 1), 0] == rows[:, 0])
            ]
            assert hidden.isdisjoint(real[:, -1].astype(int).tolist())
            asked = Spy.asked[8 * seed + 2 * model : 8 * seed + 2 * model + 2]
            assert sorted(map(len, asked)) == sorted([len(judge), len(choose)])
            for rows in asked:
                assert np.array_equal(rows, X[rows[:, -1].astype(int)])
    if at is not None:
        assert all(learn.max() < choose.min() < judge.min() for learn, choose, judge in parts)
        gapped = next(iter(_splits(y, moments, "50s", 0.3, 1)))
        assert gapped[1].min() - gapped[0].max() >= 50
        assert gapped[2].min() - gapped[1].max() >= 50


def test_a_random_split_keeps_the_shares_and_uses_every_row_once():
    _, y = world()
    for learn, choose, judge in _splits(y, None, "0s", 0.3, 3):
        whole = np.sort(np.concatenate([learn, choose, judge]))
        assert np.array_equal(whole, np.arange(len(y)))
        assert y[judge].mean() == pytest.approx(y.mean(), abs=0.01)


def test_what_balancing_does_to_a_line_is_found():
    X, y = world(4_000, 0.08)
    report = b.compare_balancing(X[:, :2], y, LogisticRegression(), seeds=4)
    assert [m.name for m in report.methods] == ["untouched", "undersample", "oversample", "class_weights", "smote"]
    for method in report.methods[1:]:
        gain = method.gain
        assert gain["log_loss"].low > 0
        assert abs(gain["log_loss_corrected"].value) < 0.02
        assert gain["recall_at_half"].low > 0
        assert gain["precision_at_half"].high < 0
        assert abs(gain["auc"].value) < 0.01
        assert method.share == pytest.approx(0.5, abs=0.01)
    assert report["untouched"].gain["auc"].value == 0
    assert report["undersample"].rows < report["untouched"].rows < report["oversample"].rows
    assert report.advice.startswith("Leave the rows as they are")
    text = report.to_text()
    assert "| untouched |" in text
    assert "probabilities worse" in text
    assert "split at random" in text
    assert report.table(gains=True).count("\n") == 5
    assert len(report.findings()) == 4
    assert isinstance(report, b.BalanceReport)
    assert isinstance(report["smote"], b.MethodScores)
    with pytest.raises(UnknownName, match="smote"):
        _ = report["smot"]


def test_a_method_that_helps_ranking_is_recommended():
    random = np.random.default_rng(0)
    y = (random.random(2_000) < 0.03).astype(int)
    X = random.normal(size=(2_000, 6)) + 0.8 * y[:, None]
    report = b.compare_balancing(X, y, KNeighborsClassifier(3), {"over": b.smote(5)}, seeds=3)
    assert report["over"].gain["auc"].value > 0.04
    sure = {metric: Estimate(0.1, 0.05, 0.15, 10) for metric in report["over"].gain}
    better = replace(report, methods=(report.methods[0], replace(report["over"], gain=sure)))
    assert better.advice.startswith("over ranks better")
    assert better.findings()[0].startswith("over: ranks better; probabilities worse")
    unsure = {metric: Estimate(math.nan) for metric in sure}
    unknown = replace(report, methods=(report.methods[0], replace(report["over"], gain=unsure)))
    assert "ranks unknown" in unknown.findings()[0]
    assert unknown.advice.startswith("Leave the rows")


def test_learners_of_hindcast_on_frames_and_several_steps():
    X, y = world(900)
    frame = Frame.of({"x": X[:, 0], "z": X[:, 1], "w": np.where(X[:, 0] > 0, "u", "v").tolist()})
    done = []
    report = b.compare_balancing(
        frame,
        np.where(y == 1, "spam", "ham"),
        logistic(),
        {"both": [b.undersample(0.5), b.class_weights("balanced")]},
        at=np.arange(900).astype("datetime64[h]"),
        blocks=np.arange(900) // 30,
        threshold_by=Goal("call", hit=5, false_alarm=-1),
        seeds=2,
        progress=lambda *told: done.append(told),
    )
    assert report.positive == "spam"
    assert report.by_time
    assert done[-1] == (4, 4)
    score = report["both"].scores["auc"]
    assert score.low < score.value < score.high
    assert report["both"].share == pytest.approx(0.5)


def test_pipelines_take_weights_and_neighbours_do_not():
    X, y = world(600)
    line = make_pipeline(StandardScaler(), LogisticRegression(random_state=3))
    assert b.compare_balancing(X, y, line, {"w": b.class_weights()}, seeds=2)["w"].share == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="takes no weights"):
        b.compare_balancing(X, y, KNeighborsClassifier(), {"w": b.class_weights()}, seeds=2)


def test_the_same_seeds_give_the_same_report():
    X, y = world(600)
    one, two = (b.compare_balancing(X, y, LogisticRegression(), seeds=2).to_text() for _ in range(2))
    assert one == two


def test_a_prior_that_moved_and_few_positives_are_noted():
    X, y = world(1_000, 0.1)
    moved = np.where((np.arange(1_000) > 700) & (np.arange(1_000) % 2 == 0), 1, y)
    report = b.compare_balancing(X, moved, LogisticRegression(), {}, at=np.arange(1_000), seeds=2)
    assert any("share of positives moved" in note for note in report.notes)
    few = b.compare_balancing(*world(500, 0.1), LogisticRegression(), {}, seeds=2)
    assert any("only" in note for note in few.notes)


def test_the_interval_of_splits_counts_their_overlap():
    plain, wide = over_splits([1.0, 2.0, 3.0], 0.0, 0.95, 10), over_splits([1.0, 2.0, 3.0], 1.0, 0.95, 10)
    assert (wide.high - wide.low) / (plain.high - plain.low) == pytest.approx(math.sqrt((1 / 3 + 1) / (1 / 3)))
    assert math.isnan(over_splits([1.0, math.nan], 0.0, 0.95, 10).value)


def test_wrong_questions_are_refused():
    X, y = world(300)
    line = LogisticRegression()
    with pytest.raises(ConfigError, match="seeds must be a whole number of at least 2"):
        b.compare_balancing(X, y, line, seeds=1)
    with pytest.raises(ConfigError, match="share"):
        b.compare_balancing(X, y, line, share=1.0)
    with pytest.raises(ConfigError, match="positive="):
        b.compare_balancing(X, np.arange(300) % 3, line)
    with pytest.raises(ConfigError, match="no label is"):
        b.compare_balancing(X, y, line, positive=7)
    with pytest.raises(DataError, match="classes among"):
        b.compare_balancing(X, np.zeros(300), line)
    with pytest.raises(ConfigError, match="no step"):
        b.compare_balancing(X, y, line, {"x": "smote"})
    with pytest.raises(ConfigError, match="as they are"):
        b.compare_balancing(X, y, line, {"untouched": b.smote()})
    with pytest.raises(DataError, match="one label per row"):
        b.compare_balancing(X, y[:-1], line)
    with pytest.raises(DataError, match="too few"):
        b.compare_balancing(X, np.r_[1, np.zeros(299)], line)
    with pytest.raises(DataError, match="of one class"):
        b.compare_balancing(X, np.r_[np.ones(150), np.zeros(150)], line, at=np.arange(300))
    with pytest.raises(ConfigError, match="blocks"):
        b.compare_balancing(X, y, line, blocks=np.arange(300))
    with pytest.raises(ConfigError, match="a learner is"):
        b.compare_balancing(X, y, "lightgbm", seeds=2)
