from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from hindcast.columns import Column
from hindcast.errors import ConfigError, DataError
from hindcast.facts.cast import cast_texts, cast_typed, guess_kind
from hindcast.values import moment_us


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", " 3 "], "integer"),
        (["1", "2.5", "1e3"], "number"),
        (["1", "2.0"], "number"),
        (["007", "12"], "text"),
        (["12345678901234567890"], "text"),
        (["true", "False"], "boolean"),
        (["0", "1"], "integer"),
        (["2013-07-01T06:00:00Z", "2013-07-01 06:00:00-04:00"], "time"),
        (["2013-07-01", "2013-07-02"], "time"),
        (["2013-07-01 06:00:00"], "text"),
        (["JFK", "1"], "text"),
        ([None, None], "number"),
        (["1"] * 99 + ["x"], "integer"),
        (["1"] * 98 + ["x", "y"], "text"),
    ],
)
def test_a_kind_is_guessed_when_nearly_all_values_read_as_it(texts, kind):
    assert guess_kind(Column.of_kind(texts, "text")) == kind


@pytest.mark.parametrize(
    ("texts", "kind", "expected", "bad"),
    [
        (["1", "+2", None, "2.5", "x"], "integer", [1, 2, None, None, None], [3, 4]),
        (["1", "-.5", "1e3", "inf", "1e999", "0x1F"], "number", [1.0, -0.5, 1000.0, None, None, None], [3, 4, 5]),
        (["yes", "F", "1", "maybe"], "boolean", [True, False, True, None], [3]),
        (["a", None], "text", ["a", None], []),
    ],
)
def test_texts_that_do_not_fit_are_bad_and_missing_ones_are_not(texts, kind, expected, bad):
    cast = cast_texts(Column.of_kind(texts, "text"), kind, zone=None, what="column")
    assert cast.column.kind == kind
    assert cast.column.objects().tolist() == expected
    assert np.flatnonzero(cast.bad).tolist() == bad


def test_times_are_read_with_their_offset_or_in_the_declared_zone():
    texts = ["2013-07-01T06:00:00Z", "2013-07-01 02:00:00-04:00", None, "soon", "2013-07-01T06:00:00.1234567Z"]
    six = moment_us("2013-07-01T06:00:00Z")
    for given in (texts, [*texts, "2013-02-30T00:00:00Z"]):
        cast = cast_texts(Column.of_kind(given, "text"), "time", zone=None, what="column 'at'")
        assert cast.column.objects().tolist()[:5] == [six, six, None, None, six + 123_456]
        assert np.flatnonzero(cast.bad).tolist() == ([3] if given is texts else [3, 5])
    with pytest.raises(ConfigError, match=r"column 'at'.*zone="):
        cast_texts(Column.of(["2013-11-03 01:30:00"]), "time", zone=None, what="column 'at'")
    local = cast_texts(Column.of(["2013-11-03 01:30", "2013-07-01"]), "time", zone="America/New_York", what="")
    assert local.column.objects().tolist() == [moment_us("2013-11-03T05:30:00Z"), moment_us("2013-07-01T04:00:00Z")]
    assert local.odd.tolist() == [True, False]


def test_typed_columns_keep_their_kind():
    cast = cast_typed(pa.chunked_array([pa.array([1, None], pa.uint8())]), zone=None, what="column")
    assert cast.column.objects().tolist() == [1, None]
    assert cast_typed(pa.array([datetime.date(2013, 7, 1)]), zone=None, what="").column.objects().tolist() == [
        moment_us("2013-07-01")
    ]
    with pytest.raises(DataError, match="64-bit"):
        cast_typed(pa.array([2**64 - 1], pa.uint64()), zone=None, what="column")
    with pytest.raises(DataError, match="column 'x'"):
        cast_typed(pa.array([[1]]), zone=None, what="column 'x'")


def test_a_timestamp_without_a_zone_needs_one_declared():
    naive = pa.array([datetime.datetime(2013, 11, 3, 1, 30), None], pa.timestamp("ns"))
    with pytest.raises(ConfigError, match=r"column 'at'.*2013-11-03T01:30:00.*zone="):
        cast_typed(naive, zone=None, what="column 'at'")
    cast = cast_typed(naive, zone="America/New_York", what="column 'at'")
    assert cast.column.objects().tolist() == [moment_us("2013-11-03T05:30:00Z"), None]
    assert cast.odd.tolist() == [True, False]
    assert cast_typed(pa.nulls(2, pa.timestamp("us")), zone=None, what="").column.kind == "time"
