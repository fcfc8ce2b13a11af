"""``hindcast up``: a real server and the loop beside it; a retraining becomes the champion without a restart."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.service]

SYSTEM = """
import hindcast as hc

raw = hc.files("orders.csv", zone="UTC")
orders = hc.Table("orders", raw, key="id", event_time="placed", known="event", columns=["shop", "size"])
ends = hc.Table("ends", raw, key="id", event_time="ended", known="event", columns=["late", "shop"])
system = hc.System(
    name="orders",
    goal=hc.Goal("call the customer", hit=5, false_alarm=-1),
    predict=hc.Binary(
        orders, as_of=hc.after("placed", "1m"), label=hc.outcome(ends, "late == 1", on="id"), maturity="2h"
    ),
    features=[hc.request("shop", "size"), hc.window(ends, "late", ["mean", "count"], over="1d", by="shop")],
    models=[hc.logistic()],
    gates=[hc.beats_baselines("log_loss", by=0.0)],
    retrain=[hc.every("1s")],
    training=hc.Training(validation="4d", takes="1s", min_rows=50),
    monitoring=hc.Monitoring(window="1h", every="15s", score_window="4d"),
)
"""


def orders(days: float = 12.0, n: int = 6_000) -> str:
    random = np.random.default_rng(3)
    now = datetime.now(UTC)
    ago = np.sort(random.uniform(0, days * 86_400, n))[::-1]
    lines = ["id,placed,ended,shop,size,late"]
    for i, seconds in enumerate(ago.tolist()):
        shop, size = "ab"[i % 2], float(random.normal())
        late = int(random.random() < 1 / (1 + np.exp(-(size * 2 + (1 if shop == "a" else -1)))))
        placed = now - timedelta(seconds=seconds + 7_200)
        ended = placed + timedelta(minutes=20 + 60 * late)
        lines.append(f"o{i},{placed:%Y-%m-%dT%H:%M:%S},{ended:%Y-%m-%dT%H:%M:%S},{shop},{size:.4f},{late}")
    return "\n".join(lines) + "\n"


def ask(address: str, path: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def wait(what, seconds: float = 120.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := what():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("waited in vain")


def test_up_serves_retrains_and_swaps_the_champion(tmp_path):
    (tmp_path / "system.py").write_text(SYSTEM, encoding="utf-8")
    (tmp_path / "orders.csv").write_text(orders(), encoding="utf-8")
    environment = {**os.environ, "HINDCAST_HOME": str(tmp_path / "home")}
    hindcast = [sys.executable, "-m", "hindcast.cli"]
    subprocess.run([*hindcast, "run", str(tmp_path / "system.py")], env=environment, check=True, capture_output=True)
    up = subprocess.Popen(
        [*hindcast, "up", str(tmp_path / "system.py"), "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = up.stdout.readline()
            assert line, f"the server did not start: {said}"
            said += line
        address = found[0]
        wait(lambda: ask(address, "/health/ready")["ready"])
        placed = datetime.now(UTC) - timedelta(minutes=1)
        fact = {"id": "new", "shop": "a", "size": 2.0, "placed": f"{placed:%Y-%m-%dT%H:%M:%SZ}"}
        assert ask(address, "/v1/facts/orders", {"rows": [fact]})["accepted"] == 1
        request = {"id": "new", "shop": "a", "size": 2.0}
        [answer] = ask(address, "/v1/predict", {"requests": [request], "features": True})["predictions"]
        served = {ask(address, "/v1/model")["champion"], answer["version"]}
        assert 0.5 < answer["probability"] < 1
        assert answer["features"]["ends_late_count_1d_by_shop"] > 0
        newer = wait(lambda: (found := ask(address, "/v1/model")["champion"]) not in served and found)
        [again] = ask(address, "/v1/predict", {"requests": [request]})["predictions"]
        assert again["version"] not in served
    finally:
        up.send_signal(signal.SIGTERM)
        said = up.communicate(timeout=60)[0]
    assert up.returncode == 0, said
    kinds = subprocess.run(
        [*hindcast, "ledger", str(tmp_path / "system.py"), "--json"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    entries = [json.loads(line) for line in kinds.splitlines()]
    promoted = [e["body"] for e in entries if e["kind"] == "promotion"]
    assert promoted[0]["version"] == "v1"
    assert {*served, newer, again["version"]} <= {body["version"] for body in promoted}
    assert any(e["kind"] == "retraining" and "every" in e["body"]["triggers"] for e in entries)
    assert any(e["kind"] == "version" and e["body"]["name"] == newer for e in entries)
