"""Keys of stored folds: equal values have equal keys, different ones never meet."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import StateError
from hindcast.stores.store import decode_key, encode_key

parts = st.lists(
    st.text(max_size=8)
    | st.sampled_from(["", "é", "x" * 300, "a\x00b"])
    | st.integers(-(1 << 63), 1 << 63)
    | st.floats(allow_nan=False)
    | st.booleans(),
    max_size=4,
)


@given(parts, parts)
def test_keys_are_equal_where_the_entities_are(left, right):
    ours, theirs = encode_key(b"k", left), encode_key(b"k", right)
    assert (ours[0] == theirs[0]) == (tuple(left) == tuple(right))


@given(parts)
def test_a_key_is_short_and_tells_what_it_was_made_of(given_parts):
    key, rest = encode_key(b"f7", given_parts)
    assert key.startswith(b"f7")
    assert 1 <= len(key) <= 400
    assert bool(rest) == (len(key) == 35 and key[2] == 0xFF)
    assert decode_key(b"f7", key, rest) == tuple(given_parts)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_key_are_refused_not_believed(noise):
    with suppress(StateError):
        assert all(isinstance(part, str | int | float) for part in decode_key(b"k", b"k" + noise))


def test_a_torn_key_says_so():
    key, _ = encode_key(b"k", ["JFK", 4])
    with pytest.raises(StateError, match=r"ends early.*Clear the store"):
        decode_key(b"k", key[:-1])
