"""Compiled code is found again, and never outlives its source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hindcast
from hindcast.compiling import cache_folder

SOURCE = Path(hindcast.__file__).parent
COMPILES = """
import numpy as np
from hindcast.fold.exact import pair_add
from pathlib import Path
import hindcast.fold
from hindcast.compiling import cache_folder
print(pair_add(1.0, 0.0, 2.0)[0], cache_folder(Path(hindcast.fold.__file__).parent))
"""


def run(package: Path, **environment: str) -> str:
    kept = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES], capture_output=True, text=True, check=False, env={**kept, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path):
    """A copy of the package."""
    return Path(shutil.copytree(SOURCE, tmp_path / "site" / "hindcast", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.mark.slow
def test_another_source_is_another_folder(package, tmp_path):
    first = run(package)
    assert run(package) == first
    with (package / "fold" / "layout.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    second = run(package)
    assert second.split()[0] == first.split()[0] == "3.0"
    assert second != first
    assert not Path(first.split()[1]).exists()  # what nobody will run again goes
    assert any(Path(second.split()[1]).rglob("*.nbi"))


@pytest.mark.slow
def test_a_package_that_cannot_be_written_beside_no_home_still_compiles(package, tmp_path):
    if os.geteuid() == 0:  # root writes everywhere: a file in the way of the folder stands for a refusal
        (package / "fold" / "__pycache__").write_text("", encoding="utf-8")
    else:
        (package / "fold").chmod(0o500)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "no home").write_text("", encoding="utf-8")
    said = run(package, HOME=str(tmp_path / "no home"), TMPDIR=str(tmp_path / "temporary"))
    assert str(tmp_path / "temporary") in said


def test_a_chosen_folder_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert cache_folder(SOURCE / "fold").parent == tmp_path
