"""A week pushed over HTTP and asked at its moments, with a kill in the middle, equals the batch."""

import asyncio
import random
import signal

import httpx
import numpy as np
import pytest
from serve_system import FROM, KINDS, PINGS, PLAN, TRIPS, promote, train
from test_serve_kill import Servers

from hindcast.columns import Frame
from hindcast.facts import Facts
from hindcast.features.batch import answer
from hindcast.values import iso, moment_us

HOUR = 3_600_000_000


def week(seed: int) -> list[tuple[int, str, dict]]:
    """Moments in order, each with a push to a table or a request."""
    chance, story, now = random.Random(seed), [], FROM
    for _ in range(300):
        now += chance.choice([0, 1, HOUR // 7, HOUR])
        what = chance.choice(["trips", "trips", "pings", "ask", "ask"])
        if what == "trips":
            row = {
                "id": f"t{chance.randrange(30)}",
                "at": iso(now + chance.choice([-3 * HOUR, -HOUR, 0, HOUR])),
                "who": chance.choice(["ann", "bob", None]),
                "x": chance.choice([0.1, 0.2, 0.3, 1e16, -1e16, None]),
                "word": chance.choice(["up", "down", None]),
            }
        elif what == "pings":
            row = {"lane": chance.randrange(3), "speed": chance.choice([1.0, 2.5, None])}
        else:
            row = {
                "who": chance.choice(["ann", "bob", "eve"]),
                "lane": chance.randrange(3),
                "hour": chance.randrange(24),
            }
        story.append((now, what, row))
    return story


async def told(url: str, story: list[tuple[int, str, dict]], start: int) -> list[dict]:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        answers = []
        for number, (now, what, row) in enumerate(story, start):
            if what == "ask":
                body = {"requests": [{**row, "as_of": now, "request_id": f"q{number}"}], "features": True}
                reply = await client.post("/v1/predict", json=body)
                assert reply.status_code == 200, reply.text
                answers.append(reply.json()["predictions"][0])
            else:
                body = {"rows": [row], "arrival": iso(now), "key": f"p{number}"}
                reply = await client.post(f"/v1/facts/{what}", json=body)
                assert reply.status_code == 200, reply.text
        return answers


@pytest.mark.slow
@pytest.mark.service
def test_a_week_served_at_its_moments_equals_the_batch(tmp_path):
    home, story = tmp_path / "home", week(seed=3)
    promote(home)
    servers = Servers(home, replay_from=FROM, drain_every_s=0.2)
    try:
        answers = asyncio.run(told(servers.start(), story[:150], 0))
        servers.stop(signal.SIGKILL)
        url = servers.start()
        again = [step for step in story[140:150] if step[0] == story[149][0]]  # sent, perhaps not acknowledged
        asyncio.run(told(url, again, 150 - len(again)))
        answers += asyncio.run(told(url, story[150:], 150))
        servers.stop(signal.SIGTERM)
    finally:
        servers.close()

    facts = {}
    for table in (TRIPS, PINGS):
        parts = [
            Facts.of(table, [row], seq_from=number, arrival_us=now)
            for number, (now, what, row) in enumerate(story)
            if what == table.name
        ]
        facts[table.name] = Facts.concat(parts)
    asks = [(now, row) for now, what, row in story if what == "ask"]
    requests, as_of = Frame.of_rows([row for _, row in asks], KINDS), np.array([now for now, _ in asks])
    batch = answer(PLAN, facts, requests, as_of)
    probability = train().predict(batch)
    assert [moment_us(a["as_of"]) for a in answers] == as_of.tolist()
    for served, computed, p in zip(answers, batch.rows(), probability, strict=True):
        assert served["features"] == computed
        assert served["probability"] == p
