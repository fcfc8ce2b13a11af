"""The end model: soft labels as weights, with any classifier, and beyond what functions cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError
from hindcast.weak import EndModel, FittedEndModel, apply, keyword, text_classifier
from hindcast.weak.end_model import rows_of


def blobs(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(size=(n, 2)) + 2.0 * y[:, None], y


def soft(y, sure=0.8, k=2):
    out = np.full((len(y), k), (1 - sure) / (k - 1))
    out[np.arange(len(y)), y] = sure
    return out


def test_soft_labels_are_weights_of_both_classes():
    x, y = blobs(50)
    shares = soft(y, 0.7)
    made = EndModel(LogisticRegression(tol=1e-10, max_iter=1_000)).fit(x, shares)
    own = LogisticRegression(tol=1e-10, max_iter=1_000).fit(
        np.repeat(x, 2, axis=0), np.tile([0, 1], 50), sample_weight=shares.ravel()
    )
    np.testing.assert_allclose(made.predict_proba(x), own.predict_proba(x), atol=1e-8)


def test_certain_labels_are_ordinary_training():
    x, y = blobs(60)
    made = EndModel(GaussianNB()).fit(x, soft(y, 1.0))
    np.testing.assert_allclose(made.predict_proba(x), GaussianNB().fit(x, y).predict_proba(x))


def test_probabilities_come_out_as_they_went_in():
    shares = np.tile([0.25, 0.75], (40, 1))
    made = EndModel(DummyClassifier(strategy="prior")).fit(np.zeros((40, 1)), shares)
    np.testing.assert_allclose(made.predict_proba(np.zeros((1, 1))), [[0.25, 0.75]])
    made = EndModel(KNeighborsClassifier(n_neighbors=400)).fit(np.zeros((40, 1)), shares)
    np.testing.assert_allclose(made.predict_proba(np.zeros((1, 1))), [[0.25, 0.75]], atol=0.01)
    assert "takes no weights" in made.notes[0]


def test_rows_without_votes_are_left_out_unless_they_are_kept():
    x, y = blobs(100)
    shares = soft(y)
    covered = np.arange(100) < 60
    made = EndModel(GaussianNB()).fit(x, shares, covered=covered)
    own = EndModel(GaussianNB()).fit(x[:60], shares[:60])
    np.testing.assert_array_equal(made.predict_proba(x), own.predict_proba(x))
    assert made.rows == 60
    assert made.notes == ("40 of 100 rows without a vote were left out",)
    assert EndModel(GaussianNB(), uncovered="keep").fit(x, shares, covered=covered).rows == 100


@pytest.mark.parametrize(
    "hold", [np.asarray, sparse.csr_matrix, pd.DataFrame, lambda x: Frame.of({"a": x[:, 0], "b": x[:, 1]})]
)
def test_whatever_holds_the_rows(hold):
    x, y = blobs()
    model = LogisticRegression()
    made = EndModel(model).fit(hold(x), soft(y), covered=np.arange(400) % 2 == 0)
    plain = EndModel(model).fit(x, soft(y), covered=np.arange(400) % 2 == 0)
    np.testing.assert_allclose(made.predict_proba(hold(x)), plain.predict_proba(x), atol=1e-6)
    assert not hasattr(model, "coef_"), "the classifier given is never changed"


def test_pipelines_and_weights():
    x, y = blobs()
    weight = np.where(np.arange(400) < 300, 1.0, 0.0)
    made = EndModel(make_pipeline(StandardScaler(), LogisticRegression())).fit(x, soft(y), weight=weight)
    assert made.rows == 300
    own = EndModel(make_pipeline(StandardScaler(), LogisticRegression())).fit(x[:300], soft(y[:300]))
    np.testing.assert_allclose(made.predict_proba(x), own.predict_proba(x))


def test_many_classes_one_of_which_nobody_names():
    x, y = blobs()
    shares = np.zeros((400, 4))
    shares[:, [1, 3]] = soft(y)
    made = EndModel(GaussianNB()).fit(x, shares, classes=["a", "b", "c", "d"])
    assert (made.predict_proba(x)[:, [0, 2]] == 0).all()
    assert set(made.predict(x)) == {"b", "d"}
    assert made.classes_.tolist() == ["a", "b", "c", "d"]
    assert made.predict([]) == []


def test_texts_beyond_what_the_functions_see():
    rng = np.random.default_rng(0)
    spam, ham = ["win", "cash", "prize", "click"], ["lunch", "noon", "see", "home"]
    y = rng.integers(0, 2, 300)
    texts = [" ".join(rng.choice(spam if label else ham, 3)) for label in y]
    votes = apply([keyword("win", 1), keyword("noon", 0)], texts, classes=[0, 1])
    shares = np.where(votes.matrix.max(axis=1, keepdims=True) == 1, [[0.1, 0.9]], [[0.9, 0.1]])
    made = EndModel().fit(texts, shares, classes=votes.classes, covered=votes.covered)
    assert 0.4 < votes.covered.mean() < 0.8
    unseen = [i for i in range(300) if not votes.covered[i]]
    right = np.array(made.predict([texts[i] for i in unseen])) == y[unseen]
    assert right.mean() > 0.95
    again = EndModel(text_classifier()).fit(texts, shares, covered=votes.covered)
    np.testing.assert_allclose(made.predict_proba(texts), again.predict_proba(texts), atol=1e-9)
    assert made.predict(Frame.of({"text": ["cash prize", None]}))[0] == 1


def test_what_cannot_be_trained_on():
    x, y = blobs(10)
    model = EndModel(GaussianNB())
    for arguments, options, match in (
        ((x, soft(y)[:5]), {}, "10 rows came with probabilities"),
        ((x, soft(y) * 2), {}, "sum to 1"),
        ((x, np.full((10, 2), np.nan)), {}, "sum to 1"),
        ((x, soft(y)), {"covered": np.zeros(10, dtype=bool)}, "no row has a vote"),
        ((x, soft(y)), {"covered": np.zeros(10)}, "one boolean per row"),
        ((x, soft(y)), {"weight": [1.0]}, "a weight is a number"),
        ((x, np.tile([1.0, 0.0], (10, 1))), {}, "all labels are 0"),
        ((x[:0], soft(y)[:0]), {}, "no row has a vote"),
        ((x, soft(y)), {"classes": ["a"]}, "1 classes"),
    ):
        with pytest.raises(DataError, match=match):
            model.fit(*arguments, **options)
    with pytest.raises(ConfigError, match="Known: drop, keep"):
        EndModel(uncovered="no")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no predict_proba"):
        EndModel(object())
    with pytest.raises(ConfigError, match="one column of text"):
        model.fit(Frame.of({"a": ["x"], "b": ["y"]}), [[1.0, 0.0]])


def test_rows_of_anything():
    places = np.array([2, 0])
    assert rows_of(["a", "b", "c"], places) == ["c", "a"]
    assert rows_of(np.arange(3), places).tolist() == [2, 0]
    assert rows_of(pd.Series(list("abc")), places).tolist() == ["c", "a"]
    x, y = blobs(20)
    assert isinstance(EndModel(GaussianNB()).fit(x, soft(y)), FittedEndModel)
