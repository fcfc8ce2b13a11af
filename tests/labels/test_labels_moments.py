"""Moments of any make are the same microseconds."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hindcast.errors import DataError
from hindcast.labels.moments import about, moments_of
from hindcast.values import DAY_US, HOUR_US, NEVER

DAY = 18_262 * DAY_US  # the first of January 2020


@pytest.mark.parametrize(
    "values",
    [
        [datetime(2020, 1, 1, tzinfo=UTC), None],
        ["2020-01-01", None],
        [DAY, None],
        [float(DAY), float("nan")],
        np.array([DAY, np.nan]),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        pd.Series(pd.to_datetime(["2020-01-01", None], utc=True)),
        pl.Series([datetime(2020, 1, 1), None]),
        pa.array([datetime(2020, 1, 1, tzinfo=UTC), None]),
        np.array([DAY, NEVER + 5]),
    ],
    ids=str,
)
def test_moments_of_any_make(values):
    assert moments_of(values, "at").tolist() == [DAY, NEVER]


def test_what_is_no_moment():
    with pytest.raises(DataError, match=r"not a moment.*row 2"):
        moments_of(["2020-01-01", "soon"], "at")
    with pytest.raises(DataError, match="shape"):
        moments_of([[1]], "at")
    assert moments_of([], "at").tolist() == []


def test_durations_for_people():
    assert [about(us) for us in (5, 90_500_000, 2 * HOUR_US + 1, 5 * DAY_US + 1)] == ["5us", "90500ms", "121m", "121h"]
