"""``hindcast init``: a first system file from someone's own CSV or Parquet file.

Reads the file, shows what each column is guessed to be and why, and writes a file that ``hindcast run`` runs. Where the
data cannot be used as they are (no key, a column named like a Python word, times as seconds since 1970), a mended copy
is written beside the system file and the original stays as it is.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Container
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path

import numpy as np

from hindcast.cli.starter import Plan, system_text
from hindcast.cli.tables import Grid, print_grid
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.expressions import Expression
from hindcast.quality.guess import (
    EPOCH,
    Guess,
    epoch_unit,
    guess_entity,
    guess_hour,
    guess_key,
    guess_target,
    guess_time,
    profile,
    span_days,
)
from hindcast.quality.leaks import parts_of, suspects
from hindcast.values import DAY_US, HOUR_US, Floats, duration_us, from_local, iso, zone_offset_us

__all__ = ["Read", "plan_system", "read_table", "write_system"]

ROW = "row_number"
MOST_VALUES = 1_000
DEFAULT_ZONE, DEFAULT_KNOWN_AFTER = "UTC", "1d"
_CLOCK = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(eq=False)
class Read:
    """A table as it was read, and what had to be mended.

    Attributes
    ----------
    frame : Frame
    refused : int
        Rows with more or fewer cells than the header.
    mended : list of str
        What a copy of the data would have to change, in sentences; empty when the file will do as it is.
    called : dict of str to str
        Names of the file that Python cannot say, and what their columns are called instead.
    """

    frame: Frame
    refused: int = 0
    mended: list[str] = field(default_factory=list)
    called: dict[str, str] = field(default_factory=dict)

    def column(self, name: str | None) -> str | None:
        """What a column is called that somebody names as the file does."""
        return name if name is None or name in self.frame else self.called.get(name, name)


def read_table(path: Path, zone: str = DEFAULT_ZONE) -> Read:
    """The rows of a CSV or Parquet file as typed columns, with names that Python can say.

    Raises
    ------
    ConfigError, DataError
        When there is no such file, it is neither CSV nor Parquet, or it holds no rows.
    """
    from hindcast.facts.cast import cast_texts, cast_typed, guess_kind
    from hindcast.facts.reading import openings
    from hindcast.facts.source import files

    if not path.is_file():
        raise ConfigError(f"no file at {str(path)!r}. Give one CSV or Parquet file with a row per event.")
    [(_, read)] = list(openings(files(path)))
    rows = read()
    if rows.table is None:
        raise ConfigError(f"file {path}: init guesses from CSV and Parquet; documents need a table with paths=.")
    if not rows.table.num_rows:
        raise DataError("holds no rows", file=str(path))
    result = Read(Frame({}), refused=len(rows.refusals))
    columns: dict[str, Column] = {}
    for name in rows.table.schema.names:
        what = f"file {path.name}, column {name!r}"
        try:
            column = cast_typed(rows.table[name], zone=zone, what=what).column
            if column.kind == "text":
                kind = "time" if _all_clocks(column) else "text" if rows.typed else guess_kind(column)
                column = cast_texts(column, kind, zone=zone, what=what).column
        except DataError as error:
            result.mended.append(f"column {name!r} is left out ({error})")
            continue
        unit = epoch_unit(name, column)
        if unit is not None:
            column = Column("time", column.values * EPOCH[unit], column.valid)
            result.mended.append(f"{name} was read as {unit} since 1970")
        said = _sayable(name, columns)
        if said != name:
            result.called[name] = said
        columns[said] = column
    result.mended += [f"{name!r} is called {said}" for name, said in result.called.items()]
    result.frame = Frame(columns)
    return result


def plan_system(
    read: Read,
    data: Path,
    out: Path,
    *,
    table: str | None = None,
    target: str | None = None,
    time: str | None = None,
    key: str | None = None,
    entity: str | None = None,
    as_of: str = "0s",
    known_after: str | None = None,
    zone: str | None = None,
    name: str | None = None,
) -> tuple[Plan, list[Guess], Frame]:
    """What the system file will say, the guesses behind it, and the rows it will read (with a row number, if no key).

    See ``hindcast init --help`` for the options; everything that is None is guessed.
    """
    frame = read.frame
    time, key, entity = read.column(time), read.column(key), read.column(entity)
    known_after = known_after or DEFAULT_KNOWN_AFTER
    duration_us(as_of, what="--as-of"), duration_us(known_after, what="--known-after")
    stem = re.sub(r"\W+", "_", data.name.split(".")[0]).strip("_").lower()
    table = table or (stem if stem.isidentifier() and not keyword.iskeyword(stem) else f"t_{stem}")
    if not table.isidentifier() or keyword.iskeyword(table) or table in RESERVED_NAMES:
        raise ConfigError(f"--table {table!r} must be a Python name other than {', '.join(RESERVED_NAMES)}.")
    table_why = "given by --table" if table != stem else "the file's name"
    goal = guess_target(frame, read.column(target))
    answers = sorted(Expression(goal.value).names)
    when = guess_time(frame, time)
    zone_given, zone = zone is not None, zone or DEFAULT_ZONE
    if time is None and _only_days(frame[when.value], zone) and (hour := guess_hour(frame, when.value)) is not None:
        frame, when = _with_hour(frame, when.value, hour, zone)
        read.mended.append(f"{when.value} is {when.why}")
    who = guess_key(frame, when.value, answers, key)
    keys = [part for part in who.value.split(",") if part] or [ROW]
    if not who.value:
        if ROW in frame:
            raise ConfigError(f"no column names a row, and {ROW!r} is taken; name the key with --key.")
        frame = frame.having(**{ROW: np.arange(1, len(frame) + 1, dtype=np.int64)})
        read.mended.append(f"{ROW} numbers the rows as they stand in the file, for want of a key")
    about = guess_entity(frame, [*answers, when.value, *([keys[0]] if len(keys) == 1 else [])], entity)
    label = _label(frame, goal.value)
    open_columns = [c for c in frame if c not in (*answers, when.value, *keys)]
    leaks = parts_of(frame, answers, open_columns)
    sums = [s.name for s in leaks]
    leaks += suspects(frame, label, when.value, [c for c in open_columns if c not in sums])
    leaking = {suspect.name for suspect in leaks}
    features: list[str] = []
    skipped: list[str] = []
    for column in open_columns:
        if column in leaking or column == about.value or frame[column].kind == "time":
            continue
        found = profile(column, frame[column])
        varied = found.kind == "text" and found.distinct > min(MOST_VALUES, max(20, len(frame) // 20))
        (skipped if varied or found.distinct < 2 else features).append(column)
    times = [c for c in open_columns if frame[c].kind == "time" and c not in leaking]
    if about.value:
        skipped += [about.value] if about.value not in keys else []
    slices = [c for c in features if frame[c].kind == "text" and 2 <= profile(c, frame[c]).distinct <= 12][:2]
    source = out.parent / f"{stem}_mended.parquet" if read.mended else data
    plan = Plan(
        name=name or table.replace("_", "-"),
        table=table,
        path=Path(relpath(source, out.parent)).as_posix(),
        zone=zone,
        time=when.value,
        as_of=as_of,
        known_after=known_after,
        key=tuple(keys),
        entity=about.value,
        target=goal.value,
        rate=float(np.nanmean(label)),
        features=tuple(features),
        skipped=tuple(dict.fromkeys([*skipped, *times])),
        suspects=tuple(leaks),
        slices=tuple(slices),
        days=span_days(frame[when.value]),
        rows=len(frame),
        date_only=_only_days(frame[when.value], zone),
        made="; ".join(read.mended) and f"In a copy of the data: {'; '.join(read.mended)}.",
    )
    guesses = [
        Guess("table", table, table_why),
        goal,
        when,
        Guess("key", who.value or ROW, who.why),
        Guess("entity", about.value or "none", about.why),
        Guess("asked", f"{as_of} before {when.value}" if duration_us(as_of) else f"at {when.value}", "--as-of"),
        Guess("outcome known", f"{known_after} after {when.value}", "assumed; say better with --known-after"),
        Guess("zone", zone, "given by --zone" if zone_given else "assumed; say better with --zone"),
    ]
    return plan, guesses, frame


def write_system(data: Path, out: Path, *, force: bool = False, **options: str | None) -> int:
    """Guess, show, write; 0 when the file is written.

    Raises
    ------
    ConfigError
        When `out` exists and `force` is not given, or something cannot be guessed safely.
    """
    if out.is_dir():
        out = out / "system.py"
    if out.exists() and not force:
        raise ConfigError(f"{str(out)!r} exists; give another place with --out, or --force to write over it.")
    read = read_table(data, options.get("zone") or DEFAULT_ZONE)
    plan, guesses, frame = plan_system(read, data, out, **options)  # type: ignore[arg-type]
    moments = frame[plan.time].values[frame[plan.time].present()]
    print(
        f"{data}: {len(frame):,} rows, {len(read.frame.names)} columns, "
        f"{iso(int(moments.min()))} to {iso(int(moments.max()))}"
    )
    if read.refused:
        print(f"{read.refused:,} rows with more or fewer cells than the header will go to quarantine.")
    print()
    print_grid(Grid("", ["What", "Guess", "Why"], [[g.what, g.value, g.why] for g in guesses], left=(0, 1, 2)))
    if plan.suspects:
        print("\nSuspected leaks, left out of the features (the file says how to put them back):")
        for suspect in plan.suspects:
            print(f"  {suspect.name}: {suspect.why}")
    out.parent.mkdir(parents=True, exist_ok=True)
    if read.mended:
        import pyarrow.parquet as pq

        copy = out.parent / plan.path
        pq.write_table(frame.to_arrow(), copy, compression="zstd")
        print(f"\nMended copy of the data, {copy}: {'; '.join(read.mended)}.")
    out.write_text(system_text(plan), encoding="utf-8")
    first, last = int(moments.min()), int(moments.max())
    later = iso(first + int(0.7 * (last - first)))[:10]
    print(f"\nWrote {out}. Wrong guesses are mended with options, see hindcast init --help. Next:")
    print(f"  hindcast run {out}")
    print(f"  hindcast replay {out} --from {later} --report report.html")
    return 0


RESERVED_NAMES = ("raw", "outcomes", "positive", "system", "hc", "np")


def _only_days(column: Column, zone: str) -> bool:
    """Whether every moment is a midnight of `zone`."""
    moments = column.values[column.present()]
    return bool(np.all((moments + zone_offset_us(moments, zone)) % DAY_US == 0))


def _with_hour(frame: Frame, day: str, hour: str, zone: str) -> tuple[Frame, Guess]:
    """The frame with a column that joins a day and an hour of a clock in `zone`, and the guess that it is the time."""
    name = _sayable(f"{day}_{hour}", frame)
    column = frame[day]
    clock = column.values + zone_offset_us(column.values, zone) + frame[hour].values * HOUR_US
    joined = Column("time", np.where(column.present(), from_local(clock, zone)[0], 0), column.valid)
    return frame.having(**{name: joined}), Guess("time", name, f"the day in {day} at the hour in {hour}")


def _label(frame: Frame, condition: str) -> Floats:
    truth, known = Expression(condition).truth(frame)
    return np.where(known, truth.astype(np.float64), np.nan)


def _all_clocks(column: Column) -> bool:
    """Whether nearly every value of a text column is a date or a clock time."""
    assert column.vocabulary is not None
    present = column.values[column.values >= 0]
    if not len(present):
        return False
    good = np.array([bool(_CLOCK.fullmatch(str(word).strip())) for word in column.vocabulary] or [False])
    return float(np.mean(good[present])) >= 0.99


def _sayable(name: str, taken: Container[str]) -> str:
    """A name that can stand in an expression and as a parameter; a taken one gets an underscore more."""
    said = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "column"
    if said[0].isdigit():
        said = f"c_{said}"
    if keyword.iskeyword(said) or said in RESERVED_NAMES:
        said += "_"
    while said in taken:
        said += "_"
    return said
