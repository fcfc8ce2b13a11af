"""The guard keeps what is proven: it helps, it harms, nobody can tell; and held-out rows stay unseen."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from hindcast.errors import ConfigError, DataError
from hindcast.semi import (
    Guarded,
    Propagation,
    SelfTraining,
    cooled,
    guarded,
    mean_of,
    out_of_fold,
    row_scores,
    sign_test,
    temperature,
)
from hindcast.semi.calibration import folds
from hindcast.semi.classes import labelled


def moons(n: int, given: int, seed: int = 0) -> tuple[Any, Any, Any]:
    x, y = make_moons(n, noise=0.06, random_state=seed)
    labels = np.array(y, dtype=object)
    labels[given:] = None
    return x, y, labels


class Spy:
    """A learner that notes every row it is fitted on."""

    seen: ClassVar[list[np.ndarray]] = []

    def __init__(self) -> None:
        self.classes_ = np.zeros(0)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def fit(self, x: Any, y: Any) -> Spy:
        Spy.seen.append(np.asarray(x)[:, 0].copy())
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.full((len(x), len(self.classes_)), 1 / len(self.classes_))


def test_it_passes_where_unlabelled_rows_help() -> None:
    x, _, labels = moons(1_200, 300)
    labels[6:100] = None
    found = guarded(Propagation(KNeighborsClassifier(1)), x, labels, held_out=np.arange(100, 300))
    assert isinstance(found, Guarded)
    assert found.verdict.outcome == "pass", str(found)
    assert found.helped
    assert found.model is found.semi
    assert found.gain.low > 0
    new, truth = make_moons(300, noise=0.06, random_state=5)
    assert (found.semi.predict(new) == truth).mean() > 0.97


def test_it_fails_where_the_unlabelled_rows_have_shifted() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 1_200)
    x = random.normal(0, 0.7, size=(1_200, 2)) + np.c_[2.5 * y, np.zeros(1_200)]
    labels = np.array(y, dtype=object)
    labels[300:] = None
    x[300:, 0] += 2.0
    method = SelfTraining(LogisticRegression(), threshold=0.5)
    found = guarded(method, x, labels, held_out=np.arange(40, 300))
    assert found.verdict.outcome == "fail", str(found)
    assert found.model is found.supervised
    assert found.semi_score < found.supervised_score
    assert "fail" in str(found)


def test_few_rows_cannot_tell() -> None:
    x, _, labels = moons(60, 4)
    found = guarded(Propagation(KNeighborsClassifier(1)), x, labels, held_out=[3])
    assert found.verdict.outcome == "unknown"
    assert found.model is found.supervised
    one = guarded(SelfTraining(LogisticRegression()), x[:3], [1, None, None])
    assert one.verdict.outcome == "unknown"


@pytest.mark.parametrize("parts", [None, 4])
def test_no_model_that_is_judged_saw_a_held_out_row(parts: int | None) -> None:
    x = np.arange(40.0).reshape(-1, 1)
    labels = [i % 2 if i < 20 else None for i in range(40)]
    Spy.seen = []
    found = guarded(SelfTraining(Spy(), threshold=0.0, rounds=2), x, labels, held_out=0.3, parts=parts)
    if parts is None:
        assert len(found.held_out) == 6
        assert all(not np.isin(found.held_out, rows.astype(int)).any() for rows in Spy.seen)
    else:
        fold = folds(np.array([i % 2 for i in range(20)]), 4, 0)
        judged = [set(np.flatnonzero(fold == p).tolist()) for p in range(4)]
        last = max(i for i, rows in enumerate(Spy.seen) if not any(judged[3] & set(rows.astype(int)) for _ in [0]))
        assert sum(1 for rows in Spy.seen if not judged[3] & set(rows.astype(int))) > 0
        assert last < len(Spy.seen) - 1  # the models kept are fitted on all rows, after all judging
        assert found.held_out.tolist() == list(range(20))


def test_what_is_hidden_changes_nothing() -> None:
    """The labels of held-out rows reach neither model."""
    x, y, labels = moons(300, 60)
    test = np.arange(40, 60)
    other = labels.copy()
    other[test] = 1 - y[test]
    first, second = (guarded(SelfTraining(LogisticRegression()), x, given, held_out=test) for given in (labels, other))
    assert (first.semi.predict_proba(x) == second.semi.predict_proba(x)).all()
    assert np.isclose(first.semi_score, 1 - second.semi_score)


def test_equal_answers_are_no_help_and_blocks_widen() -> None:
    x, _, labels = moons(200, 100)
    same = guarded(SelfTraining(LogisticRegression(), threshold=1.0), x, labels)
    assert same.verdict.outcome == "fail"
    assert "alike" in same.verdict.reason
    by_row = guarded(SelfTraining(LogisticRegression()), x, labels, metric="log_loss")
    by_block = guarded(SelfTraining(LogisticRegression()), x, labels, metric="log_loss", blocks=np.arange(200) // 50)
    assert by_row.gain.value == by_block.gain.value


def test_bad_questions_are_refused() -> None:
    x, _, labels = moons(20, 10)
    method = SelfTraining(LogisticRegression())
    for bad in ({"held_out": 1.5}, {"parts": 1}, {"margin": -1.0}, {"metric": "f1"}):
        with pytest.raises(ConfigError):
            guarded(method, x, labels, **bad)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no label"):
        guarded(method, x, labels, held_out=[15])
    with pytest.raises(DataError, match="none is left"):
        guarded(method, x, labels, held_out=np.arange(10))


def test_intervals_cover_what_they_should() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        found = mean_of(random.normal(0.3, 1.0, 6))
        covered += found.low <= 0.3 <= found.high
    assert abs(covered / 400 - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 400)
    assert np.isnan(mean_of([]).value)
    assert np.isnan(mean_of([1.0]).low)
    assert sign_test([1, 1, 1, -1, 0]) == binomtest(3, 4).pvalue
    assert row_scores("accuracy", np.array([[0.2, 0.8]]), [1]).tolist() == [1.0]


def test_the_temperature_that_was_put_in_is_found() -> None:
    random = np.random.default_rng(0)
    truth = random.dirichlet(np.ones(3), 20_000)
    codes = (random.random((20_000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    assert abs(temperature(cooled(truth, 0.5), codes) - 2.0) < 0.1
    assert abs(temperature(truth, codes) - 1.0) < 0.05
    assert temperature(truth[:5], codes[:5]) == 1.0


def test_out_of_fold_answers_come_from_models_that_did_not_see_the_row() -> None:
    x = np.arange(20.0).reshape(-1, 1)
    y = labelled([i % 2 for i in range(20)])
    found = out_of_fold(KNeighborsClassifier(1), x, y, np.arange(20), parts=20)
    assert (found.argmax(axis=1) != y.codes).all()  # each is answered by its neighbour, of the other class
