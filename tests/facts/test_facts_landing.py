from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindcast.clock import ReplayClock
from hindcast.errors import ConfigError, DataError, SchemaError, UnknownName
from hindcast.facts import Lake, Quarantine, Table, files, frame, ingest, retract
from hindcast.values import moment_us

NOW = moment_us("2014-01-01")
HEADER = "id,at,x"


class Home:
    """A lake, a quarantine and a clock in one folder, and what is in them."""

    def __init__(self, root):
        self.root = root
        self.lake, self.quarantine, self.clock = Lake(root / "lake"), Quarantine(root / "quarantine"), ReplayClock(NOW)

    def ingest(self, *tables):
        return ingest(self.lake, tables, clock=self.clock, quarantine=self.quarantine, base=self.root)

    def write(self, name, lines, header=HEADER):
        (self.root / name).write_text("\n".join([header, *lines]) + "\n")

    def facts(self, name="t"):
        found = self.lake.facts(name)
        return Counter(zip(found.event.tolist(), found.known.tolist(), map(str, found.frame.rows()), strict=True))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def table(source="t.csv", **options):
    return Table("t", files(source), **{"event_time": "at", "known": "event", **options})


DAY = "2013-07-01T{:02}:00:00Z".format
ROWS = [f"k{n % 3},{DAY(n)},{n}" for n in range(6)]

# ---- what is new, and what is the same ------------------------------------------------------------------


def test_the_same_a_grown_and_a_reordered_file_add_nothing_twice(home):
    home.write("t.csv", ROWS[:3])
    assert home.ingest(table())[0].new == 3
    assert (home.ingest(table())[0].new, home.ingest(table())[0].same) == (0, 3)
    home.write("t.csv", [ROWS[4], ROWS[2], ROWS[0], ROWS[1], ROWS[1]])
    [landed] = home.ingest(table())
    assert (landed.new, landed.same) == (2, 3), "a row that is there twice is two facts"
    assert home.lake.facts("t").frame["x"].objects().tolist() == [0, 1, 2, 4, 1]
    assert home.lake.facts("t").seq.tolist() == [0, 1, 2, 3, 4]


def test_every_row_carries_when_its_file_was_read(home):
    home.write("t.csv", ROWS[:2])
    home.ingest(table())
    first = home.clock.now_us()
    home.write("t.csv", ROWS[:3])
    home.ingest(table())
    assert home.lake.arrivals("t").tolist() == [first, first, home.clock.now_us()]
    assert first < home.clock.now_us()


rows_of = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["", "1", "2.5", "word"])), max_size=8
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of, st.data())
def test_any_growing_prefixes_give_the_same_multiset_as_once(tmp_path_factory, rows, data):
    lines = [f"{key},{DAY(hour)},{x}" for key, hour, x in rows]
    declared = table(types={"x": "number"})
    once, often = Home(tmp_path_factory.mktemp("once")), Home(tmp_path_factory.mktemp("often"))
    once.write("t.csv", lines)
    once.ingest(declared)
    cuts = data.draw(st.lists(st.integers(0, len(lines)), max_size=3))
    for cut in [*cuts, len(lines)]:
        prefix = lines[: max([cut, *cuts[: cuts.index(cut)]])] if cut in cuts else lines
        often.write("t.csv", data.draw(st.permutations(prefix)))
        often.ingest(declared)
    assert often.facts() == once.facts()
    assert Counter(row.value for row in often.quarantine.rows()) == Counter(row.value for row in once.quarantine.rows())


def test_files_of_one_source_are_one_multiset(home):
    home.write("jan.csv", ROWS[:2])
    home.write("jun.csv", [ROWS[1], ROWS[2]])
    both = table("*.csv")
    assert home.ingest(both)[0].new == 4, "the same row in two files of one reading is two facts"
    assert home.ingest(both)[0].same == 4
    (home.root / "jan.csv").unlink()
    home.write("jun.csv", ROWS[:4])
    assert home.ingest(both)[0].new == 1


def test_views_share_one_reading_and_keep_their_own_columns(home):
    home.write("t.csv", [f"a,{DAY(1)},{DAY(2)},7", f"b,{DAY(1)},,"], header="id,plan,done,x")
    raw = files("t.csv")
    plan = Table("plan", raw, key="id", event_time="plan", known="event", columns=[])
    done = Table("done", raw, key="id", event_time="done", known="event", columns=["x"])
    landed = home.ingest(plan, done)
    assert [(one.new, one.absent) for one in landed] == [(2, 0), (1, 1)]
    assert home.lake.schema("plan") == {"id": "text", "plan": "time"}
    assert home.lake.facts("done").frame["x"].objects().tolist() == [7]
    with pytest.raises(ConfigError, match="columns="):
        home.ingest(plan, replace(done, columns=None))


def test_a_changed_row_is_a_correction_that_lands_later(home):
    keyed = table(key="id", known="seen")
    home.write("t.csv", [f"a,{DAY(1)},1,{DAY(2)}"], header="id,at,x,seen")
    home.ingest(keyed)
    home.write("t.csv", [f"a,{DAY(1)},5,{DAY(9)}"], header="id,at,x,seen")
    home.ingest(keyed)
    found = home.lake.facts("t")
    assert found.frame["x"].objects().tolist() == [1, 5]
    assert found.known.tolist() == [moment_us(DAY(2)), moment_us(DAY(9))]


def test_arrival_is_when_the_file_was_ingested(home):
    home.write("t.csv", ROWS[:1])
    arriving = table(known="arrival")
    home.ingest(arriving)
    home.clock.advance(NOW + 1000)
    home.write("t.csv", ROWS[:2])
    home.ingest(arriving)
    known = home.lake.facts("t").known
    assert NOW < known[0] < NOW + 1000 < known[1]


def test_facts_from_the_future_land_and_are_counted(home):
    home.write("t.csv", ["a,2013-07-01,1", "b,2150-01-01,2", "c,2250-01-01,3"])
    [landed] = home.ingest(table())
    assert (landed.new, landed.future, landed.refused) == (2, 1, 1)
    assert "1900 to 2199" in home.quarantine.rows()[0].reason
    assert home.lake.facts("t").visible(NOW).tolist() == [True, False]


# ---- what is refused ------------------------------------------------------------------------------------


def test_bad_rows_are_in_quarantine_with_their_place_and_good_ones_land(home):
    lines = [*ROWS[:2], "k9,soon,1", "k9", f"k9,{DAY(3)},many", f"k9,{DAY(4)},4,5", "k8,,8", ROWS[2]]
    home.write("t.csv", lines)
    [landed] = home.ingest(table(types={"x": "integer"}))
    assert (landed.new, landed.absent, landed.refused, landed.same) == (3, 1, 4, 0)
    assert landed.new + landed.absent + landed.refused == len(lines)
    rows = [(row.file, row.row, row.column, row.value) for row in home.quarantine.rows()]
    assert rows == [
        ("t.csv", 3, "at", "soon"),
        ("t.csv", 4, None, "k9"),
        ("t.csv", 5, "x", "many"),
        ("t.csv", 6, None, f"k9,{DAY(4)},4,5"),
    ]
    reasons = [row.reason for row in home.quarantine.rows()]
    assert reasons[0] == "at is not a time"
    assert reasons[2] == "x is not an integer"
    home.write("t.csv", [*reversed(lines), ROWS[3]])
    [again] = home.ingest(table(types={"x": "integer"}))
    assert (again.new, again.same, again.refused) == (1, 3, 4)
    assert home.quarantine.count() == 4, "the same bad row elsewhere in the file is not refused anew"
    assert home.lake.facts("t").frame["x"].objects().tolist() == [0, 1, 2, 3]


def test_a_kind_guessed_from_most_values_refuses_the_others(home):
    home.write("t.csv", [f"a,{DAY(1)},{n}" for n in range(200)] + [f"a,{DAY(1)},oops"])
    [landed] = home.ingest(table())
    assert (landed.new, landed.refused) == (200, 1)
    home.write("t.csv", [f"a,{DAY(2)},7", f"a,{DAY(2)},oops", f"a,{DAY(2)},8"])
    assert home.ingest(table())[0].refused == 1, "the stored kind decides, however few rows come"


def test_times_that_are_nan_or_null_in_typed_files(home):
    pq.write_table(pa.table({"at": [float("nan"), 1.0], "x": [1, 2]}), home.root / "t.parquet")
    with pytest.raises(ConfigError, match=r"file t.parquet, column 'at'.*not times"):
        home.ingest(table("t.parquet"))
    times = pa.array([None, 1, 2], pa.timestamp("us", "UTC"))
    known = pa.array([1, None, 2], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"at": times, "seen": known, "x": [1, 2, 3]}), home.root / "t.parquet")
    [landed] = home.ingest(table("t.parquet", known="seen"))
    assert (landed.new, landed.absent, landed.refused) == (1, 1, 1)
    assert home.quarantine.rows()[0].column == "seen"


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("id,at,at\n", DataError, "'at' more than once"),
        ("id,x\na,1\n", UnknownName, "no column 'at'"),
        ("id,at,x\na,2013-07-01 06:00:00,1\n", ConfigError, "zone="),
        ("id,at,_seq\na,2013-07-01,1\n", ConfigError, "_seq"),
    ],
)
def test_a_file_that_cannot_be_understood_lands_nothing(home, content, error, message):
    home.write("a.csv", ROWS[:1])
    (home.root / "b.csv").write_text(content)
    with pytest.raises(error, match=message) as caught:
        home.ingest(table("*.csv"))
    assert "b.csv" in str(caught.value)
    assert home.lake.rows("t") == 1, "files before it have landed"
    assert home.quarantine.count() == 0


def test_clock_times_are_read_in_the_declared_zone_and_odd_ones_counted(home):
    home.write("t.csv", ["a,2013-11-03 01:30:00,1", "b,2013-11-03 06:00:00,2"])
    [landed] = home.ingest(table(zone="America/New_York"))
    assert (landed.new, landed.ambiguous) == (2, 1)
    assert home.lake.facts("t").event.tolist() == [moment_us("2013-11-03T05:30:00Z"), moment_us("2013-11-03T11:00:00Z")]


# ---- schema ---------------------------------------------------------------------------------------------


def test_a_grown_file_may_widen_and_add_columns(home):
    keyed = table(key="id")
    home.write("t.csv", [f"a,{DAY(1)},1"])
    home.ingest(keyed)
    home.write("t.csv", [f"a,{DAY(1)},1,", f"b,{DAY(2)},2.5,new"], header="id,at,x,y")
    [landed] = home.ingest(keyed)
    assert (landed.new, landed.same) == (1, 1), "an integer that became a number is still the same row"
    assert home.lake.facts("t").frame["x"].objects().tolist() == [1.0, 2.5]
    home.write("t.csv", [f"a,{DAY(1)},1,late", f"b,{DAY(2)},2.5,new"], header="id,at,x,y")
    assert home.ingest(keyed)[0].new == 1, "with a key, a filled column arrives as a correction"
    home.write("t.csv", [f"a,{DAY(1)},late", f"c,{DAY(2)},new"], header="id,at,y")
    assert (home.ingest(keyed)[0].new, home.lake.schema("t")["x"]) == (1, "number")


def test_without_a_key_a_filled_added_column_is_refused(home):
    home.write("t.csv", [f"a,{DAY(1)},1"])
    home.ingest(table())
    home.write("t.csv", [f"a,{DAY(1)},1,full", f"b,{DAY(2)},2,full"], header="id,at,x,y")
    with pytest.raises(SchemaError, match=r"1 rows .* Declare key="):
        home.ingest(table())
    assert home.lake.rows("t") == 1
    home.write("t.csv", [f"b,{DAY(2)},2,full"], header="id,at,x,y")
    assert home.ingest(table())[0].new == 1


def test_a_column_without_values_takes_the_kind_of_its_first_ones(home):
    home.write("t.csv", [])
    assert home.ingest(table())[0].new == 0
    assert home.lake.schema("t")["x"] == "number"
    home.write("t.csv", [f"a,{DAY(1)},"])
    home.ingest(table())
    home.write("t.csv", [f"a,{DAY(1)},", f"b,{DAY(2)},word"])
    assert (home.ingest(table())[0].new, home.lake.schema("t")["x"]) == (1, "text")
    assert home.lake.facts("t").frame["x"].objects().tolist() == [None, "word"]


def test_a_column_of_another_kind_is_refused_as_a_whole(home):
    home.write("t.csv", ROWS)
    home.ingest(table())
    home.write("t.csv", [f"a,{DAY(1)},word", f"b,{DAY(2)},other"])
    with pytest.raises(SchemaError, match=r"'x' holds integer values.*text"):
        home.ingest(table())
    [landed] = home.ingest(table(types={"x": "integer"}))
    assert landed.refused == 2


# ---- retraction -----------------------------------------------------------------------------------------


def test_a_retraction_lands_once_and_names_facts_that_exist(home):
    keyed = table(key="id")
    home.write("t.csv", ROWS)
    home.ingest(keyed)
    assert retract(home.lake, keyed, ["k1", "k0"], "2013-08-01").rows == 2
    assert retract(home.lake, keyed, ["k1", "k0"], "2013-08-01").repeated
    found = home.lake.facts("t").take(slice(6, None))
    assert found.retract.all()
    assert found.known.tolist() == [moment_us("2013-08-01")] * 2
    assert found.frame["id"].objects().tolist() == ["k1", "k0"]
    assert found.frame["x"].objects().tolist() == [None, None]
    with pytest.raises(DataError, match="stranger"):
        retract(home.lake, keyed, ["k1", "stranger"], "2013-08-02")
    with pytest.raises(ConfigError, match="has no key"):
        retract(home.lake, table(), ["k1"], "2013-08-01")
    with pytest.raises(ConfigError, match=r"a key is \(id\)"):
        retract(home.lake, keyed, [("k1", 2)], "2013-08-01")
    assert home.ingest(keyed)[0].same == 6, "the file's rows are still known after a retraction"


# ---- kills and company ----------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
import hindcast.facts.datafile
from hindcast.clock import ReplayClock
from hindcast.facts import Lake, Quarantine, Table, files, ingest

left = int(sys.argv[2])
synced = os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    synced(descriptor)
os.fsync = fsync
root = Path(sys.argv[1])
table = Table("t", files("a.csv", "b.csv"), key="id", event_time="at", known="event", types={"x": "integer"})
ingest(Lake(root / "lake"), [table], clock=ReplayClock(1), quarantine=Quarantine(root / "quarantine"), base=root)
"""


@pytest.mark.service
@pytest.mark.parametrize("syncs", [0, 3, 5, 6, 8, 11, 14])
def test_a_kill_at_any_sync_and_another_ingest_give_the_same_facts(tmp_path, syncs):
    home, unbroken = Home(tmp_path / "killed"), Home(tmp_path / "unbroken")
    declared = Table("t", files("a.csv", "b.csv"), key="id", event_time="at", known="event", types={"x": "integer"})
    for each in (home, unbroken):
        each.root.mkdir()
        each.write("a.csv", [*ROWS[:3], "bad,soon,1"])
        each.write("b.csv", [*ROWS[2:], f"bad,{DAY(1)},many"])
    command = [sys.executable, "-c", KILLED, str(home.root), str(syncs)]
    assert subprocess.run(command, check=False).returncode == -9
    assert home.ingest(declared)[0].refused == 2
    unbroken.ingest(declared)
    assert home.facts() == unbroken.facts()
    assert home.lake.fingerprint("t") == unbroken.lake.fingerprint("t")
    assert home.quarantine.rows() == unbroken.quarantine.rows()


@pytest.mark.service
def test_ingesting_files_imports_neither_pandas_nor_datasets(home):
    home.write("t.csv", ROWS)
    pq.write_table(pa.table({"x": [1, None], "y": ["a", "b"]}), home.root / "u.parquet")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hindcast.clock import ReplayClock\n"
        "from hindcast.facts import Lake, Quarantine, Table, files, ingest\n"
        "root = Path(sys.argv[1])\n"
        "csv = Table('t', files('t.csv'), event_time='at', known='event')\n"
        "tables = [csv, Table('u', files('u.parquet'), known='always')]\n"
        "landed = ingest(Lake(root / 'lake'), tables, clock=ReplayClock(), quarantine=Quarantine(root), base=root)\n"
        "assert [one.new for one in landed] == [6, 2]\n"
        "unwanted = {'pandas', 'pyarrow.dataset', 'pyarrow._dataset'} & set(sys.modules)\n"
        "assert not unwanted, unwanted\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script, str(home.root)], check=True)


def test_two_who_ingest_at_the_same_time_land_every_row_once(home):
    home.write("t.csv", ROWS)
    failures = []

    def work():
        try:
            lake, quarantine = Lake(home.root / "lake"), Quarantine(home.root / "quarantine")
            ingest(lake, [table()], clock=ReplayClock(NOW), quarantine=quarantine, base=home.root)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert home.lake.facts("t").frame["x"].objects().tolist() == [0, 1, 2, 3, 4, 5]


def test_progress_is_told_part_by_part(home):
    home.write("t.csv", ROWS)
    told = []
    other = Table("u", frame({"x": [1]}), known="always")
    ingest(
        home.lake,
        [table(), other, Table("pushed", known="arrival")],
        clock=home.clock,
        quarantine=home.quarantine,
        base=home.root,
        progress=lambda *what: told.append(what),
    )
    assert told == [("t from t.csv", 1, 1), ("u from data frame", 2, 2)]


@pytest.mark.slow
def test_a_year_of_flights_is_ingested_into_three_views(tmp_path):
    import numpy as np

    count = 336_776
    random = np.random.default_rng(1)
    minutes = random.integers(0, 525_600, count) * 60_000_000 + moment_us("2013-01-01")
    words = {name: [f"{name}{n}" for n in random.integers(0, 100, count)] for name in ("carrier", "origin", "dest")}
    numbers = {f"n{n}": random.normal(size=count) for n in range(14)}
    times = pa.array(minutes, pa.timestamp("us", "UTC"))
    ids = [f"2013-{n:06}" for n in range(count)]
    pq.write_table(pa.table({"id": ids, "at": times, **words, **numbers}), tmp_path / "t.parquet")
    raw = files("t.parquet")
    home = Home(tmp_path)
    views = [
        Table(name, raw, key="id", event_time="at", known="event", columns=[*words, *numbers])
        for name in ("a", "b", "c")
    ]
    assert [landed.new for landed in home.ingest(*views)] == [count] * 3
    assert len(home.lake.facts("a")) == count
