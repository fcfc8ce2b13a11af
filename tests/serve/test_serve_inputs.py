"""What callers may send: nothing guessed, nothing cut."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import DataError, UnknownName
from hindcast.facts import Table
from hindcast.facts.fit import checked_value
from hindcast.serve.inputs import checked_row
from hindcast.serve.landing import facts_of_rows
from hindcast.serve.records import FactsRecord, PackedColumn, _pack, _unpack, pack_facts, packed, unpacked

KINDS = ["number", "integer", "time", "boolean", "text"]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(scalars, st.sampled_from(KINDS))
def test_a_value_is_taken_as_it_is_or_refused_by_name(value, kind):
    try:
        taken = checked_value("c", value, kind)
    except DataError as error:
        misfit = error
        taken = None
    else:
        misfit = None
    if misfit is not None:
        assert misfit.column == "c"
        assert value is not None
        return
    if value is None:
        assert taken is None
    elif kind == "text":
        assert type(taken) is str
        assert taken == value
    elif kind == "boolean":
        assert taken is value
    elif kind == "number":
        assert type(taken) is float
        assert math.isfinite(taken)
        assert taken == float(value)
    elif kind == "integer":
        assert type(taken) is int
        assert taken == value
        assert -(1 << 63) <= taken < 1 << 63


def test_a_row_brings_every_column_and_no_other():
    kinds = {"who": "text", "x": "number"}
    assert checked_row({"x": 1, "who": None}, kinds, what="request", number=1) == {"who": None, "x": 1.0}
    with pytest.raises(UnknownName, match=r"request 3: no column 'wo'\. Did you mean 'who'"):
        checked_row({"wo": "a", "x": 1}, kinds, what="request", number=3)
    with pytest.raises(DataError, match="no value for 'who'") as caught:
        checked_row({"x": 1}, kinds, what="request", number=3)
    assert caught.value.row == 3


TRIPS = Table("trips", key="id", event_time="at", known="arrival", columns=["x", "word"], types={"x": "number"})
row = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", None, 7]),
        "at": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "soon", "2026-01-01T00:00:00", None, 10**15, 1.5]),
        "x": st.sampled_from([1, 2.5, None, "1", True]),
        "word": st.sampled_from(["a", "\u00e9", "", None]),
    },
)


@given(st.lists(row, max_size=8))
def test_every_row_is_a_fact_or_refused_or_absent_and_facts_come_back_from_the_journal(rows):
    pushed = facts_of_rows(TRIPS, rows, TRIPS.kinds, seq_from=7, arrival_us=99)
    assert len(pushed.facts) + len(pushed.refused) + pushed.absent == len(rows)
    assert len({r.row for r in pushed.refused}) == len(pushed.refused)
    for refused in pushed.refused:
        assert 1 <= refused.row <= len(rows)
        assert refused.reason
    assert pushed.facts.seq.tolist() == list(range(7, 7 + len(pushed.facts)))
    record = pack_facts("trips", pushed.facts, stamp=99, content=b"c", refused=pushed.refused, absent=0, future=0)
    back = unpacked(packed(record), FactsRecord).facts()
    for part in ("event", "known", "retract"):
        assert (getattr(back, part) == getattr(pushed.facts, part)).all()
    assert back.frame.rows() == pushed.facts.frame.rows()
    assert back.frame.kinds == pushed.facts.frame.kinds


def test_a_table_nobody_declared_takes_its_first_rows_as_they_are_and_then_keeps_to_them():
    table = Table("pings", known="arrival")
    first = facts_of_rows(table, [{"lane": 1, "on": True}], {}, seq_from=0, arrival_us=5)
    assert first.facts.frame.kinds == {"lane": "number", "on": "boolean"}
    kinds = first.facts.frame.kinds
    with pytest.raises(UnknownName, match=r"table 'pings', row 2: no column 'lne'\. Did you mean 'lane'"):
        facts_of_rows(table, [{"lane": 2}, {"lne": 2}], kinds, seq_from=1, arrival_us=6)
    wrong = facts_of_rows(table, [{"lane": "two"}], kinds, seq_from=1, arrival_us=6)
    assert [(r.row, r.column, r.value) for r in wrong.refused] == [(1, "lane", "two")]


def test_integers_that_nobody_declared_widen_and_declared_ones_do_not():
    open_table = Table("pings", known="arrival")
    strict = Table("pings", known="arrival", types={"lane": "integer"})
    rows = [{"lane": 1.5}]
    assert facts_of_rows(open_table, rows, {"lane": "integer"}, seq_from=0, arrival_us=1).facts.frame.kinds == {
        "lane": "number"
    }
    assert facts_of_rows(strict, rows, strict.kinds, seq_from=0, arrival_us=1).refused[0].value == "1.5"


def test_local_clock_times_are_read_in_the_tables_zone():
    table = Table("trips", event_time="at", known="event", zone="America/New_York", types={"at": "time"})
    rows = [{"at": "2013-07-01T06:00:00"}, {"at": "2013-07-01T10:00:00Z"}, {"at": 1372672800000000}, {"at": True}]
    pushed = facts_of_rows(table, rows, table.kinds, seq_from=0, arrival_us=0)
    assert set(pushed.facts.event.tolist()) == {1372672800000000}
    assert [r.row for r in pushed.refused] == [4]


def test_lists_are_journaled_to_the_bit():
    lists = Column.of_kind([("a", "ü"), (), None, (0.1, -0.0, 1e300)], "list")
    back = _unpack(unpacked(packed(_pack(lists)), PackedColumn))
    assert back.kind == "list"
    assert repr(back.objects().tolist()) == repr(lists.objects().tolist())
