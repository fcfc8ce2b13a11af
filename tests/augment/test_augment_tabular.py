"""Rows with noise, swapped categories, mixtures: laws on rows of every kind, and on plain arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.augment.mixup import Mixup, cutmix, mixed, mixup
from hindcast.augment.tabular import Jitter, SwapCategory, jitter, jittered, swap_category, swapped_categories
from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.trainset.rows import Rows, Step

STEPS = [
    jitter(0.1),
    jitter(0.5, columns="x", times=2, weight=0.5),
    swap_category(0.3),
    swap_category(1.0, ["w"]),
    mixup(0.4),
]


def rows_of(n=50, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    x[random.random(n) < 0.2] = np.nan
    return Rows.of(
        Frame.of(
            {
                "x": x,
                "k": [None if r < 0.1 else int(100 * r) for r in random.random(n)],
                "same": np.full(n, 3.0),
                "w": [None if r < 0.1 else "ab"[int(2 * r)] for r in random.random(n)],
                "b": (random.random(n) < 0.3).tolist(),
                "list": [("u",)] * n,
                "__id": np.arange(n),
            }
        ),
        (random.random(n) < 0.3).astype(float),
        weight=random.uniform(0.5, 2, n),
        as_of=np.arange(n),
    )


@pytest.mark.parametrize("step", STEPS, ids=lambda step: "-".join(map(str, step.describe().values())))
def test_rows_stay_and_copies_come_after_with_their_weight(step):
    rows = rows_of()
    after, again = step.apply(rows, 1), step.apply(rows, 1)
    assert isinstance(step, Step)
    assert step.shifts_prior is False
    times, n = step.times, len(rows)
    assert len(after) == n * (times + 1)
    assert repr(after.features.rows()) == repr(again.features.rows())
    assert repr(after.take(slice_of(0, n)).features.rows()) == repr(rows.features.rows())
    assert after.as_of.tolist() == np.tile(rows.as_of, times + 1).tolist()
    assert after.features.kinds == rows.features.kinds
    made = after.take(slice_of(n, len(after)))
    assert set(made.features["w"].objects()) <= {"a", "b", None}
    assert made.features["same"].values.tolist() == [3.0] * len(made)
    known = rows.features["x"].values[rows.features["x"].present()]
    x = made.features["x"].values[made.features["x"].present()]
    assert known.min() - 1e-12 <= x.min() <= x.max() <= known.max() + 1e-12
    if step.name != "mixup":
        assert made.weight == pytest.approx(np.tile(rows.weight * step.weight, times))
        assert made.label.tolist() == np.tile(rows.label, times).tolist()
        assert np.isnan(made.features["x"].values).sum() == times * np.isnan(rows.features["x"].values).sum()
    assert after.base_rate == pytest.approx(rows.base_rate, abs=1e-9 if step.name != "mixup" else 0.05)


def slice_of(start, stop):
    return np.arange(start, stop)


def test_noise_has_the_scale_of_its_column():
    x = np.linspace(-5, 5, 20_000)
    rows = Rows.of(Frame.of({"small": x, "great": 1_000 * x}), np.zeros(len(x)))
    after = jitter(0.2).apply(rows, 0).take(slice_of(len(x), 2 * len(x)))
    inner = np.abs(x) < 3
    for name, unit in (("small", 1), ("great", 1_000)):
        moved = (after.features[name].values - unit * x)[inner]
        assert moved.std() == pytest.approx(0.2 * unit * x.std(), rel=5 / np.sqrt(2 * inner.sum()))
        assert abs(moved.mean()) < 5 * moved.std() / np.sqrt(inner.sum())


def test_categories_are_swapped_as_often_as_asked():
    words = np.array(["a"] * 9_000 + ["b"] * 1_000)
    rows = Rows.of(Frame.of({"w": words.tolist()}), np.zeros(10_000))
    made = swap_category(0.5).apply(rows, 3).features["w"].objects()[10_000:]
    changed = (made != words).mean()
    assert changed == pytest.approx(0.5 * 2 * 0.9 * 0.1, abs=5 * 0.003)
    assert (made == "b").mean() == pytest.approx(0.1, abs=5 * 0.003)


@given(st.floats(0.05, 5), st.integers(0, 100))
def test_a_mixture_lies_between_two_rows_and_so_does_its_label(alpha, seed):
    rows = Rows.of(Frame.of({"x": [0.0, 1.0, 2.0, 3.0]}), [0.0, 1 / 3, 2 / 3, 1.0])
    after = mixup(alpha, keep=False, times=2).apply(rows, seed)
    assert len(after) == 8
    assert after.features["x"].values / 3 == pytest.approx(after.label, abs=1e-9)
    weighted = rows.having(weight=np.array([1.0, 2.0, 3.0, 4.0]))
    heavy = mixup(alpha, keep=False).apply(weighted, seed)
    assert heavy.weight.min() >= 1.0 - 1e-9
    assert heavy.weight.max() <= 4.0 + 1e-9
    assert ((heavy.label >= 0) & (heavy.label <= 1)).all()


def test_a_mixed_text_is_on_average_the_mixture():
    n = 20_000
    rows = Rows.of(
        Frame.of({"x": np.arange(n) % 2.0, "w": ["no" if k % 2 == 0 else "yes" for k in range(n)]}), np.zeros(n)
    )
    after = mixup(1.0, keep=False).apply(rows, 0)
    share, yes = after.features["x"].values, after.features["w"].objects() == "yes"
    for low in (0.0, 0.25, 0.5, 0.75):
        part = (share >= low) & (share < low + 0.25)
        assert yes[part].mean() == pytest.approx(share[part].mean(), abs=5 * 0.5 / np.sqrt(part.sum()))


def test_what_one_row_lacks_is_taken_from_either():
    rows = Rows.of(Frame.of({"x": [1.0, None], "k": [5, None]}), [1, 0])
    after = mixup(1.0, keep=False, times=20).apply(rows, 2).features
    assert set(after["x"].objects()) <= {1.0, None}
    assert {5, None} >= set(after["k"].objects())
    assert None in set(after["k"].objects())


def test_empty_and_single_rows():
    none = Rows.of(Frame.of({"x": np.zeros(0), "w": []}), [])
    one = Rows.of(Frame.of({"x": [1.0], "w": ["a"]}), [1])
    for step in (jitter(), swap_category(), mixup()):
        assert len(step.apply(none, 0)) == 0
        after = step.apply(one, 0)
        assert after.features.rows() == [{"x": 1.0, "w": "a"}] * 2
        assert after.label.tolist() == [1.0, 1.0]


# ---- arrays -----------------------------------------------------------------------------------------------


def test_arrays_keep_shape_type_and_order():
    numbers = np.arange(12).reshape(6, 2)
    assert jittered(numbers, 0.5, columns=[0]).dtype == numbers.dtype
    assert (jittered(numbers, 0.5, columns=[0])[:, 1] == numbers[:, 1]).all()
    words = np.array([["a", 1], ["b", 2], ["c", 3]], dtype=object)
    swapped = swapped_categories(words, 1.0, columns=[0], seed=1)
    assert swapped[:, 1].tolist() == [1, 2, 3]
    assert set(swapped[:, 0]) <= {"a", "b", "c"}
    assert (swapped_categories(words, 1.0) != swapped_categories(words, 1.0, seed=5)).any()


@given(st.integers(1, 12), st.floats(0.1, 3), st.integers(0, 50))
def test_mixed_arrays_mix_labels_as_they_mix_examples(n, alpha, seed):
    Y = np.eye(n)
    X, soft = mixed(Y[:, :, None] * np.ones(3), Y, alpha, seed=seed)
    assert X.shape == (n, n, 3)
    assert np.allclose(X[:, :, 0], soft)
    assert soft.sum(axis=1) == pytest.approx(np.ones(n))
    assert mixed(np.zeros((n, 2)), np.ones(n), alpha)[1] == pytest.approx(np.ones(n))


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9), st.floats(0.2, 3), st.integers(0, 50))
def test_cutmix_labels_are_the_shares_of_the_area(n, height, width, alpha, seed):
    each = np.arange(n, dtype=np.uint8)
    images = np.broadcast_to(each[:, None, None, None], (n, height, width, 3))
    made, soft = cutmix(images, np.eye(n), alpha, seed=seed)
    assert made.dtype == np.uint8
    for picture, label in zip(made, soft, strict=True):
        assert label == pytest.approx([(picture[..., 0] == k).mean() for k in range(n)])
        for k in np.unique(picture):
            assert label[k] > 0


def test_the_share_that_stays_follows_its_distribution():
    images = np.zeros((4_000, 16, 16))
    _, soft = cutmix(images, np.r_[np.ones(2_000), np.zeros(2_000)], 1.0)
    assert 0.4 < soft.mean() < 0.6
    assert len(np.unique(soft)) > 20


@pytest.mark.parametrize(
    "make",
    [
        lambda: jitter(0),
        lambda: jitter(times=0),
        lambda: jitter(weight=0),
        lambda: swap_category(0),
        lambda: swap_category(1.5),
        lambda: mixup(0),
        lambda: mixup(times=1.5),
        lambda: mixed([[0.0]], [1], alpha=-1),
        lambda: cutmix(np.zeros((1, 2, 2)), [1], alpha=0),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_wrong_columns_and_labels_are_told():
    rows = rows_of()
    with pytest.raises(UnknownName, match="x"):
        jitter(columns=["xx"]).apply(rows, 0)
    with pytest.raises(ConfigError, match="'w' is of text"):
        jitter(columns=["w"]).apply(rows, 0)
    with pytest.raises(DataError, match="one-hot"):
        mixed(np.zeros((2, 1)), [0, 2])
    with pytest.raises(DataError, match="came with labels"):
        mixed(np.zeros((2, 1)), [0])
    with pytest.raises(DataError, match="pictures"):
        cutmix(np.zeros((2, 2)), [0, 1])
    with pytest.raises(DataError, match="numbers of shape"):
        jittered(["a"])
    with pytest.raises(DataError, match="rows of columns"):
        swapped_categories(["a"])
    assert (Jitter, SwapCategory, Mixup) == (jitter, swap_category, mixup)


def test_what_cannot_be_mixed_is_refused_kindly():
    for X, told in (([[1.0], [np.inf]], "row 2"), (["a", "b"], "numbers"), (3.0, "one number")):
        with pytest.raises(DataError, match=told):
            mixed(X, [0, 1])
    with pytest.raises(DataError, match="labels must be numbers"):
        mixed([[1.0], [2.0]], ["a", "b"])
