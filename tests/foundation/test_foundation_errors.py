"""Errors as short letters: what, where, how to mend it."""

from __future__ import annotations

import inspect

import pytest

import hindcast as hc
from hindcast import errors
from hindcast.errors import ConfigError, DataError, SchemaError, UnknownName


def test_there_is_one_family() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, hc.HindcastError)
        assert inspect.getdoc(kind)


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    error = UnknownName("column", "dep_dely", ["origin", "dep_delay", "dep_delay"], where="table 'departures'")
    assert isinstance(error, ConfigError)
    assert error.close == ("dep_delay",)
    assert error.known == ("dep_delay", "origin")
    assert str(error).startswith("table 'departures': no column 'dep_dely'. Did you mean 'dep_delay'?")


def test_nothing_close_and_nothing_known() -> None:
    assert "Did you mean" not in str(UnknownName("table", "xyz", ["departures"]))
    assert str(UnknownName("table", "xyz", [])) == "no table 'xyz'. Known: none."


def test_many_known_names_are_cut_short() -> None:
    text = str(UnknownName("column", "zzz", [f"column_{i}" for i in range(45)]))
    assert text.endswith("and 25 more.")


def test_a_data_error_says_where_and_keeps_it() -> None:
    error = DataError("not a number", file="a.csv", row=3, column="x", value="--")
    assert str(error) == "not a number (file a.csv, row 3, column 'x', value '--')"
    assert (error.file, error.row, error.column, error.value) == ("a.csv", 3, "x", "--")
    assert str(DataError("empty")) == "empty"


def test_a_schema_error_is_a_data_error() -> None:
    with pytest.raises(DataError):
        raise SchemaError("column 'x' became text")
