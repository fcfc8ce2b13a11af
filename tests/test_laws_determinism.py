"""Law 3: the same facts, declaration and seed give the same bytes, whatever the machine is like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from hindcast.testing import deliveries, deliveries_system
from laws_hashes import hashes
from laws_town import history_of, same_columns, town, town_history

HERE = Path(__file__).parent


@cache
def expected() -> dict[str, str]:
    return hashes(threads=1)


def test_one_thread_or_two(tmp_path):
    assert hashes(threads=2) == expected()


def test_an_empty_cache_or_a_warm_one(tmp_path):
    assert hashes(1, tmp_path) == expected()
    assert any((tmp_path / "models").iterdir())
    assert hashes(1, tmp_path) == expected()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "surroundings"),
    [
        (1, {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"}),
        (2, {"TZ": "America/St_Johns", "PYTHONHASHSEED": "4242", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}),
    ],
)
def test_another_process_in_another_time_zone(threads, surroundings, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "PYTHONHASH"))}
    done = subprocess.run(
        [sys.executable, str(HERE / "laws_hashes.py"), str(threads)],
        env={**environment, **surroundings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected()


def test_another_seed_is_another_history():
    """The digests could tell: they are not those of everything."""
    other = history_of(deliveries(seed=1))
    assert len(other) != len(town_history()) or same_columns(other.features, town_history().features)
    assert deliveries_system(seed=1).identity != deliveries_system().identity


def test_delivered_in_another_order():
    """The sequence is part of the facts; the order in which they come through the door is not."""
    import numpy as np

    random = np.random.default_rng(5)
    shuffled = {name: facts.take(random.permutation(len(facts))) for name, facts in town().items()}
    again = history_of(shuffled)
    assert same_columns(again.features, town_history().features) == []
    assert np.array_equal(again.label, town_history().label, equal_nan=True)
    assert np.array_equal(again.spine.seq, town_history().spine.seq)
