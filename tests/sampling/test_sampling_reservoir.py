"""Reservoirs have the law of a draw from the whole stream, however it comes, and so do their merges."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.sampling import Reservoir, StrataReservoir, reservoir, weighted

SEEDS = 3_000


def fits(counts, chances):
    """Counts of sets against their chances."""
    names = sorted(chances)
    assert set(counts) <= set(names)
    return stats.chisquare([counts.get(n, 0) for n in names], [SEEDS * chances[n] for n in names]).pvalue > 1e-4


def sets_of(make):
    counts = {}
    for seed in range(SEEDS):
        rows = tuple(sorted(int(x) for x in make(seed)))
        counts[rows] = counts.get(rows, 0) + 1
    return counts


PAIRS = {(i, j): 1 / 15 for i in range(6) for j in range(i + 1, 6)}


def weighted_pairs(w):
    chances = {}
    for i in range(len(w)):
        for j in range(len(w)):
            if i != j:
                pair = tuple(sorted((i, j)))
                chances[pair] = chances.get(pair, 0) + w[i] / sum(w) * w[j] / (sum(w) - w[i])
    return chances


def filled(k, stream, seed=0, shard=0, weight=None):
    kept = Reservoir(k, weighted=weight is not None, seed=seed, shard=shard)
    kept.extend(np.asarray(stream), weight)
    return kept


def test_every_set_is_equally_likely():
    assert fits(sets_of(lambda seed: filled(2, range(6), seed).rows()), PAIRS)


def test_every_set_is_equally_likely_row_by_row():
    def one_by_one(seed):
        kept = Reservoir(2, seed=seed)
        for row in range(6):
            kept.add(row)
        return kept.rows()

    assert fits(sets_of(one_by_one), PAIRS)


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_merge_has_the_law_of_the_whole_stream(cut):
    def merged(seed):
        return filled(2, range(cut), seed).merge(filled(2, range(cut, 6), seed, shard=1)).rows()

    assert fits(sets_of(merged), PAIRS)


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_weighted_rows_come_as_if_drawn_one_after_another(cut):
    w = [1.0, 2.0, 3.0, 4.0, 10.0]

    def merged(seed):
        a = filled(2, np.arange(cut), seed, weight=w[:cut])
        return a.merge(filled(2, np.arange(cut, 5), seed, 1, weight=w[cut:])).rows()

    assert fits(sets_of(merged), weighted_pairs(w))
    assert fits(sets_of(lambda seed: weighted(w, 2, method="successive", seed=seed).places), weighted_pairs(w))


def test_a_merged_reservoir_goes_on():
    def merged(seed):
        kept = filled(2, [0, 1], seed).merge(filled(2, [2, 3], seed, shard=1))
        kept.extend(np.array([4, 5]))
        return kept.rows()

    assert fits(sets_of(merged), PAIRS)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(1, 20), st.booleans(), st.integers(0, 3))
def test_blocks_do_not_matter(cuts, k, weigh, seed):
    n = sum(cuts)
    weight = np.random.default_rng(1).random(n) if weigh else None
    whole = filled(k, range(n), seed, weight=weight)
    parts = Reservoir(k, weighted=weigh, seed=seed)
    start = 0
    for size in cuts:
        parts.extend(list(range(start, start + size)), None if weight is None else weight[start : start + size])
        start += size
    assert parts.rows() == whole.rows().tolist()
    np.testing.assert_array_equal(parts.sample().places, whole.rows())
    np.testing.assert_array_equal(parts.sample().pi, whole.sample().pi)
    assert len(whole) == min(k, n)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_merging_is_associative_and_keeps_the_smallest_keys(a, b, c, weigh):
    one, two, three = (
        filled(4, np.arange(n) + 100 * shard, 5, shard, np.linspace(0.1, 2, n) if weigh else None)
        for shard, n in enumerate((a, b, c))
    )
    left, right = one.merge(two).merge(three), one.merge(two.merge(three))
    assert list(left.rows()) == list(right.rows())
    assert np.array_equal(left.sample().pi, right.sample().pi)
    assert left.seen == a + b + c
    assert sorted(left.rows()) == sorted(three.merge(one).merge(two).rows())


def test_weighted_totals_are_unbiased():
    w = np.array([1.0, 2.0, 3.0, 4.0, 10.0, 0.0, 5.0])
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 0.0, 2.0])
    totals = []
    for seed in range(SEEDS):
        both = filled(3, y[:3], seed, weight=w[:3]).merge(filled(3, y[3:], seed, 1, weight=w[3:]))
        totals.append((both.rows() * both.sample().weights).sum())
    assert abs(np.mean(totals) - y.sum()) < 5 * np.std(totals) / math.sqrt(SEEDS)


def test_the_same_luck_twice_is_refused():
    with pytest.raises(ConfigError, match="Give each stream its own shard="):
        filled(2, [1, 2]).merge(filled(2, [3, 4]))
    with pytest.raises(ConfigError, match="Give each stream its own shard="):
        filled(2, [1, 2]).merge(filled(2, [1], shard=1)).merge(filled(2, [3, 4]))
    with pytest.raises(ConfigError, match="cannot be merged"):
        filled(2, [1]).merge(filled(3, [1], shard=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.arange(n),
        lambda n: list(range(n)),
        lambda n: Frame.of({"x": np.arange(n)}),
        lambda n: pa.table({"x": np.arange(n)}),
        lambda n: pa.record_batch({"x": np.arange(n)}),
        lambda n: pa.array(np.arange(n)),
        lambda n: pd.DataFrame({"x": np.arange(n)}),
        lambda n: pl.DataFrame({"x": np.arange(n)}),
        lambda n: pl.Series(np.arange(n)),
    ],
    ids=["array", "list", "Frame", "table", "batch", "arrow", "pandas", "polars", "series"],
)
def test_blocks_of_any_make_give_the_same_rows(make):
    expected = filled(5, range(300), 3).rows().tolist()
    kept = reservoir([make(300)], 5, seed=3, blocks=True)
    rows = kept.rows()
    if isinstance(rows, Frame):
        found = rows["x"].values.tolist()
    elif hasattr(rows, "column_names"):
        found = rows.column("x").to_pylist()
    elif hasattr(rows, "columns"):
        found = list(rows["x"])
    else:
        found = rows.to_pylist() if hasattr(rows, "to_pylist") else list(rows)
    assert found == expected


def test_rows_of_any_iterator():
    expected = filled(5, range(300), 3).rows().tolist()
    assert reservoir(iter(range(300)), 5, seed=3).rows() == expected
    assert reservoir(({"x": i} for i in range(300)), 5, seed=3).rows() == [{"x": i} for i in expected]
    assert (
        reservoir((np.array([i, i]) for i in range(300)), 5, seed=3, blocks=False).rows()[0].tolist()
        == [expected[0]] * 2
    )
    assert reservoir([], 5).rows() == []
    with pytest.raises(DataError, match="mixes rows and blocks"):
        reservoir([1, np.arange(3)], 2)
    with pytest.raises(DataError, match="expected blocks"):
        reservoir([np.arange(3), 1], 2, blocks=True)


def test_a_parquet_file_is_read_batch_by_batch(tmp_path):
    path = tmp_path / "rows.parquet"
    table = pa.table({"id": np.arange(200_000), "kind": ["a", "b"] * 100_000, "load": np.ones(200_000)})
    pq.write_table(table, path, row_group_size=30_000)
    calls = []
    kept = reservoir(path, 7, seed=2, progress=lambda done, total: calls.append(done))
    assert kept.seen == calls[-1] == 200_000
    assert len(calls) > 1
    assert kept.rows().column("id").to_pylist() == kept.sample().places.tolist()
    assert kept.rows()["id"].to_pylist() == filled(7, range(200_000), 2).rows().tolist()
    by = reservoir(path, 3, by="kind", seed=2)
    assert by.counts == {"a": 100_000, "b": 100_000}
    assert len(reservoir(str(path), 3, weight="load").rows()) == 3
    two = reservoir([path, path], 3, seed=1)
    assert two.seen == 400_000
    with pytest.raises(UnknownName, match="Did you mean 'kind'"):
        reservoir(path, 3, by="kinds")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="Parquet"):
        reservoir(tmp_path / "torn.parquet", 3)
    with pytest.raises(DataError, match="Parquet"):
        reservoir(tmp_path / "nowhere.parquet", 3)


def test_only_groups_of_rows_that_hold_the_sample_are_read(tmp_path, monkeypatch):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": np.arange(50_000)}), path, row_group_size=1_000)
    read = []
    whole, parts = pq.ParquetFile.read_row_group, pq.ParquetFile.iter_batches

    def watched_whole(file, at, **more):
        read.append(at)
        return whole(file, at, **more)

    def watched_parts(file, **asked):
        read.extend(asked["row_groups"])
        return parts(file, **asked)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched_whole)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched_parts)
    for small in (1 << 20, 0):
        monkeypatch.setattr("hindcast.sampling.source._SMALL", small)
        read.clear()
        kept = reservoir(path, 5, seed=4)
        assert sorted(read) == sorted({place // 1_000 for place in kept.sample().places.tolist()})
        assert kept.rows()["id"].to_pylist() == kept.sample().places.tolist()


def test_skipped_rows_cost_no_luck():
    class Endless:
        """Rows that are made when they are taken: nobody could hold them."""

        taken = 0

        def __len__(self):
            return 10**12

        def batches(self):
            raise AssertionError("all rows were asked for")

        def take(self, places):
            Endless.taken += len(places)
            return places

    kept = Reservoir(100, seed=1)
    kept.extend(Endless())
    places = kept.sample().places
    assert (kept.rows() == places).all()
    assert Endless.taken == 100
    assert stats.kstest(places / 10**12, "uniform").pvalue > 1e-4


# ---- one for each stratum ---------------------------------------------------------------------------------


def test_each_stratum_has_the_law_of_its_own_reservoir():
    by = ["a", "b", "a", "b", "a", "b", "a", "b", "a"]

    def drawn(seed, merge):
        kept = StrataReservoir(2, seed=seed)
        if merge:
            other = StrataReservoir(2, seed=seed, shard=1)
            kept.extend(np.arange(4), by[:4])
            other.extend(np.arange(4, 9), by[4:])
            kept = kept.merge(other)
        else:
            kept.extend(np.arange(9), by)
        return sorted(int(row) for row in kept.rows())

    evens = {(i, j): 1 / 10 for i in range(0, 9, 2) for j in range(i + 2, 9, 2)}
    odds = {(i, j): 1 / 6 for i in range(1, 8, 2) for j in range(i + 2, 8, 2)}
    for merge in (False, True):
        found = [drawn(seed, merge) for seed in range(SEEDS)]
        for left, chances in ((0, evens), (1, odds)):
            assert fits(Counter(tuple(row for row in rows if row % 2 == left) for rows in found), chances)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.integers(1, 5), st.booleans(), st.data())
def test_strata_do_not_depend_on_blocks_and_keep_all_of_the_rare(by, k, weigh, data):
    n = len(by)
    weight = np.linspace(1, 2, n) if weigh else None
    cut = data.draw(st.integers(0, n))
    whole, parts = (StrataReservoir(k, weighted=weigh, seed=2) for _ in range(2))
    whole.extend(np.arange(n), by, weight)
    for part in (slice(0, cut), slice(cut, n)):
        parts.extend(np.arange(n)[part], by[part], None if weight is None else weight[part])
    assert list(whole.rows()) == list(parts.rows())
    sample = whole.sample()
    np.testing.assert_array_equal(sample.pi, parts.sample().pi)
    assert whole.counts == {name: by.count(name) for name in sorted(set(by))}
    for code, name in enumerate(sample.strata):
        mine = sample.stratum == code
        assert mine.sum() == min(k, by.count(name))
        assert all(by[place] == name for place in sample.places[mine])
        if not weigh:
            assert np.all(sample.pi[mine] == min(1, k / by.count(name)))


def test_sizes_can_differ_by_stratum():
    kept = reservoir(({"kind": "ab"[i % 2]} for i in range(50)), {"a": 3}, by="kind")
    assert [row["kind"] for row in kept.rows()] == ["a"] * 3
    assert "'b'" in kept.sample().warnings()[0]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Reservoir(0), ConfigError, "at least 1"),
        (lambda: StrataReservoir({"a": 0}), ConfigError, "of 'a' must be a whole number of at least 1"),
        (lambda: Reservoir(2).extend([1], [1.0]), ConfigError, "weights were given"),
        (lambda: Reservoir(2, weighted=True).extend([1]), ConfigError, "needs the weight"),
        (lambda: Reservoir(2, weighted=True).extend([1], [1.0, 2.0]), DataError, "2 weights"),
        (lambda: Reservoir(2, weighted=True).add(1, -1.0), DataError, "at least zero"),
        (lambda: StrataReservoir(2).extend([1], ["a", "b"]), DataError, "2 strata"),
        (lambda: StrataReservoir(2).extend([1], ["a"], [1.0]), ConfigError, "weighted"),
        (lambda: reservoir([1], {"a": 1}), ConfigError, "needs the strata"),
        (lambda: reservoir([1], 1, by="x"), ConfigError, "have no column 'x'"),
        (lambda: StrataReservoir(2).merge(StrataReservoir(2)), ConfigError, "its own shard="),
        (lambda: StrataReservoir(2).merge(StrataReservoir(3, shard=1)), ConfigError, "different k"),
    ],
)
def test_bad_requests_are_answered_kindly(call, error, says):
    with pytest.raises(error, match=says):
        call()
