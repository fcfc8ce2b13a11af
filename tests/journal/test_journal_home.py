from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hindcast.errors import ConfigError, StateError
from hindcast.journal import Home, durable, replace_file


def test_a_new_home_has_its_format_and_folders(tmp_path):
    home = Home.open(tmp_path / "deep" / "home")
    assert json.loads((home.root / "format.json").read_text()) == {"format": 1}
    for folder in (home.journal, home.lake, home.models, home.cache, home.reports):
        assert folder.is_dir()
        assert folder.parent == home.root
    assert home.ledger_url == f"sqlite:///{home.root}/ledger.db"
    assert Home.open(str(home.root), create=False) == home
    assert not list(home.root.glob("*.new"))


def test_without_create_nothing_is_written(tmp_path):
    with pytest.raises(StateError, match="no hindcast home"):
        Home.open(tmp_path / "none", create=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "format.json").write_text('{"format": 1}')
    assert Home.open(tmp_path, create=False).root == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["format.json"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"format": 2}', "format 2, newer than this version's 1. Upgrade"),
        ('{"format": 0}', "names format 0"),
        ('{"format": true}', "names format True"),
        ("[]", "not readable as a format file"),
        ('{"form', "not readable as a format file"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path, text, says):
    (tmp_path / "format.json").write_text(text)
    with pytest.raises(StateError, match=says):
        Home.open(tmp_path)


def test_a_home_that_lost_its_format_is_not_guessed(tmp_path):
    home = Home.open(tmp_path)
    (home.root / "format.json").unlink()
    with pytest.raises(StateError, match=r"holds journal, lake, models but no format\.json"):
        Home.open(tmp_path)


def test_a_file_is_no_home_and_other_files_do_no_harm(tmp_path):
    (tmp_path / "system.py").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        Home.open(tmp_path / "system.py")
    assert Home.open(tmp_path).journal.is_dir()


def test_a_role_is_held_by_one_at_a_time(tmp_path):
    home = Home.open(tmp_path)
    with home.lock("serve"):
        with pytest.raises(
            StateError, match=rf"serve\.lock: held by process {os.getpid()} \(serve\), so 'serve' cannot"
        ):
            home.lock("serve")
        with home.lock("run"):
            pass
    with home.lock("serve"):
        pass
    for role in ("", "../serve", "a b"):
        with pytest.raises(ConfigError, match="short name"):
            home.lock(role)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    replace_file(path, b"old")

    def fail(fd: int) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(durable, "sync", fail)
    with pytest.raises(OSError, match="gone"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_the_rooms_of_the_server_import_nothing_heavy():
    code = (
        "import sys, hindcast.journal, hindcast.registry\n"
        "heavy = {'sqlalchemy', 'pyarrow', 'pandas', 'sklearn', 'numba', 'deltalake', 'scipy', 'lightgbm', 'sqlite3'}\n"
        "hindcast.registry.Ledger('sqlite://')\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
