"""Duplicates are exactly the rows that are equal; near ones are held to a slow, obvious comparison of all pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.crowd.names import is_missing
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.quality import (
    Duplicates,
    duplicate_rows,
    duplicate_texts,
    jaccard,
    near_duplicate_texts,
    normalised,
    shared_between,
    written,
)
from hindcast.quality.minhash import bands_for

TEXTS = st.lists(st.one_of(st.none(), st.text(alphabet="aB é\u00a0ﬁ", max_size=4)), max_size=20)


def groups_by_definition(keys):
    seen = {}
    return [seen.setdefault(key, len(seen)) for key in keys]


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_texts_are_grouped_by_how_they_are_written(texts):
    keys = [("missing", row) if t is None else normalised(t) for row, t in enumerate(texts)]
    found = duplicate_texts(texts)
    assert found.group.tolist() == groups_by_definition(keys)
    assert found.distinct == len(set(keys))
    assert found.first.sum() == found.distinct
    exact = duplicate_texts(texts, exact=True)
    assert exact.group.tolist() == groups_by_definition([row if t is None else "t" + t for row, t in enumerate(texts)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, -0.0, 1.5, float("nan"), None]),
            st.sampled_from(["a", "b", None]),
            st.sampled_from([1, 2, None]),
            st.sampled_from([True, False, None]),
        ),
        max_size=25,
    )
)
def test_rows_are_grouped_by_all_their_values(rows):
    columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
    kinds = ("number", "text", "integer", "boolean")
    frame = Frame({n: Column.of_kind(list(v), n) for n, v in zip(kinds, columns, strict=True)})
    keys = [tuple(None if is_missing(v) else v + 0.0 if isinstance(v, float) else v for v in row) for row in rows]
    assert duplicate_rows(frame).group.tolist() == groups_by_definition(keys)


def test_rows_of_one_hash_are_still_compared(monkeypatch):
    from hindcast.quality import duplicates

    monkeypatch.setattr(duplicates, "_mixed", lambda x: x * np.uint64(0))
    found = duplicate_rows([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 5.0], [3.0, 4.0]])
    assert found.group.tolist() == [0, 1, 0, 2, 1]


def test_numbers_are_rounded_where_asked():
    rows = Frame.of({"x": [1.00, 1.02, 1.3], "y": [5, 5, 5]})
    assert duplicate_rows(rows).distinct == 3
    assert duplicate_rows(rows, round_to={"x": 0.1}).group.tolist() == [0, 0, 1]
    assert duplicate_rows(np.array([[1, 2], [1, 2]])).distinct == 1
    assert duplicate_rows(Frame.of({"l": [("a",), ("a",), ("b",)]})).group.tolist() == [0, 0, 1]
    assert duplicate_rows(np.zeros((0, 2))).distinct == 0
    with pytest.raises(UnknownName):
        duplicate_rows(rows, round_to={"z": 1})
    with pytest.raises(ConfigError):
        duplicate_rows(rows, round_to=-1.0)
    with pytest.raises(DataError, match="Frame"):
        duplicate_rows([1, 2])


def test_what_repeats_is_told():
    found = duplicate_texts(["a", "b", "A", "a ", "b"])
    assert [part.tolist() for part in found.groups()] == [[0, 2, 3], [1, 4]]
    assert found.sizes.tolist() == [3, 2]
    assert found.repeated.all()
    assert found.suspects().reason[0] == "repeats row 0"
    (finding,) = found.findings()
    assert (finding.number, finding.evidence["repeated"], finding.evidence["largest"]) == ("HC005", 3, 3)
    assert not duplicate_texts(["a", "b"]).findings()
    assert duplicate_texts([]).groups() == []
    assert isinstance(found, Duplicates)


@pytest.mark.parametrize("wrap", [list, np.array, pd.Series, pl.Series, pa.array, Column.of])
def test_texts_come_from_any_data_frame(wrap):
    assert duplicate_texts(wrap(["a", "A", "b"])).group.tolist() == [0, 0, 1]


def test_bad_texts_are_named():
    with pytest.raises(DataError, match="row 2"):
        duplicate_texts(["a", 3])
    with pytest.raises(DataError, match="list"):
        duplicate_texts("text")
    assert duplicate_texts(pd.Series(["a", None, float("nan"), pd.NA], dtype=object)).distinct == 4


def test_rows_that_training_and_test_share_are_found():
    rows = duplicate_texts(["a", "b", "c", "A", "d", "C"])
    found, findings = shared_between(rows, ["train", "train", "valid", "test", "test", "test"])
    assert found.row.tolist() == [3, 5]
    assert found.reason == ("also in train, row 0", "also in valid, row 2")
    assert findings[0].number == "HC020"
    assert shared_between(duplicate_texts(["a", "b"]), ["train", "test"])[1] == []
    assert shared_between(rows, list("xxyyzz"), test="z")[0].row.tolist() == [5]
    with pytest.raises(UnknownName):
        shared_between(rows, ["train"] * 6)
    with pytest.raises(DataError, match="one per row"):
        shared_between(rows, ["test"])


# ---- near duplicates -------------------------------------------------------------------------------------


def corpus(n, seed, alphabet="abcdefghijklmnopqrstuvwxyz"):
    """Random texts, a third of them with one or two letters changed from an earlier one."""
    draw = np.random.default_rng(seed)
    texts = []
    for i in range(n):
        if i > 10 and draw.random() < 0.33:
            text = list(texts[draw.integers(len(texts))])
            for _ in range(draw.integers(1, 3)):
                text[draw.integers(len(text))] = draw.choice(list(alphabet))
            texts.append("".join(text))
        else:
            texts.append("".join(draw.choice(list(alphabet), draw.integers(20, 60))))
    return texts


def groups_of_all_pairs(texts, threshold, **how):
    leader = list(range(len(texts)))

    def root(i):
        while leader[i] != i:
            i = leader[i]
        return i

    for i, j in combinations(range(len(texts)), 2):
        if jaccard(texts[i], texts[j], **how) >= threshold:
            a, b = sorted((root(i), root(j)))
            leader[b] = a
    return groups_by_definition([root(i) for i in range(len(texts))])


@pytest.mark.parametrize("how", [{"size": 4}, {"size": 2, "by": "words"}])
@pytest.mark.parametrize("alphabet", ["abcdefgh ", "äöü漢字𝔘gh "])
def test_near_duplicates_are_those_of_comparing_all_pairs(how, alphabet):
    texts = corpus(120, seed=3, alphabet=alphabet)
    found = near_duplicate_texts(texts, threshold=0.6, recall=0.99999, hashes=400, **how)
    assert found.group.tolist() == groups_of_all_pairs(texts, 0.6, **how)
    assert ((found.similarity >= 0.6) & (found.similarity <= 1)).all()


def test_most_pairs_at_the_threshold_are_met_and_none_below_it():
    texts = corpus(1_500, seed=5)
    found = near_duplicate_texts(texts, threshold=0.7, size=3)
    together = {(i, j) for part in found.groups() for i, j in combinations(part.tolist(), 2)}
    pairs = [(i, j, jaccard(texts[i], texts[j], size=3)) for i, j in combinations(range(300), 2)]
    alike = [(i, j) for i, j, s in pairs if s >= 0.7]
    assert len(alike) > 20
    assert sum(pair in together for pair in alike) >= 0.93 * len(alike)
    joined = np.flatnonzero(~found.first)
    for row in joined[:200].tolist():  # whoever was joined is alike to somebody of the group
        group = np.flatnonzero(found.group == found.group[row])
        assert max(jaccard(texts[row], texts[g], size=3) for g in group if g != row) >= 0.7


def test_neither_threads_nor_the_order_of_texts_change_what_is_found():
    texts = corpus(400, seed=9)
    one, two = (near_duplicate_texts(texts, threads=t, threshold=0.6) for t in (1, 2))
    assert np.array_equal(one.group, two.group)
    assert np.array_equal(one.similarity, two.similarity)
    order = np.random.default_rng(0).permutation(400)
    moved = near_duplicate_texts([texts[i] for i in order], threshold=0.6, recall=0.9999, hashes=256)
    still = near_duplicate_texts(texts, threshold=0.6, recall=0.9999, hashes=256)
    pairs = {frozenset((order[i], order[j])) for g in moved.groups() for i, j in combinations(g.tolist(), 2)}
    assert pairs == {frozenset((i, j)) for g in still.groups() for i, j in combinations(g.tolist(), 2)}


def test_missing_empty_short_and_equal_texts():
    texts = [None, "", "  ", "a", "A", "ab", None, "abc" * 30, "ABC" * 30, "b"]
    found = near_duplicate_texts(texts)
    assert found.group.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7]
    assert found.similarity.tolist() == [1.0] * 10
    assert near_duplicate_texts([]).distinct == 0
    assert near_duplicate_texts(["x"]).distinct == 1
    assert near_duplicate_texts(["same text here"] * 500).distinct == 1


def test_a_crowd_of_near_copies_is_one_group():
    draw = np.random.default_rng(1)
    base = "the quick brown fox jumps over the lazy dog and runs away into the deep forest of the north"
    copies = [base[:at] + draw.choice(list("xyz")) + base[at + 1 :] for at in draw.integers(0, len(base), 300)]
    found = near_duplicate_texts([base, *copies, "something else altogether, with other words"], threshold=0.8)
    assert found.distinct == 2
    assert found.suspects().reason[0].startswith(("repeats", "is nearly"))


def test_bands_meet_the_recall_asked_for():
    for threshold in (0.3, 0.5, 0.8, 0.95):
        for hashes in (16, 64, 256):
            bands, rows = bands_for(threshold, hashes)
            assert bands * rows <= hashes
            assert rows == 1 or 1 - (1 - threshold**rows) ** bands >= 0.95


def test_bad_requests_are_named():
    for wrong in ({"threshold": 0}, {"threshold": 1.2}, {"size": 0}, {"hashes": 1}, {"by": "lines"}, {"recall": 1}):
        with pytest.raises(ConfigError):
            near_duplicate_texts(["a"], **wrong)
    told = []
    near_duplicate_texts(["abcdef", "abcdeg"], progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1]


def test_blocks_and_threads_change_nothing(monkeypatch):
    texts = corpus(500, seed=2, alphabet="abcdefgh é漢")
    whole = near_duplicate_texts(texts, threshold=0.6, threads=1)
    monkeypatch.setattr(written, "_BLOCK", 33)
    for threads in (1, 2, 5):
        parted = near_duplicate_texts(texts, threshold=0.6, threads=threads)
        assert np.array_equal(parted.group, whole.group)
        assert np.array_equal(parted.similarity, whole.similarity)
        assert parted.notes == whole.notes


@pytest.mark.parametrize("length", [4, 12, 40, 200])
def test_signatures_agree_as_often_as_shingles_do(length):
    """The law that recall rests on, for short texts too: bands of one number meet with the Jaccard likeness."""
    from hindcast.quality.minhash_kernel import signatures

    draw = np.random.default_rng(length)
    n, m = 60, 400
    first = ["".join(draw.choice(list("abcdé漢"), length)) for _ in range(n)]
    second = [text[: length // 2] + "z" + text[length // 2 + 1 :] for text in first]
    texts = written.packed(first + second)
    factors = (draw.integers(0, 1 << 31, m, dtype=np.uint32) * 2 + 1).astype(np.uint32)
    keys, sketch = np.zeros((m, 2 * n), dtype=np.uint32), np.zeros((2 * n, -(-m // 64)), dtype=np.uint64)
    signatures(texts.codes, texts.start, texts.stop, 3, False, factors, keys, sketch)
    expected = np.array([jaccard(x, y, size=3) for x, y in zip(first, second, strict=True)])
    met = (keys[:, :n] == keys[:, n:]).mean(axis=0)
    error = np.sqrt((expected * (1 - expected)).sum() / m) / n
    assert abs(met.mean() - expected.mean()) <= 6 * error + 1e-9  # the m factors are shared by all pairs
    bits = np.bitwise_count(sketch[:n] ^ sketch[n:]).sum(axis=1) / m  # a bit differs half as often
    assert abs(bits.mean() - (1 - expected.mean()) / 2) <= 6 * 0.5 / np.sqrt(m * n) + 1e-9


@pytest.mark.parametrize("length", [8, 20, 60])
def test_pairs_at_the_threshold_are_met_as_often_as_the_bands_say(length):
    draw = np.random.default_rng(length)
    letters = np.array([chr(code) for code in range(0x4E00, 0x9000)])
    texts, likeness = [], []
    for _ in range(400):  # texts of unlike letters, each with a copy that ends otherwise
        text = "".join(draw.choice(letters, length))
        cut = max(1, round(length * 0.17))
        copy = text[:-cut] + "".join(draw.choice(letters, cut))
        texts += [text, copy]
        likeness.append(jaccard(text, copy, size=1))
    threshold = min(likeness)
    found = near_duplicate_texts(texts, threshold=threshold, size=1)
    bands, rows = bands_for(threshold, 128)
    met = np.mean(found.group[::2] == found.group[1::2])
    law = np.mean([1 - (1 - s**rows) ** bands for s in likeness])
    assert met >= law - 5 * np.sqrt(law * (1 - law) / len(likeness)) - 1e-9


def test_a_crowd_in_one_bucket_gives_pairs_in_proportion():
    from hindcast.quality.minhash_kernel import pairs

    key = np.array([5] * 4 + [6] + [9] * 20, dtype=np.uint64)
    ranked = (key << np.uint64(32)) | np.arange(25, dtype=np.uint64)
    found = {(int(pair >> np.uint64(32)), int(pair & np.uint64(0xFFFFFFFF))) for pair in pairs(ranked, 12)}
    few = set(combinations(range(4), 2))
    many = {(5, row) for row in range(6, 25)} | {(row - 1, row) for row in range(6, 25)}
    assert found == few | many
    assert len(pairs(ranked[:0], 12)) == 0
