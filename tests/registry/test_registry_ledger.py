from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError, StateError
from hindcast.registry import Draft, Entry, Ledger
from hindcast.registry.entries import line, opened, written
from hindcast.values import canonical

WHO = {"system": "flights", "target": "late"}


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request, tmp_path):
    """Every law of the ledger holds in memory and on disk."""
    with Ledger("sqlite://" if request.param == "memory" else tmp_path / "ledger.db") as made:
        yield made


def run(ledger: Ledger, n: int, at_us: int = 0) -> Entry:
    return ledger.append("run", {"n": n}, at_us=at_us, **WHO)


# ---- appending and reading ------------------------------------------------------------------------------


def test_entries_come_back_as_they_were_returned(ledger):
    one = ledger.append(
        "verdict",
        {"auc": 0.75, "missing": math.inf, "slices": ("JFK", "EWR"), "n": np.int64(3), "ok": None, "Ü": "\n\0"},
        at_us=5,
        system="flights",
        target="late",
        request_id="r-1",
        group="g",
    )
    assert one == Entry(
        1,
        5,
        "flights",
        "late",
        "verdict",
        {"auc": 0.75, "missing": math.inf, "slices": ["JFK", "EWR"], "n": 3, "ok": None, "Ü": "\n\0"},
        "g",
        "r-1",
    )
    assert ledger.entries() == [one]
    assert ledger.last == 1


def test_nan_is_kept_as_nan(ledger):
    ledger.append("verdict", {"auc": math.nan, "all": [math.nan, {"low": -math.inf}]}, at_us=5, **WHO)
    body = ledger.entries()[0].body
    assert math.isnan(body["auc"])
    assert math.isnan(body["all"][0])
    assert body["all"][1] == {"low": -math.inf}


def test_what_a_caller_does_to_a_body_afterwards_changes_nothing(ledger):
    body = {"reasons": ["first"]}
    entry = ledger.append("run", body, at_us=1, **WHO)
    before = ledger.content_hash()
    body["reasons"].append("second")
    entry.body["reasons"].clear()
    ledger.entries()[0].body["reasons"].clear()
    assert ledger.entries()[0].body == {"reasons": ["first"]}
    assert ledger.content_hash() == before


drafts = st.builds(
    Draft,
    kind=st.sampled_from(["run", "version", "alert"]),
    body=st.dictionaries(
        st.text(max_size=4), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4), max_size=3
    ),
    at_us=st.integers(0, 5),
    system=st.sampled_from(["a", "b"]),
    target=st.sampled_from(["", "x"]),
    group=st.text(max_size=3),
    request_id=st.text(max_size=3),
)


@given(
    st.lists(drafts, max_size=12),
    st.sampled_from([None, "a", "b", "c"]),
    st.sampled_from([None, "", "x"]),
    st.sampled_from([None, "run", ("run", "alert"), ()]),
    st.none() | st.integers(-1, 6),
    st.integers(0, 13),
)
def test_a_filter_is_what_a_loop_over_all_would_find(history, system, target, kind, before_us, after):
    kinds = (kind,) if isinstance(kind, str) else kind
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as disk:
        memory = Ledger("sqlite://")
        for each in (memory, disk):
            each.append_many(history)
        everything = [opened(written(draft, number)) for number, draft in enumerate(history, 1)]
        expected = [
            entry.number
            for entry in everything
            if system in (None, entry.system)
            and target in (None, entry.target)
            and (kinds is None or entry.kind in kinds)
            and (before_us is None or entry.at_us < before_us)
            and entry.number > after
        ]
        for each in (memory, disk):
            found = each.entries(system=system, target=target, kind=kind, before_us=before_us, after=after)
            assert [entry.number for entry in found] == expected
        assert memory.content_hash() == disk.content_hash()


@given(drafts, st.integers(1, 1 << 40))
def test_a_line_is_the_canonical_json_of_its_entry(draft, number):
    row = written(draft, number)
    fields = {**row._asdict(), "body": draft.body}
    assert line(row) == canonical(fields) + b"\n"


def test_an_export_is_the_history_and_its_sum_the_content_hash(ledger, tmp_path):
    history = [Draft("run", {"n": n, "auc": math.nan}, n, "flights", "late", group="g") for n in range(10)]
    ledger.append_many(history)
    path = tmp_path / "ledger.jsonl"
    assert ledger.export(path) == 10
    assert sha256(path.read_bytes()).hexdigest() == ledger.content_hash()
    again = Ledger("sqlite://")
    for text in path.read_text().splitlines():
        fields = json.loads(text)
        assert fields.pop("number") == again.append(**fields).number
    assert again.content_hash() == ledger.content_hash()


def test_the_hash_tells_histories_apart():
    def of(*bodies: dict, at_us: int = 0) -> str:
        ledger = Ledger("sqlite://")
        ledger.append_many([Draft("run", body, at_us, "flights", "late") for body in bodies])
        return ledger.content_hash()

    same = {of({"a": 1, "b": [2.5]}), of({"b": (2.5,), "a": np.int64(1)})}
    assert len(same) == 1
    others = [of(), of({"a": 1}), of({"a": 1}, {"a": 1}), of({"a": 1}, at_us=1), of({"a": 1.5}), of({"a": "1"})]
    assert len({*same, *others}) == 7


@dataclass
class Score:
    auc: float


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": ""}, "kind must be a text"),
        ({"system": ""}, "system must be a text"),
        ({"target": None}, "target must be a text"),
        ({"at_us": 1.5}, "whole microseconds"),
        ({"at_us": True}, "whole microseconds"),
        ({"at_us": 1 << 63}, "64 bits"),
        ({"body": [1]}, "must be a mapping"),
        ({"body": math.nan}, "must be a mapping"),
        ({"body": {"x": object()}}, "no canonical form"),
        ({"body": {"x": "\ud800"}}, "not proper text"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is(ledger, wrong, says):
    fields = {"kind": "run", "body": {}, "at_us": 1, **WHO, **wrong}
    with pytest.raises(ConfigError, match=says):
        ledger.append(**fields)
    assert ledger.last == 0
    assert ledger.append("run", Score(0.5), at_us=1, **WHO).body == {"is": "Score", "auc": 0.5}


# ---- transactions ---------------------------------------------------------------------------------------


def test_a_batch_is_all_or_nothing_and_sees_itself(ledger):
    run(ledger, 1)

    def change_my_mind() -> None:
        with ledger.writing() as batch:
            batch.append("run", {"n": 2}, at_us=0, **WHO)
            assert [entry.body["n"] for entry in batch.entries(kind="run")] == [1, 2]
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        change_my_mind()
    assert [entry.number for entry in ledger.entries(system="flights")] == [1]
    with pytest.raises(ConfigError, match="must be a mapping"):
        ledger.append_many([Draft("run", {}, 0, "flights", "late"), Draft("run", [], 0, "flights", "late")])
    assert run(ledger, 3).number == 2


def test_appending_past_an_open_batch_is_refused_at_once(ledger):
    with ledger.writing() as batch:
        with pytest.raises(StateError, match="append through the batch"):
            run(ledger, 1)
        batch.append("run", {}, at_us=0, **WHO)
    assert run(ledger, 2).number == 2


def test_a_decision_never_rewrites_the_past(ledger):
    def promote(version: str, at_us: int, target: str = "late") -> Entry:
        body = {"version": version, "reason": "better"}
        return ledger.append("promotion", body, at_us=at_us, system="flights", target=target)

    promote("v1", 10)
    promote("v2", 20)
    with pytest.raises(StateError, match=r"would rewrite the past: .*Decide at that moment or later"):
        promote("v3", 19)
    body = {"version": "v1", "reason": "errors"}
    with pytest.raises(StateError, match="rewrite the past"):
        ledger.append_many([Draft("rollback", body, at_us, "flights", "late") for at_us in (30, 29)])
    promote("v1", 5, target="cancelled")
    ledger.append("alert", {"reason": "late news"}, at_us=3, **WHO)
    promote("v3", 20)
    assert [ledger.live_at(t, **WHO) for t in (10, 11, 20, 21)] == [None, "v1", "v1", "v3"]
    assert ledger.live_at(11, system="flights", target="cancelled") == "v1"


# ---- the database itself --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger set body = '{}'",
        "update ledger set number = 9 where number = 1",
        "delete from ledger where number = 3",
        "delete from ledger",
        "insert or replace into ledger select 1, at_us, system, target, kind, request_id, \"group\", '{}' from ledger",
        "replace into ledger select 3, at_us, system, target, kind, request_id, \"group\", '{}' from ledger",
        'insert into ledger select 9, at_us, system, target, kind, request_id, "group", body from ledger limit 1',
        (
            'insert into ledger (at_us, system, target, kind, request_id, "group", body)'
            " values (1, '', '', '', '', '', '')"
        ),
    ],
)
def test_the_database_refuses_to_change_or_remove_an_entry(tmp_path, statement):
    with Ledger(tmp_path / "ledger.db") as ledger:
        for n in range(3):
            run(ledger, n)
        before = ledger.content_hash()
        connection = sqlite3.connect(tmp_path / "ledger.db")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.commit()
        connection.close()
        assert ledger.content_hash() == before


def test_a_commit_is_synced():
    """Without full synchronous mode the last commits would be lost with the power."""
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        run(ledger, 1)
        engine = ledger._rows._engine
        with engine.connect() as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar_one() == 2
            assert connection.exec_driver_sql("pragma journal_mode").scalar_one() == "wal"


def test_opened_read_only_nothing_is_made_and_nothing_appended(tmp_path):
    path = tmp_path / "ledger.db"
    with pytest.raises(StateError, match="no ledger at"):
        Ledger(path, read_only=True)
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(StateError, match="holds no ledger yet"):
        Ledger(path, read_only=True)
    with Ledger(path) as writer, Ledger(f"sqlite:///{path}", read_only=True) as reader:
        run(writer, 1)
        assert [entry.number for entry in reader.entries()] == [1]
        with pytest.raises(StateError, match="read-only"):
            run(reader, 2)
        run(writer, 2)
        assert reader.last == 2


def test_a_ledger_in_a_folder_nobody_may_write_is_read(tmp_path, monkeypatch):
    folder = tmp_path / "archive"
    folder.mkdir()
    with Ledger(folder / "ledger.db") as ledger:
        run(ledger, 1)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))  # also when run by root
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Ledger(folder / "ledger.db", read_only=True) as ledger:
            assert ledger.last == 1
        assert [path.name for path in folder.iterdir()] == ["ledger.db"]
    finally:
        folder.chmod(stat.S_IRWXU)


def test_what_is_no_ledger_is_said(tmp_path):
    (tmp_path / "notes.db").write_bytes(b"these are my notes" * 100)
    with pytest.raises(StateError, match=r"notes\.db: file is not a database"):
        Ledger(tmp_path / "notes.db")
    with pytest.raises(ConfigError, match="is a folder"):
        Ledger(tmp_path)
    with pytest.raises(StateError, match="its folder does not exist"):
        Ledger(tmp_path / "none" / "ledger.db")
    with pytest.raises(ConfigError, match="only SQLite and PostgreSQL"):
        Ledger("mysql://user:secret@host/db")
    with pytest.raises(ConfigError, match=r"user:\*\*\*@host.*Install the driver"):
        Ledger("postgresql+psycopg2cffi://user:secret@host/db")
    with pytest.raises(ConfigError, match="is no ledger"):
        Ledger("://")
    with Ledger(tmp_path / "ledger.db"):
        pass
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("pragma user_version = 2")
    connection.close()
    with pytest.raises(StateError, match="format 2, newer than 1"):
        Ledger(tmp_path / "ledger.db")


# ---- processes ------------------------------------------------------------------------------------------

WRITER = """
import os, sys
from hindcast.registry import Ledger

ledger = Ledger(sys.argv[1])
for n in range(int(sys.argv[3])):
    entry = ledger.append("run", {"writer": int(sys.argv[2]), "n": n}, at_us=n, system="flights", target="late")
    os.write(1, f"{entry.number} {n}\\n".encode())
"""


def start(path: Path, writer: int, appends: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(writer), str(appends)], stdout=subprocess.PIPE
    )


@pytest.mark.service
def test_sixteen_processes_make_and_share_a_ledger(tmp_path):
    path, appends = tmp_path / "ledger.db", 12
    children = [start(path, writer, appends) for writer in range(16)]
    told = [child.communicate(timeout=120)[0].decode().splitlines() for child in children]
    assert [child.returncode for child in children] == [0] * 16
    with Ledger(path) as ledger:
        entries = ledger.entries()
    assert [entry.number for entry in entries] == list(range(1, 16 * appends + 1))
    for writer, lines in enumerate(told):
        mine = [(entry.number, entry.body["n"]) for entry in entries if entry.body["writer"] == writer]
        assert mine == [tuple(map(int, text.split())) for text in lines]
        assert [n for _, n in mine] == list(range(appends))


@pytest.mark.service
def test_a_killed_writer_leaves_whole_entries_and_the_others_in_peace(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    told: list[list[str]] = []
    for writer, lines in enumerate((1, 20, 57)):
        with start(path, writer, 100_000) as victim, start(path, writer + 10, 20) as other:
            assert victim.stdout is not None
            found = [victim.stdout.readline() for _ in range(lines)]
            os.kill(victim.pid, signal.SIGKILL)
            found += victim.stdout.readlines()
            told.append([text.decode() for text in found if text.endswith(b"\n")])
            other.communicate(timeout=240)
            assert other.returncode == 0
    with Ledger(path) as ledger:
        entries = ledger.entries()
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        at = {entry.number: entry.body for entry in entries}
        for writer, lines in enumerate(told):
            assert all(at[int(text.split()[0])] == {"writer": writer, "n": int(text.split()[1])} for text in lines)
            mine = [entry.body["n"] for entry in entries if entry.body["writer"] == writer]
            assert mine == list(range(len(mine)))
            assert len(lines) <= len(mine) <= len(lines) + 1, "at most the one that was not told"
        assert run(ledger, 0).number == len(entries) + 1


def test_a_fork_opens_connections_of_its_own(tmp_path):
    code = (
        "import os, sys\n"
        "from hindcast.registry import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
        "def run(n): return ledger.append('run', {'n': n}, at_us=0, system='s', target='t').number\n"
        "assert run(0) == 1\n"
        "if (child := os.fork()) == 0:\n"
        "    assert run(1) == 2\n"
        "    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "assert run(2) == 3\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "ledger.db")], check=True, timeout=240)
