"""Texts packed into one array are those that came, written alike as one by one, and grouped as a dictionary would."""

from __future__ import annotations

import sys
from enum import StrEnum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.quality import duplicate_texts, duplicates, normalised, written
from hindcast.quality.written import packed, repeated, written_alike

ALPHABET = "aBZ[@`{ \t\n\x1c\x1f\x85\x00\u00a0\u1680\u2028\u3000éßİﬁ漢𝔘\u0301\ud800"
TEXTS = st.lists(st.one_of(st.none(), st.text(alphabet=ALPHABET, max_size=6)), max_size=25)


def unpacked(texts):
    return [None if texts.missing[row] else texts.text(row) for row in range(len(texts))]


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from([1, 2]))
@example([None, "", " ", "a"], 1)
@example(["A\x00b", "é\x00É", "\ud800x"], 2)
def test_packed_texts_are_the_texts_and_written_as_one_by_one(texts, threads):
    found = packed(texts)
    assert unpacked(found) == texts
    alike = written_alike(found, threads)
    assert unpacked(alike) == [None if text is None else normalised(text) for text in texts]
    group, first = repeated(alike, threads)
    seen: dict[object, int] = {}
    keys = [row if text is None else normalised(text) for row, text in enumerate(texts)]
    assert group.tolist() == [seen.setdefault(key, len(seen)) for key in keys]
    assert first.tolist() == [keys.index(key) for key in seen]


def test_every_character_is_written_alike():
    every = [f"x {chr(code)}Y" for code in range(0x3100)] + [chr(code) for code in range(0x3100, sys.maxunicode, 97)]
    assert unpacked(written_alike(packed(every))) == [normalised(text) for text in every]


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        iter,
        lambda texts: np.array(texts, dtype=object),
        pd.Series,
        lambda texts: pd.Series(texts, dtype="category"),
        pl.Series,
        lambda texts: pl.Series(texts, dtype=pl.Categorical),
        pa.array,
        lambda texts: pa.array(["cut off", *texts]).slice(1),
        lambda texts: pa.chunked_array([texts[:1], texts[1:]], pa.string()),
        lambda texts: pa.array(texts).dictionary_encode(),
        lambda texts: pa.array(texts, pa.string_view()),
        Column.of,
    ],
)
def test_texts_of_any_column_are_packed(wrap):
    texts = ["Ab", None, "", "漢 c", "Ab"]
    found = packed(wrap(texts))
    assert unpacked(found) == texts
    assert repeated(found)[0].tolist() == [0, 1, 2, 3, 0]
    assert unpacked(written_alike(found)) == ["ab", None, "", "漢 c", "ab"]


@pytest.mark.parametrize("empty", [[], pa.chunked_array([], pa.string()), pl.Series([], dtype=pl.String), np.array([])])
def test_no_texts_and_only_missing_ones(empty):
    assert len(written_alike(packed(empty))) == 0
    assert repeated(packed(empty))[0].tolist() == []
    assert repeated(packed([None, None]))[0].tolist() == [0, 1]


def test_many_texts_are_grouped_as_few(monkeypatch):
    class Word(StrEnum):
        YES = "yes"

    draw = np.random.default_rng(4)
    texts = ["".join(draw.choice(list("aBé \t"), draw.integers(0, 4))) for _ in range(800)]
    texts += [None, float("nan"), pd.NA, Word.YES, "yes", np.str_("yes"), "\udc80", "\udc80"]
    few = {exact: duplicate_texts(texts, exact=exact).group for exact in (False, True)}
    monkeypatch.setattr(duplicates, "_MANY", 0)
    monkeypatch.setattr(written, "_BLOCK", 37)
    for threads in (1, 2, 3):
        for exact in (False, True):
            assert np.array_equal(duplicate_texts(texts, exact=exact, threads=threads).group, few[exact])
    assert duplicate_texts([]).distinct == 0


def test_bad_texts_are_named_among_many(monkeypatch):
    monkeypatch.setattr(duplicates, "_MANY", 0)
    for wrong in (["a", 3], ["a", b"b"], [None, 1.5]):
        with pytest.raises(DataError, match="row 2"):
            duplicate_texts(wrong)
    with pytest.raises(DataError, match="row 1"):
        duplicate_texts(np.array([1, 2]))
    with pytest.raises(DataError, match="list"):
        duplicate_texts("text")
    with pytest.raises(ConfigError):
        duplicate_texts(["a"], threads=0)


def test_texts_of_one_hash_are_still_compared(monkeypatch):
    from hindcast.quality import written_kernel

    monkeypatch.setattr(written_kernel, "digests", lambda codes, start, stop, out: out.fill(7))
    assert repeated(packed(["a", "b", "a", "", "bb", "b", ""]))[0].tolist() == [0, 1, 0, 2, 3, 1, 2]
