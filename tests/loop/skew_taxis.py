"""A small system whose facts say when they were known, so that they can come late; and its life for a day."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import hindcast as hc
from hindcast.assemble import Assembly, open_system
from hindcast.clock import ReplayClock
from hindcast.columns import Frame
from hindcast.facts import Facts
from hindcast.features import last_n, top
from hindcast.models import write, zero_rule
from hindcast.serve import Ask
from hindcast.system import System
from hindcast.values import HOUR_US, iso, moment_us

START = moment_us("2024-05-01T00:00:00Z")
MINUTE = HOUR_US // 60
TRIPS = hc.Table(
    "trips", key="id", event_time="at", known="seen",
    types={"id": "text", "lane": "integer", "fare": "number", "word": "text"},
)  # fmt: skip
PINGS = hc.Table("pings", event_time="at", known_after="1m", types={"lane": "integer", "speed": "number"})
ENDS = hc.Table("ends", key="id", event_time="ended", known="event", types={"id": "text", "late": "boolean"})


LISTS = (
    hc.window(PINGS, "speed", [last_n(3), "since"], over="2h", by="lane"),
    hc.window(TRIPS, "word", [top(2)], over="3h", by="lane"),
)
"""Features whose values are lists, and one that moves with the clock."""


def is_big(fare: Any) -> Any:
    return fare > 10


def crowded(pings_count_1h_by_lane: Any) -> Any:
    return pings_count_1h_by_lane >= 3


def taxis(*features: Any, speeds: str = "speed > -1") -> System:
    """The system; `features` are added, and only pings with `speeds` count."""
    return System(
        name="taxis",
        goal=hc.Goal("turn back", hit=40, false_alarm=-15),
        predict=hc.Binary(TRIPS, as_of=hc.after("at", "1m"), label=hc.outcome(ENDS, "late", on="id"), maturity="1h"),
        features=[
            hc.request("fare"), is_big, crowded,
            hc.latest(PINGS, "speed", by="lane"),
            hc.latest(TRIPS, "word", by="lane"),
            hc.window(PINGS, "speed", ["mean", "max"], over=["10m", "2h"], by="lane", where=speeds, name="pings"),
            hc.window(PINGS, over="1h", by="lane"),
            hc.window(TRIPS, "fare", ["sum", "count"], over="3h", by="lane"),
            *features,
        ],
        models=[hc.logistic()],
        training=hc.Training(validation="3h", min_rows=5),
    )  # fmt: skip


def opened(system: System, home: Path) -> Assembly:
    """The system in its home, with a champion and a first fact of each table."""
    assembly = open_system(system, home, clock=ReplayClock(START))
    if "trips" not in assembly.lake.tables():
        firsts: list[tuple[hc.Table, dict[str, Any]]] = [
            (TRIPS, trip("t0", START - HOUR_US)),
            (PINGS, ping(START - HOUR_US)),
            (ENDS, {"id": "t0", "ended": iso(START - HOUR_US), "late": False}),
        ]
        for table, row in firsts:
            frame = Frame.of_rows([row], {**dict.fromkeys(row, "text"), **(table.types or {})})
            assembly.lake.append(table, Facts.of(table, frame), batch="first")
    registry = assembly.standing_registry()
    model = zero_rule().fit(Frame.of({"fare": [1.0, 2.0]}), np.array([1.0, 0.0]), as_of=np.arange(2), seed=0)
    folder = registry.draft() / "model"
    write(folder, model, system="taxis", target="target", features=system.plan.identity, threshold=0.5)
    body = {"features": system.plan.identity, "as_of": iso(START)}
    version = registry.register(body, at_us=START, artefact=folder).name
    registry.promote(version, reason="a test", at_us=START)
    return assembly


def trip(
    id: str, at: int, lane: int = 1, fare: float = 5.0, word: str = "up", seen: int | None = None
) -> dict[str, Any]:
    return {
        "id": id,
        "at": iso(at),
        "seen": iso(at if seen is None else seen),
        "lane": lane,
        "fare": fare,
        "word": word,
    }


def ping(at: int, lane: int = 1, speed: float = 30.0) -> dict[str, Any]:
    return {"at": iso(at), "lane": lane, "speed": speed}


def live(
    assembly: Assembly,
    *,
    steps: int = 400,
    late: float = 0.0,
    corrected: float = 0.0,
    meddle: Callable[[Any], None] | None = None,
    seed: int = 1,
) -> int:
    """Serve the system for `steps` of some minutes; a share of pings comes up to two hours late, a share of trips is
    corrected as of a minute later, but only up to 90 minutes later. The number of requests asked.
    """
    chance = random.Random(seed)

    async def story() -> int:
        clock = ReplayClock(max(START, assembly.clock.now_us()))
        service = await asyncio.to_thread(lambda: assembly.open_service(clock))
        if meddle is not None:
            meddle(service)
        await service.start()
        clock.advance(clock.now_us() + 2 * HOUR_US)
        asked = 0
        behind: list[tuple[int, str, dict[str, Any]]] = []
        try:
            for step in range(steps):
                now = clock.now_us() + chance.randrange(1, 4) * MINUTE
                for _, table, row in [held for held in behind if held[0] <= now]:
                    await service.push(table, [row], arrival=now)
                behind = [held for held in behind if held[0] > now]
                row = ping(now - chance.randrange(1, 3) * MINUTE, chance.randrange(3), chance.uniform(0, 90))
                if chance.random() < late:
                    behind.append((now + chance.randrange(5, 120) * MINUTE, "pings", row))
                elif chance.random() < 0.6:
                    await service.push("pings", [row], arrival=now)
                if chance.random() < 0.3:
                    name = f"t{seed}-{step}"
                    fare, lane = round(chance.uniform(1, 20), 2), chance.randrange(3)
                    await service.push("trips", [trip(name, now, lane, fare, chance.choice("ab"))], arrival=now)
                    values = {"id": name, "fare": fare, "lane": lane}
                    await service.predict([Ask(values=values, as_of=now + MINUTE, request_id=name)])
                    asked += 1
                    end = {"id": name, "ended": iso(now + 2 * MINUTE), "late": chance.random() < 0.5}
                    await service.push("ends", [end], arrival=now + 2 * MINUTE)
                    if chance.random() < corrected:
                        again = trip(name, now, lane, fare + 100, "c", seen=now + MINUTE)
                        behind.append((now + chance.randrange(20, 90) * MINUTE, "trips", again))
        finally:
            await service.close()
        return asked

    return asyncio.run(story())
