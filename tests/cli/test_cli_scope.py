"""``hindcast scope``: a file's own names are understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hindcast.cli.init import read_table, write_system
from hindcast.cli.scope import scope_file
from hindcast.errors import UnknownName
from hindcast.system import load_system


def visits(path: Path) -> Path:
    lines = ["class,customer id,moment,amount"]
    lines += [
        f"{'back' if i % 3 else 'kept'},{i % 7},2022-01-{1 + i % 28:02d} 00:{i % 60:02d}:00,{i % 11}"
        for i in range(200)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_columns_may_be_named_as_the_file_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = visits(tmp_path / "visits.csv")
    assert read_table(path).called == {"class": "class_", "customer id": "customer_id"}
    told = []
    for names in ({"label": "class", "entity": "customer id"}, {"label": "class_", "entity": "customer_id"}):
        scope_file(path, as_json=True, **names)
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    out = tmp_path / "system.py"
    assert write_system(path, out, target="class", entity="customer id") == 0
    assert "class_" in load_system(out).target.label.expression.text


def test_a_name_that_is_neither_is_answered_with_close_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'amount'"):
        scope_file(visits(tmp_path / "visits.csv"), label="amout")
