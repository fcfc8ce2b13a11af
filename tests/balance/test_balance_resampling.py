"""Steps that draw, make, clean or weigh rows by class: their laws, on rows of a system file and on plain arrays."""

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hindcast import balance as b
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics import Costs
from hindcast.trainset.rows import Rows, Step, apply_steps

STEPS = [
    b.undersample(0.5),
    b.undersample(rate=0.3),
    b.oversample(0.8),
    b.smote(k=3),
    b.borderline_smote(k=3, ratio=0.7),
    b.adasyn(k=4, ratio=0.7),
    b.tomek_links(),
    b.tomek_links(of="all"),
    b.edited_nearest_neighbours(k=2, agree="mode"),
    b.smote_tomek(),
    b.smote_enn(k=2),
    b.class_weights("sqrt"),
    b.cost_weights(Costs.binary(miss=9, false_alarm=1)),
]
by_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: "-".join(map(str, step.describe().values())))


def mixed_rows(n=120, seed=0):
    """Overlapping classes, one in six rare, over columns of every kind with holes in them."""
    random = np.random.default_rng(seed)
    label = (np.arange(n) % 6 == 0).astype(float)
    x = random.normal(size=n) + label
    x[random.random(n) < 0.1] = np.nan
    word = np.where(random.random(n) < 0.1, None, random.choice(["é", "b", "c"], n))
    return Rows.of(
        Frame.of(
            {
                "x": x,
                "age": [None if r < 0.05 else int(20 + 10 * r) for r in random.random(n)],
                "word": word.tolist(),
                "yes": [bool(v) for v in random.random(n) < 0.4],
                "list": [(1.0, 2.0)] * n,
                "constant": np.zeros(n),
                "__row": np.arange(n),
            }
        ),
        label,
        weight=random.uniform(0.5, 2.0, n),
        as_of=np.arange(n) * 10,
    )


def content(rows):
    return [
        tuple(map(repr, row.values())) + extra
        for row, extra in zip(
            rows.features.rows(),
            zip(rows.label.tolist(), rows.weight.tolist(), rows.as_of.tolist(), strict=True),
            strict=True,
        )
    ]


@by_step
def test_a_step_is_a_step_and_the_same_seed_gives_the_same_rows(step):
    rows = mixed_rows()
    assert isinstance(step, Step)
    once, again = step.apply(rows, 3), step.apply(rows, 3)
    assert content(once) == content(again)
    assert step == replace(step)
    assert step.describe()["step"] == step.name
    assert content(apply_steps(rows, [step], 1))


@by_step
def test_real_rows_are_never_changed_and_made_ones_come_after(step):
    rows = mixed_rows()
    after = step.apply(rows, 5)
    if "weights" in step.name:
        assert after.features is rows.features
        assert after.weight.sum() == pytest.approx(rows.weight.sum())
        return
    known, found = set(content(rows)), content(after)
    codes = (rows.label == 1).astype(int)
    kept = len(step.draw(rows.features, codes, np.bincount(codes), 5).places)
    assert known.issuperset(found[:kept])
    if len(found) > kept:
        assert step.name in ("smote", "borderline_smote", "adasyn", "smote_tomek", "smote_enn")
        made = after.take(np.arange(kept, len(found)))
        assert set(made.label) == {1.0}
        x, known_x = made.features["x"].values, rows.features["x"].values
        inside = x[~np.isnan(x)]
        assert inside.min() >= np.nanmin(known_x) - 1e-9
        assert inside.max() <= np.nanmax(known_x) + 1e-9
        assert set(made.features["word"].objects()) <= {"é", "b", "c", None}
        assert made.features["age"].kind == "integer"
        assert made.features["list"].objects()[0] == (1.0, 2.0)
        assert set(made.as_of.tolist()) <= set(rows.as_of[rows.label == 1].tolist())
    assert after.features.kinds == rows.features.kinds
    assert (np.diff(after.as_of[:kept]) >= 0).all()


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0.05, 1), st.integers(0, 5))
def test_undersampling_leaves_the_asked_ratio(labels, ratio, seed):
    codes = np.array(labels)
    if len(set(labels)) < 2:
        with pytest.raises(DataError, match="two classes"):
            b.resample(codes[:, None], codes, b.undersample(ratio), seed=seed)
        return
    after = b.resample(codes[:, None], codes, b.undersample(ratio), seed=seed)
    before = np.unique(codes, return_counts=True)[1]
    left = np.unique(after.y, return_counts=True)[1]
    assert left.tolist() == np.minimum(before, max(1, round(before.min() / ratio))).tolist()
    assert len(set(after.place.tolist())) == len(after.place)
    assert (after.X[:, 0] == after.y).all()


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=60), st.floats(0.05, 1), st.integers(0, 5))
def test_oversampling_repeats_fairly(labels, ratio, seed):
    if len(set(labels)) < 2:
        return
    after = b.resample([[k] for k in range(len(labels))], labels, b.oversample(ratio), seed=seed)
    names, before = np.unique(labels, return_counts=True)
    found = dict(zip(*np.unique(after.y, return_counts=True), strict=True))
    for name, count in zip(names, before, strict=True):
        assert found[name] == max(count, round(ratio * before.max()))
        times = [np.sum(after.place == k) for k, label in enumerate(labels) if label == name]
        assert max(times) - min(times) <= 1
    assert [row[0] for row in after.X] == after.place.tolist()


def test_every_row_of_a_class_is_as_likely_to_stay():
    codes = np.r_[np.zeros(20, int), np.ones(5, int)]
    stays = np.zeros(25)
    for seed in range(400):
        stays[b.resample(codes[:, None], codes, b.undersample(1.0), seed=seed).place] += 1
    assert (stays[20:] == 400).all()
    assert np.abs(stays[:20] - 100).max() < 5 * np.sqrt(400 * 0.25 * 0.75)


@pytest.mark.parametrize("kind", ["array", "float32", "integer", "sparse", "frame", "pandas", "polars", "objects"])
@pytest.mark.parametrize("step", [b.undersample(), b.smote(k=2), b.smote_tomek(k=2), b.tomek_links()])
def test_any_kind_of_rows_comes_back_as_it_was(kind, step):
    random = np.random.default_rng(1)
    numbers = random.normal(size=(60, 3)) * [1, 10, 100]
    y = np.array(["no"] * 40 + ["yes"] * 8 + ["perhaps"] * 12)
    words = random.choice(["u", "v"], 60)
    X = {
        "array": numbers,
        "float32": numbers.astype(np.float32),
        "integer": numbers.astype(np.int32),
        "sparse": sparse.csr_array(np.where(np.abs(numbers) < 5, 0, numbers)),
        "frame": Frame.of({"x": numbers[:, 0], "w": words.tolist()}),
        "pandas": pd.DataFrame({"x": numbers[:, 0], "w": words}),
        "polars": pl.DataFrame({"x": numbers[:, 0], "w": words.tolist()}),
        "objects": np.stack([numbers[:, 0].astype(object), words.astype(object)], axis=1),
    }[kind]
    after = b.resample(X, y, step, seed=2)
    assert type(after.X) is type(X)
    rows = after.X.shape[0] if hasattr(after.X, "shape") else len(after.X)
    assert rows == len(after.y) == len(after.weight) == len(after.place)
    if hasattr(X, "dtype"):
        assert after.X.dtype == X.dtype
    if kind in ("pandas", "polars"):
        assert list(after.X.columns) == ["x", "w"]
        assert list(after.X.dtypes) == list(X.dtypes)
    if step.name == "smote":
        assert np.unique(after.y, return_counts=True)[1].tolist() == [40, 40, 40]
        assert (after.place[60:] == -1).all()
    assert after.y.dtype.kind == "U"


def test_a_made_row_lies_between_two_of_its_class_by_hand():
    X = np.array([[0.0, 0.0], [2.0, 4.0], *[[10.0 + k, k] for k in range(8)]])
    y = np.r_[1, 1, np.zeros(8, int)]
    made = b.resample(X, y, b.smote(k=5)).X[10:]
    assert made.shape == (6, 2)
    assert np.allclose(made[:, 1], 2 * made[:, 0])
    assert ((made[:, 0] >= 0) & (made[:, 0] <= 2)).all()


def test_units_do_not_rule_who_is_a_neighbour():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(80, 2)), (np.arange(80) % 8 == 0).astype(int)
    one = b.resample(X, y, b.smote(k=2), seed=1)
    other = b.resample(X * [1, 1000.0], y, b.smote(k=2), seed=1)
    assert np.allclose(one.X * [1, 1000.0], other.X)


def test_missing_values_of_arrays_stay_missing():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(80, 2)), (np.arange(80) % 8 == 0).astype(int)
    X[y == 1, 1] = np.nan
    made = b.resample(X, y, b.smote(k=2)).X[80:]
    assert np.isnan(made[:, 1]).all()
    assert not np.isnan(made[:, 0]).any()


def test_columns_that_are_all_categories():
    random = np.random.default_rng(0)
    frame = Frame.of({"a": random.choice(["x", "y", "z"], 60).tolist(), "b": (random.random(60) < 0.5).tolist()})
    y = (np.arange(60) % 10 == 0).astype(int)
    for step in (b.smote(), b.smote_tomek(), b.tomek_links(), b.smote_enn()):
        after = b.resample(frame, y, step)
        assert set(after.X["a"].objects()) <= {"x", "y", "z"}
        assert after.X.kinds == frame.kinds
    bools = random.random((60, 3)) < 0.5
    assert b.resample(bools, y, b.smote()).X.dtype == bool


def test_numbers_that_never_vary_do_no_harm():
    frame = Frame.of({"a": ["x", "y"] * 30, "c": [1.0] * 60})
    after = b.resample(frame, (np.arange(60) % 10 == 0).astype(int), b.smote())
    assert set(after.X["c"].values) == {1.0}


def test_a_class_with_fewer_rows_than_neighbours_takes_what_it_has():
    X, y = np.arange(20.0)[:, None], np.r_[1, 1, np.zeros(18, int)]
    assert len(b.resample(X, y, b.smote(k=5)).y) == 36
    with pytest.raises(DataError, match=r"1 row; use oversample"):
        b.resample(X, np.r_[1, np.zeros(19, int)], b.smote())


def test_nothing_to_do_changes_nothing():
    rows = mixed_rows()
    even = rows.take(np.r_[np.flatnonzero(rows.label == 1), np.flatnonzero(rows.label == 0)[:20]])
    for step in (b.undersample(), b.oversample(), b.smote(), b.adasyn(), b.borderline_smote()):
        assert content(step.apply(even, 0)) == content(even)


def test_adasyn_and_borderline_say_when_there_is_no_border():
    X, y = np.r_[np.arange(20.0), np.arange(1000.0, 1006)][:, None], np.r_[np.zeros(20, int), np.ones(6, int)]
    with pytest.raises(DataError, match="use smote"):
        b.resample(X, y, b.adasyn(k=3))
    with pytest.raises(DataError, match="use smote"):
        b.resample(X, y, b.borderline_smote(k=3, among=3))


def test_tomek_links_and_edited_neighbours_by_hand():
    X, y = np.array([0.0, 1.0, 1.1, 5.0, 6.0, 6.1, 6.2])[:, None], np.array([0, 0, 1, 1, 0, 0, 0])
    assert b.resample(X, y, b.tomek_links()).place.tolist() == [0, 2, 3, 4, 5, 6]
    assert b.resample(X, y, b.tomek_links(of="all")).place.tolist() == [0, 3, 4, 5, 6]
    assert b.resample(X, y, b.edited_nearest_neighbours(k=1)).place.tolist() == [0, 2, 3, 4, 5, 6]


def test_soft_labels_follow_their_rows_but_make_none():
    rows = Rows.of(Frame.of({"x": np.arange(12.0)}), [0.9, 0.2, *[0.0] * 10])
    assert b.undersample().apply(rows, 0).label.tolist()[0] == 0.9
    with pytest.raises(DataError, match="row 1"):
        b.smote().apply(Rows.of(rows.features, [0.9, 0.9, *[0.0] * 10]), 0)


# ---- weights ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 50), min_size=2, max_size=5))
def test_weights_of_classes_are_those_of_their_papers(counts):
    from sklearn.utils.class_weight import compute_class_weight

    y = np.repeat(np.arange(len(counts)), counts)
    found = b.weight_of_classes(y)
    assert list(found.values()) == pytest.approx(compute_class_weight("balanced", classes=np.unique(y), y=y))
    assert b.weight_of_classes(y, "inverse") == pytest.approx(found)
    for how in ("balanced", "sqrt", "effective"):
        by_rows = b.weight_of_classes(y, how, beta=0.9)
        assert sum(by_rows[label] for label in y) == pytest.approx(len(y))
    cui = [(1 - 0.9) / (1 - 0.9**n) for n in counts]
    cui = np.array(cui) * len(counts) / sum(cui)
    effective = b.weight_of_classes(y, "effective", beta=0.9, normalise="classes")
    assert list(effective.values()) == pytest.approx(cui)
    assert list(b.weight_of_classes(y, "effective", beta=0.0).values()) == pytest.approx([1.0] * len(counts))
    nearly = b.weight_of_classes(y, "effective", beta=1 - 1e-9)
    assert list(nearly.values()) == pytest.approx(list(found.values()), rel=1e-4)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=2, max_size=20), st.integers(0, 12))
def test_a_weighted_soft_label_is_its_two_weighted_halves(pairs, which):
    label, weight = (np.array(column) for column in zip(*pairs, strict=True))
    label[0], label[1] = 0.0, 1.0
    rows = Rows.of(Frame.of({"x": np.arange(len(label))}), label, weight=weight)
    step = STEPS[11 + which % 2]
    after = step.apply(rows, 0)
    factor = step.by_class(np.array([(weight * (1 - label)).sum(), (weight * label).sum()]), (0, 1))
    assert after.weight * after.label == pytest.approx(weight * label * factor[1])
    assert after.weight * (1 - after.label) == pytest.approx(weight * (1 - label) * factor[0])
    assert after.weight.sum() == pytest.approx(weight.sum())


def test_balanced_weights_equal_the_base_rate_of_oversampling():
    rows = mixed_rows()
    assert b.class_weights().apply(rows, 0).base_rate == pytest.approx(0.5)
    even = rows.having(weight=np.ones(len(rows)))
    assert b.oversample().apply(even, 0).base_rate == pytest.approx(0.5)


def test_cost_weights_put_the_threshold_at_one_half():
    costs = Costs.binary(miss=9, false_alarm=1)
    rows = Rows.of(Frame.of({"x": [0.0] * 10}), [1, *[0] * 9])
    assert b.cost_weights(costs).apply(rows, 0).base_rate == pytest.approx(0.5)
    after = b.resample(
        np.zeros((3, 1)), ["a", "b", "c"], b.cost_weights(Costs([[0, 2, 4], [1, 0, 1], [1, 1, 0]], ["a", "b", "c"]))
    )
    assert after.weight == pytest.approx(np.array([3, 1, 1]) * 3 / 5)
    assert b.CostWeights(costs).describe()["costs"]["cost"] == [[0, 1], [9, 0]]


# ---- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: b.undersample(0.5, rate=0.5),
        lambda: b.undersample(0),
        lambda: b.undersample(rate=1.5),
        lambda: b.oversample(1.1),
        lambda: b.smote(k=0),
        lambda: b.smote(k=2.5),
        lambda: b.borderline_smote(kind=3),
        lambda: b.adasyn(ratio=-1),
        lambda: b.tomek_links(of="rare"),
        lambda: b.edited_nearest_neighbours(agree="some"),
        lambda: b.class_weights("balance"),
        lambda: b.class_weights("effective", beta=1.0),
        lambda: b.cost_weights("miss"),
        lambda: b.cost_weights(Costs([[0, 0], [1, 0]])),
        lambda: b.weight_of_classes([0, 1], normalise="all"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make):
    with pytest.raises(ConfigError):
        make()


@by_step
def test_one_class_or_no_rows_is_told(step):
    rows = mixed_rows()
    if step.name == "cost_weights":
        assert len(step.apply(rows.take(rows.label == 1), 0)) == 20
        return
    for part in (rows.take(rows.label == 1), rows.take(np.zeros(0, dtype=int))):
        with pytest.raises(DataError, match="classes"):
            step.apply(part, 0)


@pytest.mark.parametrize("step", [b.smote(), b.adasyn(), b.tomek_links(), b.smote_enn()])
def test_without_a_column_there_are_no_neighbours(step):
    with pytest.raises(DataError, match="no column to seek neighbours in"):
        b.resample(np.zeros((6, 0)), [0, 0, 0, 0, 1, 1], step)


def test_columns_of_moments_are_copied_and_categories_of_pandas_stay():
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": random.normal(size=60),
            "c": pd.Categorical(random.choice(["a", "b"], 60)),
            "at": pd.date_range("2020-01-01", periods=60, tz="UTC"),
        }
    )
    after = b.resample(table, pd.Series(np.arange(60) % 6 == 0), b.smote(3))
    assert list(after.X.dtypes) == list(table.dtypes)
    assert set(after.X["at"][60:]) <= set(table["at"][::6])
    assert after.y.dtype == bool


def test_labels_and_weights_are_checked():
    with pytest.raises(DataError, match="row 2"):
        b.resample([[1], [2]], ["a", None], b.undersample())
    with pytest.raises(DataError, match="one of each"):
        b.resample([[1], [2]], ["a"], b.undersample())
    with pytest.raises(DataError, match="above zero"):
        b.resample([[1], [2]], ["a", "b"], b.undersample(), weight=[1, 0])
    with pytest.raises(ConfigError, match="a step that balances"):
        b.resample([[1], [2]], ["a", "b"], "smote")
    with pytest.raises(DataError, match="shape"):
        b.resample(np.zeros(4), [0, 1, 0, 0], b.smote())
    with pytest.raises(DataError, match="fill it"):
        b.resample(sparse.csr_array([[np.nan], [1.0]]), [0, 1], b.tomek_links())
    with pytest.raises(UnknownName, match="balanced"):
        b.class_weights("balancd")


def test_without_the_library_it_says_what_to_install(monkeypatch):
    def no_imblearn(name, *args, **kwargs):
        if name.startswith("imblearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    real = importlib.import_module
    monkeypatch.setattr("hindcast.balance.neighbours.import_module", no_imblearn)
    rows = mixed_rows()
    with pytest.raises(ConfigError, match=r"pip install hindcast\[imbalance\]"):
        b.smote().apply(rows, 0)
    with pytest.raises(ConfigError, match=r"pip install hindcast\[imbalance\]"):
        b.tomek_links().apply(rows, 0)
    assert len(b.undersample().apply(rows, 0)) == 40


@given(st.integers(0, 3), st.sampled_from(["borderline_smote", "adasyn", "smote"]))
@settings(max_examples=12)
def test_many_classes_reach_the_ratio(seed, how):
    random = np.random.default_rng(seed)
    y = random.choice(3, 150, p=[0.7, 0.2, 0.1])
    X = random.normal(size=(150, 2)) + y[:, None] * 0.5
    after = b.resample(X, y, getattr(b, how)(ratio=0.9), seed=seed)
    counts = np.bincount(after.y)
    assert (counts >= 0.8 * counts.max()).all()
    assert (after.X[:150] == X).all()


def _table():
    return pd.DataFrame(
        {
            "x": [0.0, 1, 2, 3, 4, 5, 6, 7],
            "word": list("aabbabab"),
            "whole": [1, 2, 3, 4, 5, 6, 7, None],
            "at": pd.date_range("2020-01-01", periods=8),  # of no time zone
            "flag": [True, False] * 4,
        }
    )


@pytest.mark.parametrize("step", [b.smote(k=1), b.adasyn(k=2), b.tomek_links(of="all"), b.smote_enn(k=1, edit_k=1)])
@pytest.mark.parametrize(
    "of",
    [
        lambda t: t.set_index(pd.Index([3] * 8)),
        lambda t: t.convert_dtypes(),
        lambda t: t.astype({"word": "category"}),
        lambda t: t.rename(columns={"x": 0, "whole": 1}),
        pl.DataFrame,
        pa.table,
    ],
)
def test_data_frames_of_any_make_keep_their_types(of, step):
    X = of(_table())
    after = b.resample(X, [0, 0, 0, 0, 0, 0, 1, 1], step)
    assert type(after.X) is type(X)
    assert len(after.X) == len(after.y) == len(after.place)
    if isinstance(X, pa.Table):
        assert after.X.schema == X.schema
    else:
        assert list(after.X.dtypes) == list(X.dtypes)
    moments = {str(v) for v in (X["at"].to_pylist() if isinstance(X, pa.Table) else X["at"])}
    made = after.X["at"].to_pylist() if isinstance(X, pa.Table) else after.X["at"]
    assert {str(v) for v in made} <= moments


@pytest.mark.parametrize(
    "y",
    [
        pa.array(["a", "b", "a"]),
        pa.chunked_array([["a", "b"], ["a"]]),
        pl.Series(["a", "b", "a"]),
        pd.Categorical(["a", "b", "a"]),
        pd.Series(["a", "b", "a"], index=[7, 7, 7]),
        (name for name in "aba"),
    ],
)
def test_labels_come_in_any_column(y):
    after = b.resample(pa.table({"x": [1, 2, 3]}), y, b.oversample())
    assert after.y.tolist() == ["a", "b", "b", "a"]
    assert after.X["x"].to_pylist() == [1, 2, 2, 3]


def test_what_is_no_column_of_labels_is_refused_kindly():
    rows = [[1], [2], [3]]
    for missing in (pd.array([1, None, 0], dtype="Int64"), pd.Series(["a", None, "b"], dtype="string")):
        with pytest.raises(DataError, match="row 2"):
            b.resample(rows, missing, b.oversample())
    for y in ("aba", {"a": 1, "b": 2, "c": 3}, None, 5):
        with pytest.raises(DataError, match="one label per row"):
            b.resample(rows, y, b.oversample())
    with pytest.raises(DataError, match="several"):
        b.resample(rows, [["a"], ["b"], ["a"]], b.oversample())
    for X in (None, {"x": [1, 2, 3]}, np.float32(1)):
        with pytest.raises(DataError, match="X holds rows"):
            b.resample(X, ["a", "b", "a"], b.oversample())
    with pytest.raises(DataError, match="weights must be numbers"):
        b.resample(rows, ["a", "b", "a"], b.oversample(), weight=["x", "y", "z"])


def test_weights_of_classes_refuse_weights_that_are_none():
    for weight in ([1.0], [1.0, np.inf, 1.0], [1.0, -1.0, 1.0]):
        with pytest.raises(DataError, match="finite numbers above zero"):
            b.weight_of_classes(["a", "b", "b"], weight=weight)
    with pytest.raises(UnknownName, match="miss"):
        b.cost_weights({"mis": 1, "false_alarm": 2})
    with pytest.raises(ConfigError, match="false_alarm"):
        b.cost_weights({"miss": 1})
