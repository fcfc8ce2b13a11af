from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindcast.errors import DataError, SchemaError, StateError, UnknownName
from hindcast.facts import Facts, Lake, Table, datafile
from hindcast.facts import lake as lake_module
from hindcast.facts.datafile import OWN_TYPES
from hindcast.values import BEGINNING

T = Table("events", event_time="at", known="event")


def facts(values, seq_from=0, **more):
    count = len(values)
    return Facts.of(T, {"at": list(range(1, count + 1)), "x": values, **more}, seq_from=seq_from)


def contents(lake, **options):
    found = lake.facts("events", **options)
    return list(zip(found.seq.tolist(), found.event.tolist(), found.frame["x"].objects().tolist(), strict=True))


def test_what_landed_is_read_back_in_order(tmp_path):
    lake = Lake(tmp_path / "lake")
    assert (lake.tables(), lake.version("events"), lake.next_seq("events"), lake.rows("events")) == ([], -1, 0, 0)
    first = lake.append(T, facts(["a", None]), batch="1")
    second = lake.append(T, facts(["é"], seq_from=7), batch="2", file="jan.csv", rows=np.array([9]))
    assert (first.rows, second.rows, second.version) == (2, 1, first.version + 1)
    assert first.read_back
    again = Lake(tmp_path / "lake")
    assert contents(again) == [(0, 1, "a"), (1, 2, None), (7, 1, "é")]
    assert (again.tables(), again.next_seq("events"), again.rows("events")) == (["events"], 8, 3)
    assert again.schema("events") == {"at": "time", "x": "text"}
    assert again.fingerprint("events") == second.fingerprint
    assert again.facts("events", ["x"]).frame.names == ["x"]
    assert len(again.facts("events", []).frame) == 3


def test_the_arrival_of_a_fact_is_kept_beside_it_and_is_no_part_of_the_content(tmp_path):
    lake, silent = Lake(tmp_path / "a"), Lake(tmp_path / "b")
    assert lake.arrivals("events").tolist() == []
    for arrival, target in ((np.array([5, 6]), lake), (None, silent)):
        target.append(T, facts(["a", "b"]), batch="1", arrival=arrival)
        target.append(T, facts(["c"], seq_from=2), batch="2", arrival=None)
    assert lake.arrivals("events").tolist() == [5, 6, BEGINNING]
    assert lake.fingerprint("events") == silent.fingerprint("events")


def test_a_table_of_a_version_without_arrivals_takes_them_from_now_on(tmp_path, monkeypatch):
    older = {name: stored for name, stored in OWN_TYPES.items() if name != "_arrival"}
    with monkeypatch.context() as then:
        then.setattr(lake_module, "OWN_TYPES", older)
        then.setattr(datafile, "OWN_TYPES", older)
        then.setattr(
            lake_module,
            "own_columns",
            lambda *given: {name: c for name, c in datafile.own_columns(*given).items() if name != "_arrival"},
        )
        Lake(tmp_path).append(T, facts([1]), batch="1")
    lake = Lake(tmp_path)
    assert lake.arrivals("events").tolist() == [BEGINNING]
    lake.append(T, facts([2.5], seq_from=1), batch="2", arrival=np.array([9]))
    assert lake.arrivals("events").tolist() == [BEGINNING, 9]
    assert contents(lake) == [(0, 1, 1.0), (1, 1, 2.5)]
    assert lake.schema("events") == {"at": "time", "x": "number"}


def test_an_older_version_stays_readable(tmp_path):
    lake = Lake(tmp_path)
    first = lake.append(T, facts(["a"]), batch="1")
    lake.append(T, facts(["b"], seq_from=1), batch="2")
    assert contents(lake, version=first.version) == [(0, 1, "a")]
    assert lake.fingerprint("events", version=first.version) == first.fingerprint
    with pytest.raises(StateError, match="no readable version 99"):
        lake.facts("events", version=99)


def test_names_nobody_knows_are_answered(tmp_path):
    lake = Lake(tmp_path)
    lake.append(T, facts(["a"]), batch="1")
    with pytest.raises(UnknownName, match="Did you mean 'events'"):
        lake.facts("event")
    with pytest.raises(UnknownName, match="no column 'y'"):
        lake.facts("events", ["y"])
    with pytest.raises(UnknownName, match="key_column"):
        lake.append(replace(T, key="key_column"), facts(["a"], seq_from=1), batch="2")


def test_a_batch_lands_once(tmp_path):
    lake = Lake(tmp_path)
    first = lake.append(T, facts(["a"]), batch="1")
    second = Lake(tmp_path).append(T, facts(["a"]), batch="1")
    assert (second.rows, second.repeated, second.version) == (0, True, first.version)
    assert lake.landed("events", "1")
    assert not lake.landed("events", "2")
    assert contents(lake) == [(0, 1, "a")]


def test_nothing_to_land_still_makes_the_table(tmp_path):
    lake = Lake(tmp_path)
    assert lake.append(T, facts([]), batch="none").rows == 0
    assert len(lake.facts("events")) == 0
    assert lake.digests("events").shape == (0, 2)


@pytest.mark.parametrize("seq", [[0, 0], [1, 0], [0, 1]])
def test_taken_or_disordered_sequence_numbers_are_refused(tmp_path, seq):
    lake = Lake(tmp_path)
    lake.append(T, facts(["a"]), batch="1")
    wrong = replace(facts(["b", "c"]), seq=np.array(seq, dtype=np.int64))
    with pytest.raises(StateError, match="from 1 on"):
        lake.append(T, wrong, batch="2")
    assert len(lake.facts("events")) == 1


def test_columns_are_added_and_widened_and_nothing_is_lost(tmp_path):
    lake = Lake(tmp_path)
    lake.append(T, facts([1, 2]), batch="1")
    lake.append(T, facts([3], 2, extra=["new"]), batch="2")
    lake.append(T, facts([0.5], 3, late=[None]), batch="3")
    lake.append(T, facts([4], 4, late=["word"]), batch="4")
    found = lake.facts("events")
    assert found.frame["x"].objects().tolist() == [1.0, 2.0, 3.0, 0.5, 4.0]
    assert found.frame["extra"].objects().tolist() == [None, None, "new", None, None]
    assert found.frame["late"].objects().tolist() == [None] * 4 + ["word"], "a column of nulls takes any kind"
    assert found.seq.tolist() == [0, 1, 2, 3, 4]
    assert lake.schema("events") == {"at": "time", "x": "number", "extra": "text", "late": "text"}
    assert len(lake.digests("events")) == 5


@pytest.mark.parametrize(("before", "after"), [([1], ["a"]), (["a"], [1]), ([0.5], [True, "x"][1:]), ([True], [2])])
def test_a_kind_that_would_lose_something_is_refused(tmp_path, before, after):
    lake = Lake(tmp_path)
    lake.append(T, facts(before), batch="1")
    with pytest.raises((SchemaError, DataError), match="column 'x'"):
        lake.append(T, facts(after, seq_from=1), batch="2")
    assert lake.rows("events") == 1


def test_an_integer_too_large_for_a_number_is_not_widened(tmp_path):
    lake = Lake(tmp_path)
    lake.append(T, facts([2**60]), batch="1")
    with pytest.raises(DataError, match="rounded"):
        lake.append(T, facts([0.5], seq_from=1), batch="2")
    assert lake.facts("events").frame["x"].objects().tolist() == [2**60]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=6), st.data())
def test_the_fingerprint_names_the_facts_and_not_their_batches(tmp_path_factory, values, data):
    cut = data.draw(st.integers(0, len(values)))
    whole, parts = (Lake(tmp_path_factory.mktemp("lake")) for _ in range(2))
    all_facts = facts(values)
    whole.append(T, all_facts, batch="all")
    parts.append(T, all_facts.take(slice(0, cut)), batch="head")
    parts.append(T, all_facts.take(slice(cut, None)), batch="tail")
    assert whole.fingerprint("events") == parts.fingerprint("events")
    assert contents(whole) == contents(parts)
    other = Lake(tmp_path_factory.mktemp("lake"))
    other.append(T, facts([*values[:-1], 7]), batch="all")
    assert other.fingerprint("events") != whole.fingerprint("events")


def test_of_two_who_append_with_the_same_numbers_one_fails_clearly(tmp_path):
    def append(name):
        try:
            return Lake(tmp_path).append(T, facts([name]), batch=name).rows
        except StateError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(append, ["a", "b", "c", "d"]))
    assert results.count(1) == 1
    assert all("Someone else has appended" in result for result in results if result != 1)


def test_writers_who_take_their_numbers_inside_the_lock_all_succeed(tmp_path):
    def append(name):
        lake = Lake(tmp_path)
        with lake.writing("events"):
            return lake.append(T, facts([name], seq_from=lake.next_seq("events")), batch=name).rows

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(append, ["a", "b", "c", "d"])) == [1, 1, 1, 1]
    assert sorted(row[2] for row in contents(Lake(tmp_path))) == ["a", "b", "c", "d"]
    assert Lake(tmp_path).facts("events").seq.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("torn", [b"", b'{"commitInfo": {"hind'])
def test_a_commit_torn_by_a_power_cut_is_set_aside(tmp_path, torn):
    lake = Lake(tmp_path)
    lake.append(T, facts(["a"]), batch="1")
    second = lake.append(T, facts(["b"], seq_from=1), batch="2")
    log = tmp_path / "events" / "_delta_log"
    (log / f"{second.version:020d}.json").write_bytes(torn)
    again = Lake(tmp_path)
    assert contents(again) == [(0, 1, "a")]
    assert again.append(T, facts(["b"], seq_from=1), batch="2").rows == 1, "what was not on disk lands again"
    assert contents(again) == [(0, 1, "a"), (1, 1, "b")]
    assert list(log.glob("*.torn"))


def test_a_torn_checkpoint_is_done_without(tmp_path):
    lake = Lake(tmp_path)
    lake.append(T, facts(["a"]), batch="1")
    log = tmp_path / "events" / "_delta_log"
    lake._delta("events").create_checkpoint()
    lake.append(T, facts(["b"], seq_from=1), batch="2")
    [checkpoint] = log.glob("*.checkpoint*.parquet")
    checkpoint.write_bytes(checkpoint.read_bytes()[:40])
    assert contents(Lake(tmp_path)) == [(0, 1, "a"), (1, 1, "b")]


def test_a_table_that_lost_its_log_says_so(tmp_path):
    lake = Lake(tmp_path)
    lake.append(T, facts(["a"]), batch="1")
    for path in (tmp_path / "events" / "_delta_log").glob("*.json"):
        path.unlink()
    with pytest.raises(StateError, match="events"):
        lake.facts("events")


def test_a_table_whose_making_was_cut_short_is_made_again(tmp_path):
    (tmp_path / "events" / "_delta_log").mkdir(parents=True)
    (tmp_path / "events" / "_delta_log" / "_commit_1.json.tmp").write_text("")
    lake = Lake(tmp_path)
    assert lake.tables() == []
    assert lake.append(T, facts(["a"]), batch="1").rows == 1
    assert contents(lake) == [(0, 1, "a")]


def test_other_tools_read_the_table(tmp_path):
    from deltalake import DeltaTable, QueryBuilder

    lake = Lake(tmp_path)
    lake.append(T, facts([1, None]), batch="1", file="jan.csv", rows=np.array([3, 5]))
    lake.append(T, facts([0.5], seq_from=2, extra=["new"]), batch="2")
    builder = QueryBuilder().register("events", DeltaTable(str(tmp_path / "events")))
    rows = pa.table(builder.execute("select x, extra, _file, _row, _seq from events order by _seq").read_all())
    assert rows["x"].to_pylist() == [1.0, None, 0.5]
    assert rows["extra"].to_pylist() == [None, None, "new"]
    assert rows["_file"].to_pylist() == ["jan.csv", "jan.csv", None]
    assert rows["_row"].to_pylist() == [3, 5, 0]


@pytest.mark.service
def test_reading_and_appending_import_neither_pandas_nor_datasets(tmp_path):
    Lake(tmp_path).append(T, facts(["a", None], y=[1.5, None]), batch="1")
    script = (
        "import sys\n"
        "import hindcast.facts\n"
        "heavy = {'pyarrow', 'deltalake', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from hindcast.facts import Facts, Lake, Table\n"
        f"lake = Lake({str(tmp_path)!r})\n"
        "assert len(lake.facts('events')) == 2\n"
        "table = Table('events', event_time='at', known='event')\n"
        "rows = [{'at': '2013-07-01T06:00:00Z', 'x': 'b', 'y': 2.5, 'z': True}]\n"
        "assert lake.append(table, Facts.of(table, rows, seq_from=2), batch='2').rows == 1\n"
        "assert lake.facts('events').frame['x'].objects().tolist() == ['a', None, 'b']\n"
        "unwanted = {'pandas', 'pyarrow.dataset', 'pyarrow._dataset'} & set(sys.modules)\n"
        "assert not unwanted, unwanted\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
