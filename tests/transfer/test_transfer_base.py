"""Frozen bases: rows in, the same features out; nothing is learnt and nothing is fetched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.transfer import (
    Base,
    Beside,
    Frozen,
    FrozenTransfer,
    LayerBase,
    LeafBase,
    TextEncoder,
    Transferred,
    frozen,
    text_encoder,
)


def table(n: int = 300, seed: int = 0) -> tuple[Any, Any]:
    x, y = make_classification(n, 8, n_informative=5, n_classes=3, n_clusters_per_class=1, random_state=seed)
    return x, y


def forest(x: Any, y: Any) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=5, num_leaves=6, verbose=-1, n_jobs=1, deterministic=True).fit(x, y > 0)


def bases(x: Any, y: Any) -> list[Base]:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    return [
        Frozen(PCA(3).fit(x)),
        Frozen(LogisticRegression().fit(x, y)),
        LeafBase(forest(x, y)),
        LayerBase(net, "2"),
        LayerBase(net),
    ]


def dense(m: Any) -> Any:
    return m.toarray() if hasattr(m, "toarray") else np.asarray(m)


def test_a_row_has_its_own_features_whatever_stands_beside_it() -> None:
    x, y = table()
    for base in bases(x, y):
        whole = dense(base.encode(x))
        assert len(whole) == len(x)
        assert np.allclose(dense(base.encode(x[[7]])), whole[[7]], atol=1e-6)
        assert np.allclose(dense(base.encode(x[::-1])), whole[::-1], atol=1e-6)
        assert dense(base.encode(x)).tolist() == whole.tolist()
        assert isinstance(base, Base)


def test_leaves_are_those_of_the_forest() -> None:
    x, y = table()
    model = forest(x, y)
    base = LeafBase(model)
    found = base.encode(x).toarray()
    assert (found.sum(axis=1) == 5).all()
    assert found.shape[1] == base.width
    leaves = model.predict(x, pred_leaf=True)
    same = (leaves[:, None] == leaves[None]).sum(axis=2)
    assert (found @ found.T == same).all()
    assert LeafBase(model, trees=2).encode(x).sum() == 2 * len(x)
    assert base.encode(x[:0]).shape == (0, base.width)
    with pytest.raises(ConfigError, match="LightGBM"):
        LeafBase(LogisticRegression())
    with pytest.raises(ConfigError):
        LeafBase(model, trees=0)


def test_a_layer_is_what_it_puts_out_and_the_module_is_left_as_it_was() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5), torch.nn.Linear(2, 1)).train()
    x = np.random.default_rng(0).normal(size=(10, 3))
    expected = net[0](torch.as_tensor(x, dtype=torch.float32)).detach().numpy()
    assert np.allclose(LayerBase(net, "1", batch=3).encode(x), expected, atol=1e-6)
    assert net.training
    assert not net[0]._forward_hooks
    assert LayerBase(net, "0").encode(sparse.csr_array(x)).shape == (10, 2)
    with pytest.raises(UnknownName):
        LayerBase(net, "9")


def test_a_head_on_a_frozen_base_learns_and_the_base_does_not() -> None:
    x, y = table(600)
    names = np.array(["a", "b", "c"])
    base = Frozen(PCA(5).fit(x))
    before = base.estimator.components_.copy()
    method = FrozenTransfer(base, LogisticRegression())
    assert frozen is FrozenTransfer
    labels = [*names[y[:400]], *[None] * 200]
    model = method.fit(x, labels)
    assert isinstance(model, Transferred)
    assert (model.predict(x[400:]) == names[y[400:]]).mean() > 0.7
    assert (base.estimator.components_ == before).all()
    beside = FrozenTransfer(base, LogisticRegression(), join=[LeafBase(forest(x, y))]).fit(x, labels)
    assert isinstance(beside.base, Beside)
    assert np.allclose(beside.predict_proba(x).sum(axis=1), 1)
    assert method.describe()["base"] == "Frozen"
    one = method.fit(x[:3], ["b", "b", None])
    assert one.predict(x).tolist() == ["b"] * 600


def test_what_is_no_base_is_refused() -> None:
    with pytest.raises(ConfigError, match="no base"):
        Frozen(object())
    with pytest.raises(ConfigError, match="not fitted"):
        Frozen(PCA(1)).encode(np.eye(3))

    class Halves:
        def encode(self, items: Any) -> Any:
            return np.asarray(items)[::2]

    with pytest.raises(DataError, match="one of each"):
        FrozenTransfer(Halves(), LogisticRegression()).fit(np.eye(4), [0, 1, 0, 1])


# ---- text ---------------------------------------------------------------------------------------------------

TEXTS = ["refund my money", "where is my parcel", "é", "refund my money", ""]


class Sentences:
    """Encodes as sentence-transformers' models do."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> Any:
        self.asked += texts
        return np.array([[len(t), t.count("m")] for t in texts], dtype=np.float32)


def test_encoders_from_functions_objects_and_vectorisers_agree() -> None:
    model = Sentences()
    found = text_encoder(model, batch=2).encode(TEXTS)
    assert found.tolist() == [[15, 3 - 1], [18, 1], [1, 0], [15, 2], [0, 0]]
    assert model.asked == list(dict.fromkeys(TEXTS)), "equal texts are encoded once"
    assert (text_encoder(Sentences().encode).encode(TEXTS) == found).all()
    lsa = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0)).fit(TEXTS)
    assert text_encoder(lsa).encode(TEXTS).shape == (5, 2)
    assert text_encoder(TfidfVectorizer().fit(TEXTS)).transform(TEXTS[:2]).shape[0] == 2
    assert text_encoder(model).encode([]).shape[0] == 0
    head = FrozenTransfer(text_encoder(model), LogisticRegression())
    assert head.fit(TEXTS, ["a", "b", "a", "a", None]).predict(TEXTS[:1]).tolist() == ["a"]


def test_rows_are_scaled_to_length_one_on_request() -> None:
    rows = {"a": [3.0, 4.0], "b": [0.0, 0.0], "c": [1e200, -1e200], "d": [1e-200, 0.0]}
    found = text_encoder(lambda texts: [rows[t] for t in texts], normalised=True).encode(list("abcd"))
    half = np.sqrt(0.5)
    assert np.allclose(found, [[0.6, 0.8], [0, 0], [half, -half], [1, 0]], rtol=1e-15, atol=0)
    assert text_encoder(lambda texts: np.zeros((len(texts), 0)), normalised=True).encode(["a"]).shape == (1, 0)
    assert (text_encoder(lambda texts: [rows[t] for t in texts]).encode(["a"]) == [[3.0, 4.0]]).all()


@pytest.mark.parametrize("normalised", [False, True])
def test_remembered_texts_are_not_encoded_again_and_others_are(normalised: bool) -> None:
    model = Sentences()
    encoder = text_encoder(model, batch=2, normalised=normalised)
    told: list[tuple[int, int]] = []
    known = encoder.remember(TEXTS, progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 4), (4, 4)]
    model.asked.clear()
    assert (known.encode(TEXTS) == encoder.encode(TEXTS)).all()
    assert model.asked == list(dict.fromkeys(TEXTS)), "asked by the encoder itself only"
    model.asked.clear()
    mixed = ["new", TEXTS[0], "newer", "new"]
    found = known.encode(mixed)
    assert model.asked == ["new", "newer"]
    assert (found == encoder.encode(mixed)).all()
    assert text_encoder(model).remember([]).encode(["é"]).tolist() == [[1.0, 0.0]]


def test_bad_texts_and_bad_encoders_are_refused() -> None:
    with pytest.raises(DataError) as error:
        text_encoder(Sentences()).encode(["a", 3])  # type: ignore[list-item]
    assert error.value.row == 2
    with pytest.raises(DataError, match="one row each"):
        TextEncoder(lambda texts: [[1.0]]).encode(["a", "b"])
    with pytest.raises(DataError, match="not finite"):
        TextEncoder(lambda texts: [[np.nan] for _ in texts]).encode(["a"])
    with pytest.raises(ConfigError):
        TextEncoder(len, batch=0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="made 1 numbers a text, then 2"):
        TextEncoder(lambda texts: [[1.0] * len(texts[0])], batch=1).encode(["a", "ab"])
    with pytest.raises(ConfigError, match="local folder"):
        text_encoder(3)
