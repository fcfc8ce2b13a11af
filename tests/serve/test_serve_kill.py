"""kill -9 under load: whatever was acknowledged is there, once, and the state comes back as it was."""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from serve_system import KINDS, PLAN, TRIPS, promote

from hindcast.facts import Facts, Lake
from hindcast.features.online import OnlineFeatures
from hindcast.values import moment_us

pytestmark = [pytest.mark.slow, pytest.mark.service]
ROUNDS = 20
HERE = Path(__file__).parent


class Servers:
    """Server processes on one home, one after another."""

    def __init__(self, home: Path, **options) -> None:
        self.ask = json.dumps({"home": str(home), "options": options}) + "\n"
        self.forker = subprocess.Popen(
            [sys.executable, str(HERE / "serve_forker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self) -> str:
        self.forker.stdin.write(self.ask)
        self.forker.stdin.flush()
        url = None
        while url is None or self.pid is None:
            line = self.forker.stdout.readline()
            assert line, "the server did not start"
            if line.startswith("pid "):
                self.pid = int(line[4:])
            elif found := re.search(r"http://\S+", line):
                url = found[0]
        return url

    pid = None

    def stop(self, how: signal.Signals) -> None:
        os.kill(self.pid, how)
        while self.forker.stdout.readline().strip() != "gone":
            pass
        self.pid = None

    def close(self) -> None:
        if self.pid is not None:
            self.stop(signal.SIGKILL)
        self.forker.stdin.close()
        self.forker.wait(120)
        self.forker.stdout.close()


class Load:
    """What was sent and what was acknowledged; what was not is sent again, under its key, in the next round."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0
        self.pushes: dict[str, list[dict]] = {}
        self.asks: dict[str, dict] = {}
        self.receipts: dict[str, dict] = {}
        self.answers: dict[str, dict] = {}

    def fresh_push(self) -> str:
        self.number += 1
        rows = [
            {
                "id": f"t{self.random.randrange(40)}",
                "at": f"2026-11-{self.random.randrange(10, 20)}T0{self.random.randrange(10)}:00:00Z",
                "who": self.random.choice("abc"),
                "x": self.random.choice([0.1, 0.2, 1e16, -3.0, None]),
                "word": self.random.choice(["up", "down", None]),
            }
            for _ in range(self.random.randrange(1, 4))
        ]
        self.pushes[key := f"p{self.number}"] = rows
        return key

    def fresh_ask(self) -> str:
        self.number += 1
        self.asks[key := f"q{self.number}"] = {"who": self.random.choice("abc"), "lane": 1, "hour": 20}
        return key

    async def push(self, client: httpx.AsyncClient, key: str) -> None:
        answer = await client.post("/v1/facts/trips", json={"rows": self.pushes[key], "key": key})
        assert answer.status_code == 200, answer.text
        self.note(self.receipts, key, {**answer.json(), "repeated": None})

    async def ask(self, client: httpx.AsyncClient, key: str) -> None:
        body = {"requests": [{**self.asks[key], "request_id": key}], "features": True}
        answer = await client.post("/v1/predict", json=body)
        assert answer.status_code == 200, answer.text
        self.note(self.answers, key, answer.json()["predictions"][0])

    def note(self, kept: dict[str, dict], key: str, body: dict) -> None:
        """A push so old that its details are forgotten is still acknowledged as taken, without them."""
        if body.get("accepted", 0) is None:
            assert body["arrival"] is None, "a forgotten push tells a stamp that is not its own"
            kept.setdefault(key, body)
            return
        assert kept.setdefault(key, body) == body, "asked again, another answer came"

    async def worker(self, client: httpx.AsyncClient, for_ever: bool) -> None:
        """First what was not acknowledged, then new work, now and then something acknowledged long ago."""
        while True:
            open_pushes = [key for key in self.pushes if key not in self.receipts]
            open_asks = [key for key in self.asks if key not in self.answers]
            work = [(self.push, key) for key in open_pushes] + [(self.ask, key) for key in open_asks]
            if not for_ever and not work:
                return
            if not work or (for_ever and self.random.random() < 0.8):
                fresh = self.random.random() < 0.5
                work = [(self.push, self.fresh_push()) if fresh else (self.ask, self.fresh_ask())]
                if self.receipts and self.random.random() < 0.1:
                    work = [(self.push, self.random.choice(list(self.receipts)[-20:]))]
            send, key = self.random.choice(work)
            await send(client, key)

    async def run(self, url: str, *, for_ever: bool, workers: int = 6) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            await asyncio.gather(*(self.worker(client, for_ever) for _ in range(workers)))


async def killed_under_load(servers: Servers, load: Load, url: str, seconds: float) -> None:
    """Killed at a moment of chance, once ten more have been acknowledged."""
    working, before = asyncio.create_task(load.run(url, for_ever=True)), len(load.receipts) + len(load.answers)
    while not working.done() and len(load.receipts) + len(load.answers) < before + 10:
        await asyncio.sleep(0.005)
    await asyncio.sleep(seconds)
    assert not working.done(), working.exception()
    await asyncio.to_thread(servers.stop, signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await working


def test_twenty_kills_lose_and_double_nothing(tmp_path):
    home = tmp_path / "home"
    promote(home)
    load, chance = Load(seed=7), random.Random(11)
    servers = Servers(home, drain_every_s=0.05, segment_bytes=1 << 15, remember=400)
    try:
        for _ in range(ROUNDS):
            asyncio.run(killed_under_load(servers, load, servers.start(), 0.3 * chance.random()))
        url = servers.start()
        asyncio.run(load.run(url, for_ever=False))
        final = asyncio.run(asked_about(url, "abc"))
        servers.stop(signal.SIGTERM)
    finally:
        servers.close()
    assert len(load.receipts) + len(load.answers) >= 10 * ROUNDS

    lake = Lake(home / "lake")
    landed = lake.facts("trips")
    pushed = arrivals_of(load, landed)
    assert len({arrival for arrival, _ in pushed}) == len(pushed), "two pushes have one arrival stamp"
    reference = OnlineFeatures(PLAN)
    seq, expected = 0, []
    for arrival, key in sorted(pushed):
        facts = Facts.of(TRIPS, load.pushes[key], seq_from=seq, arrival_us=arrival)
        assert load.receipts[key]["accepted"] in (len(facts), None)
        seq += len(facts)
        reference.push("trips", facts)
        expected += [{**row, "at": moment_us(row["at"]), "known": arrival} for row in load.pushes[key]]
    known = [{**row, "known": int(t)} for row, t in zip(landed.frame.rows(), landed.known, strict=True)]
    assert known == expected, "the lake holds other facts than were acknowledged"

    for answer in final:
        features = reference.read(answer["asked"], moment_us(answer["as_of"]), KINDS).values
        assert answer["features"] == features, "the state that came back is not that of the facts"

    logged = lake.facts("predictions_late").frame.rows()
    ids = [row["request_id"] for row in logged]
    assert len(ids) == len(set(ids)), "a prediction was logged twice"
    by_id = {row["request_id"]: row for row in logged}
    for key, answer in load.answers.items():
        row = by_id[key]
        assert (row["probability"], row["as_of"]) == (answer["probability"], moment_us(answer["as_of"]))
        for name, value in answer["features"].items():
            assert row.get(f"feature_{name}") == value


def arrivals_of(load: Load, landed: Facts) -> list[tuple[int, str]]:
    """When each acknowledged push arrived: as its receipt says, or, of one whose receipt was forgotten, as its rows
    in the lake say, where exactly those rows stand under one stamp that no other push has."""
    found = [(moment_us(r["arrival"]), key) for key, r in load.receipts.items() if r["arrival"] is not None]
    rows: dict[int, list[dict]] = {}
    for row, known in zip(landed.frame.rows(), landed.known.tolist(), strict=True):
        rows.setdefault(known, []).append(row)
    free = sorted(set(rows) - {arrival for arrival, _ in found})
    for key, receipt in load.receipts.items():
        if receipt["arrival"] is None:
            wanted = [{**row, "at": moment_us(row["at"])} for row in load.pushes[key]]
            mine = next((t for t in free if [{n: row[n] for n in wanted[0]} for row in rows[t]] == wanted), None)
            assert mine is not None, f"push {key} was acknowledged and is not in the lake"
            free.remove(mine)
            found.append((mine, key))
    return found


async def asked_about(url: str, whose: str) -> list[dict]:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        answers = []
        for who in whose:
            asked = {"who": who, "lane": 1, "hour": 20}
            body = (await client.post("/v1/predict", json={"requests": [asked], "features": True})).json()
            answers.append({**body["predictions"][0], "asked": asked})
        return answers
