from __future__ import annotations

from dataclasses import replace

import pytest

from hindcast.errors import StateError
from hindcast.facts import Quarantine
from hindcast.facts.quarantine import Refused

ROW = Refused("flights", "jan.csv", 7, "landed", "soon", "landed is not a time", "abc")


def test_refused_rows_are_kept_in_order_and_counted_by_table(tmp_path):
    quarantine = Quarantine(tmp_path / "quarantine")
    assert quarantine.rows() == []
    assert quarantine.add([]) == 0
    other = replace(ROW, table="weather", value=None, column=None)
    assert quarantine.add([ROW, other]) == 2
    assert quarantine.add([replace(ROW, row=8)]) == 1
    assert Quarantine(tmp_path / "quarantine").rows() == [ROW, other, replace(ROW, row=8)]
    assert (quarantine.count(), quarantine.count("flights"), quarantine.rows("weather")) == (3, 2, [other])


def test_the_same_row_elsewhere_is_the_same_refusal(tmp_path):
    quarantine = Quarantine(tmp_path)
    quarantine.add([ROW, replace(ROW, file="feb.csv", row=9), replace(ROW, content="def")])
    assert quarantine.identities("flights") == {ROW.identity: 2, replace(ROW, content="def").identity: 1}


def test_a_line_torn_by_a_kill_is_passed_over_and_an_altered_one_is_not(tmp_path):
    quarantine = Quarantine(tmp_path)
    quarantine.add([ROW])
    with open(quarantine.path, "ab") as file:
        file.write(b'{"table": "flights", "fi')
    assert quarantine.rows() == [ROW]
    quarantine.add([ROW])
    assert quarantine.rows() == [ROW, ROW]
    quarantine.path.write_bytes(b'{"table": }\n' + quarantine.path.read_bytes())
    with pytest.raises(StateError, match="line 1"):
        quarantine.rows()
