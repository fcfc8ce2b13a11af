"""A file that lands after a server was killed: what the server had acknowledged is there, once, and the file too."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from hindcast.assemble import open_system

pytestmark = [pytest.mark.slow, pytest.mark.service]

SYSTEM = """
import hindcast as hc

raw = hc.files("orders.csv", zone="UTC")
orders = hc.Table("orders", raw, key="id", event_time="placed", known="event", columns=["size"])
ends = hc.Table("ends", raw, key="id", event_time="ended", known="event", columns=["late"])
system = hc.System(
    name="orders",
    goal=hc.Goal("call", hit=5, false_alarm=-1),
    predict=hc.Binary(
        orders, as_of=hc.after("placed", "1m"), label=hc.outcome(ends, "late == 1", on="id"), maturity="2h"
    ),
    features=[hc.request("size")],
    models=[hc.logistic()],
)
"""


def line(i: int) -> str:
    day, hour = 1 + i // 24 % 28, i % 24
    return f"o{i},2024-01-{day:02d}T{hour:02d}:00:00,2024-01-{day:02d}T{hour:02d}:30:00,{i % 7},{i % 2}\n"


def test_what_a_killed_server_acknowledged_lands_before_the_file_that_grew(tmp_path):
    header = "id,placed,ended,size,late\n"
    (tmp_path / "system.py").write_text(SYSTEM, encoding="utf-8")
    (tmp_path / "orders.csv").write_text(header + "".join(map(line, range(50))), encoding="utf-8")
    home = tmp_path / "home"
    open_system(tmp_path / "system.py", home).land()
    command = [sys.executable, "-m", "hindcast.cli", "serve", str(tmp_path / "system.py"), "--port", "0"]
    environment = {**os.environ, "HINDCAST_HOME": str(home)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", server.stdout.readline())[0]
        body = {"rows": [{"id": "pushed", "placed": "2024-02-01T00:00:00Z", "size": 3}], "key": "once"}
        request = urllib.request.Request(
            f"{address}/v1/facts/orders", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert json.load(answer)["accepted"] == 1
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()
    (tmp_path / "orders.csv").write_text(header + "".join(map(line, range(60))), encoding="utf-8")
    assembly = open_system(tmp_path / "system.py", home)
    landed = {receipt.table: receipt.new for receipt in assembly.land()}
    assert landed == {"orders": 10, "ends": 10}
    facts = assembly.lake.facts("orders")
    names = facts.frame["id"].objects().tolist()
    assert names.count("pushed") == 1
    assert sorted(names) == sorted([*(f"o{i}" for i in range(60)), "pushed"])
    assert len(set(facts.seq.tolist())) == len(facts)
