"""Values held against a kind: many at once are taken exactly as one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import DataError
from hindcast.facts import fit as fitting
from hindcast.facts.fit import Misfit, checked_value, column_of, first_kind, fit, kind_of_values, short

KINDS = ["number", "integer", "time", "boolean", "text"]
moments = st.sampled_from(
    ["2013-07-01T06:00:00Z", "2013-07-01", "2013-07-01T06:00:00", "2013-07-01 06:00:00.25+02:00", "20130701T060000Z",
     "soon", "", "1850-01-01", "2013-13-01T00:00:00Z", "2013-11-03T01:30:00", "2013-03-10T02:30:00", "2013-W27",
     "2013-07-01T24:00:00Z", "2013-07-01T06:00:00.123456789Z", " 2013-07-01T06:00:00Z "]
)  # fmt: skip
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(-(2**80), 2**80), st.floats(), moments,
    st.text(max_size=3), st.just([1]), st.just({"a": 1}), st.just(datetime(2013, 7, 1, tzinfo=UTC)), st.just(10**310),
)  # fmt: skip
alike = st.one_of(
    st.lists(st.none() | st.integers(-(2**70), 2**70)), st.lists(st.none() | st.floats()),
    st.lists(st.none() | moments),
    st.lists(st.integers(0, 9) | st.floats(allow_nan=False)), st.lists(st.none() | st.booleans()), st.lists(values),
)  # fmt: skip


@settings(deadline=None)
@given(alike, st.sampled_from(KINDS))
def test_many_are_taken_as_one_by_one(items, kind):
    expected, wrong = [], []
    for place, item in enumerate(items):
        try:
            expected.append(checked_value("c", item, kind))
        except Misfit:
            expected.append(None)
            wrong.append(place)
    with pytest.MonkeyPatch.context() as patched:
        for many in (0, 1000):
            patched.setattr(fitting, "_MANY", many)
            made = fit("c", items, kind)
            assert made.column.objects().tolist() == expected
            assert list(made.faults) == wrong
            assert all(made.faults.values())
            assert not made.odd.any()


@settings(deadline=None)
@given(st.lists(values | moments), st.sampled_from(["UTC", "America/New_York"]))
def test_times_in_a_zone_are_those_of_their_clock_however_many(items, zone):
    one_by_one = [fit("c", [item], "time", zone) for item in items]
    made = fit("c", items, "time", zone)
    assert made.column.objects().tolist() == [one.column.objects()[0] for one in one_by_one]
    assert made.odd.tolist() == [bool(one.odd[0]) for one in one_by_one]
    assert {place: reason for place, one in enumerate(one_by_one) for reason in one.faults.values()} == made.faults


def test_a_local_hour_that_occurs_twice_or_never_is_odd():
    made = fit("c", ["2013-11-03T01:30:00", "2013-03-10T02:30:00", "2013-07-01", None], "time", "America/New_York")
    assert made.odd.tolist() == [True, True, False, False]
    assert made.column.values[2] == 1372651200 * 10**6


def test_the_kind_of_values_is_what_nearly_all_of_them_have():
    assert kind_of_values([1, 2, None], "c") == "integer"
    assert kind_of_values([1, 2.5], "c") == "number"
    assert kind_of_values([True, False], "c") == "boolean"
    assert kind_of_values(["a"] * 99 + [1], "c") == "text"
    assert kind_of_values([], "c") == kind_of_values([None], "c") == "number"
    assert kind_of_values([datetime(2013, 7, 1, tzinfo=UTC)], "c") == "time"
    with pytest.raises(DataError, match=r"c: mixes 1 values of kind integer and 2 values of kind text\. Declare"):
        kind_of_values(["a", "b", 1], "c")
    with pytest.raises(DataError, match=r"holds objects.*paths="):
        kind_of_values([{"a": 1}, None], "c")
    with pytest.raises(DataError, match="holds lists"):
        kind_of_values([[1]], "c")
    with pytest.raises(DataError, match="holds a set"):
        kind_of_values([{1}], "c")
    assert [first_kind(items) for items in ([None, True], ["a"], [1, 2.5], [])] == [
        "boolean", "text", "number", "number"]  # fmt: skip


def test_a_column_names_its_misfits_by_row():
    column, faults = column_of("x", [1, "1", None, [2]], None)
    assert column.objects().tolist() == [1.0, None, None, None]
    assert [(fault.row, fault.column, fault.value) for fault in faults] == [(2, "x", "1"), (4, "x", "a list of 1")]


def test_what_a_person_is_shown_is_short():
    assert short("a" * 200) == "a" * 100 + "..."
    assert short(2**4000) == "a number of 4001 bits"
    assert short({str(n): n for n in range(9)}) == "an object (0, 1, 2, 3, 4, 5, 6, 7, ...)"
    assert short((1, 2)) == "a list of 2"
    assert short(np.zeros(1)) == "a ndarray"
    assert short(None) is None
