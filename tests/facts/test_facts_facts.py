from __future__ import annotations

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.facts import Facts, Table


def test_rows_arrays_and_frames_make_the_same_facts():
    table = Table("t", event_time="at", known="event")
    rows = [{"at": "2013-07-01", "x": 1}, {"at": None, "x": 2}, {"x": 3, "at": "2013-07-02"}]
    arrays = {"at": ["2013-07-01", None, "2013-07-02"], "x": [1, 2, 3]}
    for given in (rows, arrays, Frame.of(arrays)):
        facts = Facts.of(table, given, seq_from=4)
        assert facts.seq.tolist() == [4, 5]
        assert facts.frame["x"].objects().tolist() == [1, 3], "a row without an event time is no fact"
    assert len(Facts.of(table, [])) == 0


def test_the_first_refused_row_is_an_error_when_facts_are_made_by_hand():
    with pytest.raises(DataError, match="row 2") as caught:
        Facts.of(Table("t", event_time="at", known="event"), {"at": ["2013-07-01", "soon"]})
    assert (caught.value.column, caught.value.value) == ("at", "soon")


def test_facts_are_taken_and_joined():
    table = Table("t", event_time="at", known="event")
    facts = Facts.of(table, {"at": [3, 1, 2], "x": ["a", "b", "c"]})
    both = Facts.concat([facts.take(np.array([2])), facts.take(slice(0, 1))])
    assert both.event.tolist() == [2, 3]
    assert both.frame["x"].objects().tolist() == ["c", "a"]
    assert len(Facts.empty({"x": "text"})) == 0
    with pytest.raises(DataError, match="one length"):
        Facts(facts.event, facts.known[:1], facts.seq, facts.retract, facts.frame)
