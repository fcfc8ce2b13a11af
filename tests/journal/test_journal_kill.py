"""Real processes: killed under load, and refused room by the kernel."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter

import pytest

from hindcast.errors import StateError
from hindcast.journal import Journal, Lock

WRITER = """
import os, sys, threading
from hindcast.journal import Journal

journal = Journal(sys.argv[1], segment_bytes=20_000)
def run(name):
    for n in range(int(sys.argv[2]), 1_000_000):
        key = f"{name}-{n}"
        position = journal.append("fact", key.encode() * 5, key=key).result()
        os.write(1, f"{position} {key}\\n".encode())
for name in range(8):
    threading.Thread(target=run, args=(name,)).start()
"""


def load(folder, start: int, lines: int) -> list[tuple[int, str]]:
    """Run a writer until it has acknowledged `lines` records, kill it, and give all that it acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(start)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        found = [child.stdout.readline() for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        found += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    whole = [line.decode().split() for line in found if line.endswith(b"\n")]
    return [(int(position), key) for position, key in whole]


@pytest.mark.service
def test_after_kill_9_under_load_all_that_was_acknowledged_is_there_once(tmp_path):
    rng = random.Random(7)
    acknowledged: list[tuple[int, str]] = []
    for _ in range(5):
        start = max((int(key.split("-")[1]) for _, key in acknowledged), default=0) - 5  # some keys again
        acknowledged += load(tmp_path, max(start, 0), rng.randrange(1, 400))
        with Journal(tmp_path, segment_bytes=20_000) as journal:
            entries = list(journal.entries())
            assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
            where = {entry.key: entry.position for entry in entries}
            assert all(count == 1 for count in Counter(entry.key for entry in entries).values())
            assert all(where[key] == position for position, key in acknowledged)
            assert all(entry.body == (entry.key or "").encode() * 5 for entry in entries)


FULL = """
import resource, signal, sys
from hindcast.errors import StateError
from hindcast.journal import Journal

resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
journal = Journal(sys.argv[1])
for n in range(100):
    try:
        print("kept", journal.append("fact", b"%d" % n * 100).result(), flush=True)
    except StateError as error:
        assert "File too large" in str(error), error
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("refused", n, flush=True)
journal.close()
"""


def test_what_the_kernel_has_no_room_for_is_refused_and_the_rest_kept(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, check=True, timeout=120)
    lines = done.stdout.decode().splitlines()
    refused = [int(line.split()[1]) for line in lines if line.startswith("refused")]
    assert len(refused) == 1
    with Journal(tmp_path) as journal:
        assert [entry.body for entry in journal.entries()] == [b"%d" % n * 100 for n in range(100) if n not in refused]
        assert journal.last == 99


HOLDER = """
import sys
from pathlib import Path
from hindcast.journal import Lock

lock = Lock(Path(sys.argv[1]), "serve")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_holder_frees_its_lock(tmp_path):
    path = tmp_path / "serve.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(StateError, match=rf"held by process {child.pid} \(serve\)"):
            Lock(path, "serve")
        child.kill()
        child.wait()
        with Lock(path, "serve"):
            pass
