from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.facts.digests import row_digests, surplus, total

texts = st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=12)


def names(frame: Frame) -> list[tuple[int, int]]:
    return [tuple(row) for row in row_digests(frame).tolist()]


@settings(max_examples=60, deadline=None)
@given(texts, st.lists(st.integers(-(2**40), 2**40), min_size=12, max_size=12))
def test_equal_rows_have_equal_digests_and_others_do_not(words, numbers):
    frame = Frame.of({"a": Column.of_kind(words, "text"), "b": numbers[: len(words)]})
    rows = list(zip(words, numbers, strict=False))
    for i, left in enumerate(names(frame)):
        for j, right in enumerate(names(frame)):
            assert (left == right) == (rows[i] == rows[j])


@settings(max_examples=60, deadline=None)
@given(texts, st.data())
def test_a_row_keeps_its_digest_in_whatever_frame_it_stands(words, data):
    frame = Frame.of({"a": Column.of_kind(words, "text"), "b": list(range(len(words)))})
    swapped = Frame({"b": frame["b"], "a": frame["a"], "c": Column.empty("number", len(words))})
    assert names(swapped) == names(frame), "order of columns and columns of nulls do not matter"
    picked = data.draw(st.lists(st.integers(0, len(words) - 1)))
    assert names(frame.take(np.array(picked, dtype=np.int64))) == [names(frame)[i] for i in picked]


def test_a_whole_number_is_the_same_as_that_integer_and_the_same_text_elsewhere_is_not():
    assert names(Frame.of({"a": [3, 0, -7]})) == names(Frame.of({"a": [3.0, -0.0, -7.0]}))
    assert names(Frame.of({"a": [3.5]})) != names(Frame.of({"a": [3.0]}))
    assert names(Frame.of({"a": ["x"]})) != names(Frame.of({"b": ["x"]}))
    assert names(Frame.of({"a": ["x"], "b": ["y"]})) != names(Frame.of({"a": ["y"], "b": ["x"]}))
    assert names(Frame.of({"a": [""]})) != names(Frame.of({"a": Column.of_kind([None], "text")}))


def test_a_retraction_differs_from_a_statement():
    frame = Frame.of({"a": ["x", "x"]})
    lanes = row_digests(frame, np.array([False, True]))
    assert lanes[0].tolist() != lanes[1].tolist()


def test_long_texts_are_hashed_in_pieces_like_short_ones(monkeypatch):
    frame = Frame.of({"a": ["x" * 1000, "", "y", "é" * 50, "x" * 999]})
    whole = names(frame)
    monkeypatch.setattr("hindcast.facts.digests._LONGEST_PIECE", 7)
    assert names(frame) == whole
    assert len(set(whole)) == 5


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_surplus_is_the_difference_of_multisets(given_rows, landed):
    def lanes(numbers):
        return np.array([[n, 7 - n] for n in numbers], dtype=np.uint64).reshape(-1, 2)

    new, used = surplus(lanes(given_rows), lanes(landed))
    kept = Counter(n for n, is_new in zip(given_rows, new, strict=True) if is_new)
    assert kept == Counter(given_rows) - Counter(landed)
    assert Counter(n for n, was in zip(landed, used, strict=True) if was) == Counter(given_rows) & Counter(landed)
    for number in set(given_rows):
        flags = [bool(is_new) for n, is_new in zip(given_rows, new, strict=True) if n == number]
        assert flags == sorted(flags), "the first of equal rows are the landed ones"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=10), st.data())
def test_the_total_depends_on_order_and_not_on_batches(values, data):
    lanes = row_digests(Frame.of({"a": values}))
    seq = np.arange(len(values), dtype=np.int64)
    times = np.array(values, dtype=np.int64)
    cut = data.draw(st.integers(0, len(values)))
    whole = total(lanes, seq, times, times)
    parts = [total(lanes[part], seq[part], times[part], times[part]) for part in (slice(0, cut), slice(cut, None))]
    assert (parts[0] + parts[1]).tolist() == whole.tolist()
    swapped = [1, 0, *range(2, len(values))]
    changed = total(lanes[swapped], seq, times[swapped], times[swapped])
    assert (changed.tolist() == whole.tolist()) == (values[0] == values[1])
