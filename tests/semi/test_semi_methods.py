"""Laws that every method keeps, and generated data where each must help or must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_moons
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from hindcast.errors import ConfigError, DataError
from hindcast.semi import (
    Consistency,
    CoTraining,
    Fitted,
    Method,
    Propagation,
    Round,
    SelfTraining,
    SemiModel,
    TwoViews,
    co_training,
    consistency,
    propagation,
    self_training,
)
from hindcast.semi.self_training import sure_rows


def shaken(x: Any, random: np.random.Generator) -> Any:
    return x + random.normal(0, 0.05, x.shape)


def methods(learner: Any) -> list[Method]:
    return [
        SelfTraining(learner),
        SelfTraining(learner, soft=True),
        SelfTraining(learner, quota="balanced", weight=0.5, most=0.5),
        Propagation(learner),
        Propagation(),
        Propagation(learner, alpha=0.9, class_mass=True),
        CoTraining(learner, ([0], [1])),
        Consistency(learner, [shaken]),
    ]


def blobs(n: int = 150, classes: int = 3, seed: int = 0, gap: float = 4.0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, n)
    angle = 2 * np.pi * y / classes
    return gap * np.c_[np.cos(angle), np.sin(angle)] + random.normal(size=(n, 2)), y


def hidden(y: Any, each: int, seed: int = 0) -> Any:
    """Labels with all but `each` a class made None."""
    random = np.random.default_rng(seed)
    labels = np.array(y, dtype=object)
    keep = np.concatenate([random.permutation(np.flatnonzero(y == c))[:each] for c in np.unique(y)])
    gone = np.ones(len(y), dtype=bool)
    gone[keep] = False
    labels[gone] = None
    return labels


IDS = [f"{m.name}-{i}" for i, m in enumerate(methods(LogisticRegression()))]


@pytest.mark.parametrize("place", range(len(IDS)), ids=IDS)
@pytest.mark.parametrize("learner", [LogisticRegression(), DecisionTreeClassifier()], ids=["logistic", "tree"])
def test_without_unlabelled_rows_it_is_the_supervised_model(place: int, learner: Any) -> None:
    x, y = blobs()
    method = methods(learner)[place]
    ours, alone = method.fit(x, y, seed=3), method.supervised(x, y, seed=3)
    new = blobs(seed=9)[0]
    assert (ours.predict_proba(new) == alone.predict_proba(new)).all()
    assert ours.notes
    assert (ours.pseudo == -1).all()


@pytest.mark.parametrize("place", range(len(IDS)), ids=IDS)
def test_the_same_rows_and_seed_give_the_same_model(place: int) -> None:
    x, y = blobs()
    labels = hidden(y, 5)
    first, second = (methods(DecisionTreeClassifier())[place].fit(x, labels, seed=4) for _ in range(2))
    assert (first.predict_proba(x) == second.predict_proba(x)).all()
    assert (first.pseudo == second.pseudo).all()
    assert (first.pseudo[[label is not None for label in labels]] == -1).all()


@pytest.mark.parametrize("place", range(len(IDS)), ids=IDS)
def test_probabilities_of_classes_of_any_type(place: int) -> None:
    x, y = blobs()
    for names in (np.array(["b", "z", "ä"]), np.array([10, 20, 30])):
        model = methods(LogisticRegression())[place].fit(x, hidden(names[y], 8))
        found = model.predict_proba(x)
        assert found.shape == (150, 3)
        assert np.allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
        assert model.classes_.tolist() == names.tolist()
        assert (model.predict(x) == names[y]).mean() > 0.9
        assert model.predict_proba(x[:0]).shape == (0, 3)


@pytest.mark.parametrize("place", range(len(IDS)), ids=IDS)
def test_one_class_one_row_and_no_label(place: int) -> None:
    x, y = blobs(30)
    method = methods(LogisticRegression())[place]
    only = method.fit(x, ["yes"] * 2 + [None] * 28)
    assert (only.predict(x) == "yes").all()
    single = method.fit(x[:1], [7])
    assert single.predict(x[:1]).tolist() == [7]
    with pytest.raises(DataError, match="at least one labelled"):
        method.fit(x, [-1] * 30)
    with pytest.raises(DataError, match="one per item"):
        method.fit(x, y[:5])


@pytest.mark.parametrize("place", range(len(IDS)), ids=IDS)
def test_sparse_items_are_answered_as_dense_ones(place: int) -> None:
    x, y = blobs(90)
    if isinstance(methods(LogisticRegression())[place], Consistency):
        return  # the perturbation of these tests is for arrays
    dense = methods(MultinomialNB())[place].fit(np.abs(x), hidden(y, 6))
    thin = methods(MultinomialNB())[place].fit(sparse.csr_array(np.abs(x)), hidden(y, 6))
    assert np.allclose(dense.predict_proba(np.abs(x)), thin.predict_proba(sparse.csr_array(np.abs(x))), atol=1e-6)


def test_lists_of_text_with_a_pipeline() -> None:
    texts = [
        f"{word} {filler}" for word in ("refund", "delivery") for filler in ("now", "please", "why", "soon", "")
    ] * 4
    labels = [("money" if t.startswith("refund") else "parcel") if i < 12 else None for i, t in enumerate(texts)]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())

    def shouted(items: list[str], random: np.random.Generator) -> list[str]:
        return [item.upper() for item in items]

    def words(items: list[str]) -> list[str]:
        return [item.split(" ")[0] for item in items]

    for method in (
        SelfTraining(pipeline, threshold=0.5),
        SelfTraining(pipeline, threshold=0.5, soft=True),
        Propagation(pipeline, encoder=TfidfVectorizer(), metric="cosine"),
        Propagation(encoder=TfidfVectorizer(), metric="cosine"),
        CoTraining(pipeline, (words, words), threshold=0.5),
        Consistency(pipeline, [shouted], threshold=0.5),
    ):
        model = method.fit(texts, labels)
        assert model.predict(["refund tomorrow", "delivery tomorrow"]).tolist() == ["money", "parcel"]
        assert method.describe()["method"] == method.name


def test_propagation_must_help_on_two_moons() -> None:
    x, y = make_moons(600, noise=0.06, random_state=0)
    labels = hidden(y, 3)
    learner = KNeighborsClassifier(3)
    ours, alone = Propagation(learner).fit(x, labels), Propagation(learner).supervised(x, labels)
    new, truth = make_moons(400, noise=0.06, random_state=1)
    assert (ours.predict(new) == truth).mean() > 0.98
    assert (alone.classes_[alone.predict_proba(new).argmax(axis=1)] == truth).mean() < 0.9


def test_co_training_must_help_where_either_view_would_do() -> None:
    random = np.random.default_rng(1)
    y = random.integers(0, 2, 600)
    x = random.normal(size=(600, 40))
    x[:, :4] += 0.7 * (2 * y[:, None] - 1)
    x[:, 20:24] += 0.7 * (2 * y[:, None] - 1)
    views = (list(range(20)), list(range(20, 40)))
    gains = []
    for seed in range(5):
        labels = hidden(y[:400], 6, seed)
        method = CoTraining(LogisticRegression(), views)
        ours, alone = method.fit(x[:400], labels), method.supervised(x[:400], labels)
        right = [(m.predict_proba(x[400:]).argmax(axis=1) == y[400:]).mean() for m in (ours, alone)]
        gains.append(right[0] - right[1])
    assert np.mean(gains) > 0.02


def test_self_training_and_consistency_must_help_where_classes_lie_apart() -> None:
    gains: dict[str, list[float]] = {}
    for seed in range(5):
        random = np.random.default_rng(seed)
        y = random.integers(0, 2, 700)
        x = random.normal(size=(700, 40))
        x[:, :6] += 0.9 * (2 * y[:, None] - 1)
        labels = hidden(y[:500], 6, seed)
        for method in (SelfTraining(LogisticRegression()), Consistency(LogisticRegression(), [shaken])):
            ours, alone = method.fit(x[:500], labels), method.supervised(x[:500], labels)
            right = [(m.predict_proba(x[500:]).argmax(axis=1) == y[500:]).mean() for m in (ours, alone)]
            gains.setdefault(method.name, []).append(right[0] - right[1])
    assert all(np.mean(g) > 0.01 for g in gains.values()), gains


def test_the_schedule_grows_and_quotas_hold() -> None:
    x, y = blobs(400, 2)
    model = SelfTraining(LogisticRegression(), rounds=4, threshold=0.0, quota={0: 3, 1: 1}).fit(x, hidden(y, 10))
    assert isinstance(model, SemiModel)
    assert all(isinstance(r, Round) for r in model.rounds)
    taken = [r.taken for r in model.rounds]
    assert taken == sorted(taken)
    for r in model.rounds:
        most = np.ceil(380 * r.number / 4)
        assert r.per_class[0] <= np.ceil(0.75 * most)
        assert r.per_class[1] <= np.ceil(0.25 * most)
    assert sure_rows(
        np.array([0.9, 0.9, 0.9]), np.array([0, 0, 1]), threshold=0.5, most=2, shares=np.array([0.5, 0.5])
    ).tolist() == [0, 2]


def test_nobody_sure_leaves_the_supervised_model() -> None:
    x, y = blobs(60, 2, gap=0.0)
    labels = hidden(y, 12)
    for method in (
        SelfTraining(LogisticRegression(), threshold=1.0),
        CoTraining(LogisticRegression(), ([0], [1]), threshold=1.0),
        Consistency(LogisticRegression(), [shaken], threshold=1.0),
    ):
        model = method.fit(x, labels)
        assert (model.predict_proba(x) == method.supervised(x, labels).predict_proba(x)).all()
        assert any("supervised model" in note for note in model.notes)


def test_progress_is_told() -> None:
    x, y = blobs(60, 2)
    for method in (SelfTraining(LogisticRegression(), rounds=2), Consistency(LogisticRegression(), [shaken], rounds=2)):
        seen: list[tuple[int, int]] = []
        method.fit(x, hidden(y, 5), progress=lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SelfTraining(LogisticRegression(), rounds=0),
        lambda: SelfTraining(LogisticRegression(), threshold=1.5),
        lambda: SelfTraining(LogisticRegression(), most=0.0),
        lambda: SelfTraining(LogisticRegression(), quota="fair"),  # type: ignore[arg-type]
        lambda: SelfTraining(LogisticRegression(), weight=0.0),
        lambda: Propagation(k=0),
        lambda: Propagation(alpha=1.0),
        lambda: Propagation(metric="taxi"),  # type: ignore[arg-type]
        lambda: CoTraining(LogisticRegression(), ([0],)),  # type: ignore[arg-type]
        lambda: Consistency(LogisticRegression(), []),
    ],
)
def test_bad_parameters_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def test_unfit_learners_are_refused_kindly() -> None:
    from sklearn.svm import LinearSVC

    x, y = blobs(30)
    with pytest.raises(ConfigError, match="CalibratedClassifierCV"):
        SelfTraining(LinearSVC()).fit(x, hidden(y, 3))
    with pytest.raises(ConfigError, match="scikit-learn"):
        SelfTraining(object()).fit(x, hidden(y, 3))
    with pytest.raises(ConfigError, match="sample_weight"):
        SelfTraining(KNeighborsClassifier(3), soft=True, threshold=0.0).fit(x, hidden(y, 3))
    with pytest.raises(ConfigError, match="names"):
        SelfTraining(LogisticRegression(), quota={"x": 1.0}).fit(x, hidden(y, 3))


def test_the_short_names_are_the_classes() -> None:
    assert (self_training, propagation, co_training, consistency) == (
        SelfTraining,
        Propagation,
        CoTraining,
        Consistency,
    )
    x, y = blobs(30, 2)
    assert isinstance(SelfTraining(LogisticRegression()).supervised(x, y), Fitted)
    assert isinstance(CoTraining(LogisticRegression(), ([0], [1])).supervised(x, y), TwoViews)


def test_views_by_name_and_views_that_lose_rows() -> None:
    import pandas as pd

    x, y = blobs(60, 2)
    frame = pd.DataFrame(x, columns=["east", "north"])
    method = CoTraining(LogisticRegression(), (["east"], ["north"]))
    assert method.fit(frame, hidden(y, 8)).predict(frame).shape == (60,)
    with pytest.raises(ConfigError, match="keep them all"):
        CoTraining(LogisticRegression(), (lambda t: t[1:], lambda t: t)).fit(x, y)
