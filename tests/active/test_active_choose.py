"""One round: strategies by name, costs, cold starts, texts; and the way to the labelling project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from hindcast.active import STRATEGIES, Choice, Pool, Strategy, choose, committee, feed, strategy_of
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labelling import Item, Project


def task(n: int = 200, seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 4))
    y = np.where(x[:, 0] + x[:, 1] > 0, "up", "down")
    return x, y, LogisticRegression().fit(x[:30], y[:30])


def model_for(name: str, model: Any, x: Any, y: Any) -> Any:
    return committee(LogisticRegression(), x[:30], y[:30]) if strategy_of(name).needs_committee else model


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_chooses_different_items_and_the_same_again(name: str) -> None:
    x, y, model = task()
    known = model_for(name, model, x, y)
    first, again = (choose(known, x[30:], x[:30], strategy=name, n=12, seed=5) for _ in range(2))
    assert isinstance(first, Choice)
    assert first.places.tolist() == again.places.tolist()
    assert len(set(first.places.tolist())) == 12
    thin = choose(known, sparse.csr_array(x[30:]), sparse.csr_array(x[:30]), strategy=name, n=12, seed=5)
    assert thin.places.tolist() == first.places.tolist()
    assert (first.score >= 0).all()


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_one_item_no_items_and_more_wanted_than_there_are(name: str) -> None:
    x, y, model = task()
    known = model_for(name, model, x, y)
    assert choose(known, x[:1], strategy=name, n=5).places.tolist() == [0]
    nothing = choose(known, x[:0], strategy=name)
    assert len(nothing) == 0
    assert nothing.notes
    few = choose(known, x[:4], strategy=name, n=9)
    assert sorted(few.places.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confidence"])
def test_uncertainty_asks_near_the_boundary(name: str) -> None:
    x, _, model = task(400)
    lead = np.abs(model.decision_function(x))
    chosen = choose(model, x, strategy=name, n=10).places
    assert set(chosen.tolist()) == set(np.argsort(lead)[:10].tolist())


def test_texts_alike_but_for_case_and_spaces_are_asked_once() -> None:
    pool = ["My  parcel", "my parcel", "refund", "REFUND ", "hello"]
    assert len(choose(None, pool, strategy="random", n=5)) == 3
    assert len(choose(None, pool, ["HELLO"], strategy="random", n=5)) == 2
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["parcel", "refund"], ["p", "r"])
    chosen = choose(pipeline, pool, strategy="badge", n=5)
    assert len({pool[p].casefold().strip().replace("  ", " ") for p in chosen.places}) == len(chosen)
    for name in ("margin", "cluster", "k_centre", "mixed", "gradient_length", "density"):
        assert len(choose(pipeline, pool, ["refund"], strategy=name, n=2)) == 2


def test_without_a_model_it_is_random_and_says_so() -> None:
    x, _, _ = task()
    cold = choose(None, x, strategy="margin", n=5, seed=1)
    assert "no model" in cold.notes[0]
    assert cold.places.tolist() == choose(None, x, strategy="random", n=5, seed=1).places.tolist()
    assert not choose(None, x, strategy="k_centre", n=5).notes
    assert "no model" in choose(None, ["a", "b"], strategy="k_centre", n=1).notes[0]


def test_score_per_cost_within_a_budget() -> None:
    x, _, model = task(300)
    cost = np.where(np.arange(300) % 2, 1.0, 10.0)
    chosen = choose(model, x, n=20, cost=cost)
    score = 1 - np.abs(np.diff(model.predict_proba(x), axis=1)).ravel()
    assert set(chosen.places.tolist()) == set(np.argsort(-score / cost)[:20].tolist())
    poor = choose(model, x, n=20, cost=cost, budget=7.5)
    assert poor.spent <= 7.5
    assert len(poor) == 7
    assert choose(model, x, n=3, budget=2).spent == 2
    for bad in ([1.0, -1.0], [1.0, np.nan], [0.0, 1.0]):
        with pytest.raises(DataError):
            choose(model, x[:2], cost=bad)


def test_a_strategy_of_ones_own() -> None:
    x, _, model = task()

    def southern(pool: Pool) -> Any:
        return np.maximum(-pool.features[:, 1], 0.0)

    chosen = choose(model, x, strategy=Strategy(southern), n=3)
    assert chosen.places.tolist() == np.argsort(x[:, 1])[:3].tolist()
    assert chosen.strategy == "southern"
    with pytest.raises(ConfigError, match="shape"):
        choose(model, x, strategy=Strategy(lambda pool: np.zeros(2)), n=3)


def test_bad_questions_are_refused() -> None:
    x, _, model = task()
    with pytest.raises(UnknownName, match="margin"):
        choose(model, x, strategy="margn")
    with pytest.raises(UnknownName):
        Strategy("margin", "topp")
    with pytest.raises(ConfigError, match="committee"):
        choose(model, x, strategy="vote_entropy")
    with pytest.raises(ConfigError):
        choose(model, x, n=0)
    with pytest.raises(ConfigError):
        choose(model, x, budget=-1.0)
    with pytest.raises(ConfigError, match="predict_proba"):
        choose(object(), x)
    with pytest.raises(ConfigError):
        Strategy(density=-1.0)
    with pytest.raises(DataError, match="rows of features"):
        choose(model, x, strategy="k_centre", features=x[:3])

    class Blind:
        classes_ = np.array([0, 1])

        def predict_proba(self, texts: Any) -> Any:
            return np.full((len(texts), 2), 0.5)

    with pytest.raises(ConfigError, match="features="):
        choose(Blind(), ["a", "b"], strategy="k_centre")
    assert len(choose(Blind(), ["a", "b"], strategy="k_centre", features=lambda t: np.eye(2), n=2)) == 2


def test_what_is_chosen_comes_first_on_the_labelling_page(tmp_path: Path) -> None:
    texts = [f"comment {i}" for i in range(30)]
    ids = [f"c{i}" for i in range(30)]
    x = np.random.default_rng(0).normal(size=(30, 2))
    model = LogisticRegression().fit(x, np.arange(30) % 2)
    with Project.create(tmp_path / "spam", name="spam", classes=["ham", "spam"], overlap=1) as project:
        project.add_items([Item(i, t) for i, t in zip(ids, texts, strict=True)])
        ann = project.annotator_of(project.add_annotator("Ann"))
        assert ann is not None
        choice = choose(model, x, n=4)
        assert feed(project, choice, ids) == 4
        asked = []
        for _ in range(4):
            task_ = project.next(ann)
            assert task_ is not None
            asked.append(task_.item.id)
            project.answer(ann, task_.item.id, "ham", key=task_.item.id)
        assert asked == [ids[p] for p in choice.places]
        with pytest.raises(DataError, match="give them all"):
            feed(project, choice, ids[:1])
    first = choice.tasks(ids)[0]
    assert first[0] == asked[0]
    assert first[1] == 1.0
    assert first[2].startswith("margin: 1 of 4, score ")
