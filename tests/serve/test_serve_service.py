"""The service in one process: visibility, durability, once-only, roles, replay, and a crash between any two steps."""

import asyncio
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serve_system import KINDS, PINGS, PLAN, TABLES, TRIPS, open_registry, open_service, promote

import hindcast.journal.journal as journal_module
from hindcast.errors import DataError, RequestError, StateError, UnknownName
from hindcast.facts import Facts, Lake
from hindcast.facts.quarantine import Quarantine
from hindcast.features.online import OnlineFeatures
from hindcast.journal import Home
from hindcast.serve import Ask
from hindcast.serve.drain import Drain
from hindcast.serve.recovery import drain_left
from hindcast.trial.assign import share_of

WHO = {"who": "ann", "lane": 1, "hour": 19}
COUNT = "trips_x_count_7d_by_who"
FROM = 1_785_000_000_000_000
HOUR = 3_600_000_000


@pytest.fixture
def home(tmp_path):
    promote(tmp_path / "home")
    return tmp_path / "home"


@asynccontextmanager
async def running(home, **options):
    service = await asyncio.to_thread(lambda: open_service(home, **{"drain_every_s": 600.0, "sync": False, **options}))
    await service.start()
    try:
        yield service
    finally:
        await service.close()


def crash(service) -> None:
    """What a kill leaves behind: nothing is drained or closed, the kernel frees the locks."""
    for task in service._tasks:
        task.cancel()
    service._journal._lock.release()
    service._lock.release()


def trip(id="t1", at="2026-07-25T17:00:00Z", who="ann", x=1.0, word=None):
    return {"id": id, "at": at, "who": who, "x": x, "word": word}


async def features(service, **options) -> dict:
    return (await service.predict([Ask(values=WHO, **options)]))[0].features


# ---- facts and requests -----------------------------------------------------------------------------------


def test_a_request_after_an_acknowledgement_sees_the_fact(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            assert (await features(service))[COUNT] == 0.0
            receipt = await service.push("trips", [trip("a"), trip("b")])
            assert (receipt.accepted, receipt.repeated) == (2, False)
            assert (await features(service))[COUNT] == 2.0

    asyncio.run(story())


def test_a_request_waits_for_the_facts_that_came_before_it_and_for_no_others(home, monkeypatch):
    def slow(fd):
        time.sleep(0.05)

    monkeypatch.setattr(journal_module, "sync", slow)

    async def story():
        async with running(home, replay_from=FROM, sync=True) as service:
            first, second, third, fourth, fifth = await asyncio.gather(
                features(service),
                service.push("trips", [trip("a")]),
                features(service),
                service.push("trips", [trip("b")]),
                features(service),
            )
            assert (first[COUNT], third[COUNT], fifth[COUNT]) == (0.0, 1.0, 2.0)
            assert second.arrival < fourth.arrival

    asyncio.run(story())


def test_one_bad_row_refuses_a_push_and_leaves_nothing_behind(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            with pytest.raises(DataError) as caught:
                await service.push("trips", [trip("a"), trip("b", x="fast"), trip(None)])
            assert (caught.value.row, caught.value.column, caught.value.value) == (2, "x", "fast")
            assert [r.row for r in caught.value.refused] == [2, 3]
            assert (await features(service))[COUNT] == 0.0
            with pytest.raises(UnknownName, match="Did you mean 'trips'"):
                await service.push("trip", [trip("a")])
            with pytest.raises(UnknownName, match="Did you mean 'word'"):
                await service.push("trips", [{"id": "a", "wrd": "x"}])
        assert "trips" not in Lake(home / "lake").tables()

    asyncio.run(story())


def test_bad_rows_go_to_quarantine_when_asked_and_the_others_land(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            receipt = await service.push("trips", [trip("a"), trip("b", x="fast"), trip("c", at=None)], quarantine=True)
            assert (receipt.accepted, receipt.quarantined, receipt.absent) == (1, 1, 1)
            assert (await features(service))[COUNT] == 1.0
        (refused,) = Quarantine(home / "quarantine").rows("trips")
        assert (refused.row, refused.column, refused.value) == (2, "x", "fast")

    asyncio.run(story())


def test_a_fact_the_features_cannot_take_is_refused_before_it_is_written(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            with pytest.raises(DataError, match="2\\*\\*53"):
                await service.push("pings", [{"lane": 1, "speed": 1.0}, {"lane": 1 << 60, "speed": 1.0}])
            assert service._journal.last == 0

    asyncio.run(story())


# ---- once only --------------------------------------------------------------------------------------------


def test_the_same_push_counts_once_also_at_once_and_after_a_restart(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            receipts = await asyncio.gather(*(service.push("trips", [trip()], key="k") for _ in range(5)))
            assert sorted(r.repeated for r in receipts) == [False, True, True, True, True]
            assert len({r.arrival for r in receipts}) == 1
            with pytest.raises(RequestError, match="another push"):
                await service.push("trips", [trip("other")], key="k")
        async with running(home, replay_from=FROM) as service:
            again = await service.push("trips", [trip()], key="k")
            assert (again.repeated, again.arrival, again.accepted) == (True, receipts[0].arrival, 1)
        assert Lake(home / "lake").rows("trips") == 1

    asyncio.run(story())


def test_the_same_request_gets_its_first_answer_also_at_once_and_after_a_restart(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            ask = Ask(values=WHO, request_id="q")
            answers = await asyncio.gather(*(service.predict([ask, Ask(values=WHO)]) for _ in range(4)))
            assert len({a[0].as_of for a in answers}) == 1
            assert len({a[1].request_id for a in answers}) == 4
            await service.push("trips", [trip()])
            assert (await service.predict([ask]))[0] == answers[0][0]
            with pytest.raises(RequestError, match="another request"):
                await service.predict([Ask(values={**WHO, "hour": 3}, request_id="q")])
            with pytest.raises(RequestError, match="one request_id"):
                await service.predict([ask, ask])
        async with running(home, replay_from=FROM) as service:
            assert (await service.predict([ask]))[0] == answers[0][0]
        assert Lake(home / "lake").rows("predictions_late") == 5

    asyncio.run(story())


def test_a_key_older_than_what_is_remembered_is_still_known(home):
    async def story():
        options = {"replay_from": FROM, "segment_bytes": 1, "remember": 1}
        async with running(home, **options) as service:
            await service.push("trips", [trip("old")], key="k")
            await service.predict([Ask(values=WHO, request_id="q")])
            for number in range(3):
                await service.push("trips", [trip(f"t{number}")])
                await service.drain()
        async with running(home, **options) as service:
            again = await service.push("trips", [trip("old")], key="k")
            assert (again.repeated, again.accepted, again.arrival) == (True, -1, -1)
            with pytest.raises(RequestError, match="answered long ago"):
                await service.predict([Ask(values=WHO, request_id="q")])
            assert (await features(service))[COUNT] == 4.0
        assert Lake(home / "lake").rows("trips") == 4

    asyncio.run(story())


# ---- crashes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before", "between tables", "before the note", "before the release"])
def test_a_crash_at_any_step_of_a_drain_loses_and_doubles_nothing(home, monkeypatch, moment):
    class Crash(BaseException):
        pass

    def dies(*_, **__):
        raise Crash

    async def story():
        service = open_service(home, replay_from=FROM, drain_every_s=600.0, sync=False)
        await service.start()
        await service.push("trips", [trip("a"), trip("b")])
        await service.push("pings", [{"lane": 1, "speed": 2.0}])
        before = (await service.predict([Ask(values=WHO, request_id="q")]))[0].features
        with monkeypatch.context() as patch:
            if moment == "before":
                patch.setattr(Drain, "land", dies)
            elif moment == "between tables":
                real = Lake.append
                patch.setattr(
                    Lake,
                    "append",
                    lambda lake, table, *a, **k: (table.name == "trips" and dies()) or real(lake, table, *a, **k),
                )
            elif moment == "before the note":
                real_land = Drain.land
                patch.setattr(Drain, "land", lambda *a: (real_land(*a), dies()))
            else:
                patch.setattr(journal_module.Journal, "release", dies)
            with pytest.raises(Crash):
                await service.drain()
        crash(service)
        async with running(home, replay_from=FROM) as service:
            assert {**(await features(service)), "x": 0} == {**before, "x": 0}
            await service.push("trips", [trip("c")])
        lake = Lake(home / "lake")
        assert lake.facts("trips").frame["id"].objects().tolist() == ["a", "b", "c"]
        assert lake.rows("pings") == 1
        assert lake.facts("predictions_late").frame["request_id"].objects().tolist().count("q") == 1

    asyncio.run(story())


def test_what_a_killed_server_left_can_be_drained_before_facts_land_in_another_way(home):
    parts = {"tables": {table.name: table for table in TABLES}, "target": "late", "kinds": KINDS}

    async def story():
        service = open_service(home, replay_from=FROM, drain_every_s=600.0, sync=False)
        await service.start()
        await service.push("trips", [trip("a"), trip("b")])
        await service.drain()
        await service.push("trips", [trip("c")])
        await service.predict([Ask(values=WHO)])
        crash(service)

    assert drain_left(Home.open(home), **parts) == 0
    asyncio.run(story())
    assert [drain_left(Home.open(home), **parts) for _ in range(2)] == [2, 0]
    lake = Lake(home / "lake")
    lake.append(TRIPS, Facts.of(TRIPS, [trip("d")], seq_from=lake.next_seq("trips"), arrival_us=FROM), batch="a file")

    async def sequel():
        async with running(home, replay_from=FROM) as service:
            assert (await features(service))[COUNT] == 4.0
            await service.push("trips", [trip("e")])
        assert lake.facts("trips").seq.tolist() == [0, 1, 2, 3, 4]

    asyncio.run(sequel())


def test_facts_that_landed_before_the_journal_was_drained_are_told(home):
    async def story():
        service = open_service(home, replay_from=FROM, drain_every_s=600.0, sync=False)
        await service.start()
        await service.push("trips", [trip("a")])
        crash(service)
        Lake(home / "lake").append(TRIPS, Facts.of(TRIPS, [trip("b")], arrival_us=FROM), batch="a file")
        with pytest.raises(StateError, match="Drain the journal before"):
            open_service(home, replay_from=FROM)

    asyncio.run(story())


def test_a_torn_tail_loses_only_what_was_not_acknowledged(home):
    async def story():
        service = open_service(home, replay_from=FROM, drain_every_s=600.0)
        await service.start()
        await service.push("trips", [trip("a")], key="a")
        answer = (await service.predict([Ask(values=WHO, request_id="q")]))[0]
        crash(service)
        segment = max((home / "journal").glob("*.seg"))
        acknowledged = segment.stat().st_size
        for torn in (b"\xf5hc\xa1" + b"\x00" * 40, b"garbage", b"\x00" * 4096):
            with segment.open("ab") as file:
                file.write(torn)
            again = open_service(home, replay_from=FROM, drain_every_s=600.0)
            await again.start()
            assert again._journal.torn_bytes == len(torn)
            assert (await again.predict([Ask(values=WHO, request_id="q")]))[0] == answer
            assert (await again.push("trips", [trip("a")], key="a")).repeated
            crash(again)
            assert segment.stat().st_size == acknowledged
        # the last record, unsynced and lost with the power
        lost = open_service(home, replay_from=FROM, drain_every_s=600.0)
        await lost.start()
        await lost.push("trips", [trip("b")], key="b")
        crash(lost)
        with segment.open("r+b") as file:
            file.truncate(segment.stat().st_size - 3)
        async with running(home, replay_from=FROM) as service:
            assert (await features(service))[COUNT] == 1.0
            assert not (await service.push("trips", [trip("b")], key="b")).repeated
            assert (await features(service))[COUNT] == 2.0

    asyncio.run(story())


row = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 5),
    st.sampled_from(["ann", "bob", None]),
    st.sampled_from([0.1, 1e16, -1e16, None]),
)
rows = st.lists(row, min_size=1, max_size=3)
steps = st.lists(st.one_of(rows, st.sampled_from(["ask", "crash", "drain", "ping"])), max_size=12)


@settings(max_examples=20)
@given(steps)
def test_the_state_is_that_of_the_acknowledged_facts_whatever_happens(tmp_path_factory, story_steps):
    home = tmp_path_factory.mktemp("story") / "home"
    promote(home, kind="zero_rule")
    reference, seq = OnlineFeatures(PLAN), {"trips": 0, "pings": 0}

    def pushed(table, made, arrival):
        facts = Facts.of(table, made, seq_from=seq[table.name], arrival_us=arrival)
        seq[table.name] += len(facts)
        reference.push(table.name, facts)

    async def story():
        options = {"drain_every_s": 600.0, "sync": False, "replay_from": FROM}
        service = open_service(home, **options)
        await service.start()
        for step in [*story_steps, "ask"]:
            if step == "crash":
                crash(service)
                service = open_service(home, **options)
                await service.start()
            elif step == "drain":
                await service.drain()
            elif step == "ping":
                ping = [{"lane": 1, "speed": 2.5}]
                pushed(PINGS, ping, (await service.push("pings", ping)).arrival)
            elif step == "ask":
                (record,) = await service.predict([Ask(values=WHO)])
                assert record.features == reference.read(record.request, record.as_of, KINDS).values
            else:
                made = [trip(i, at=FROM - hours * HOUR, who=who, x=x) for i, hours, who, x in step]
                pushed(TRIPS, made, (await service.push("trips", made)).arrival)
        await service.close()
        landed = Lake(home / "lake")
        assert {name: landed.rows(name) if name in landed.tables() else 0 for name in seq} == seq

    asyncio.run(story())


def test_a_full_disk_is_told_and_changes_nothing(home, monkeypatch):
    async def story():
        async with running(home, replay_from=FROM) as service:
            with monkeypatch.context() as patch:

                def full(*_):
                    raise OSError(28, "No space left on device")

                patch.setattr(journal_module, "write_all", full)
                with pytest.raises(StateError, match="No space left"):
                    await service.push("trips", [trip("a")], key="k")
                with pytest.raises(StateError, match="No space left"):
                    await service.predict([Ask(values=WHO, request_id="q")])
            assert (await features(service))[COUNT] == 0.0
            assert not (await service.push("trips", [trip("a")], key="k")).repeated
            assert (await features(service, request_id="q"))[COUNT] == 1.0

    asyncio.run(story())


def test_a_lake_that_cannot_be_written_keeps_everything_in_the_journal(home, monkeypatch):
    async def story():
        async with running(home, replay_from=FROM) as service:
            await service.push("trips", [trip("a")])
            with monkeypatch.context() as patch:

                def fails(*_, **__):
                    raise StateError("the lake is away")

                patch.setattr(Lake, "append", fails)
                for _ in range(3):
                    await service._drain_quietly()
            assert b"hindcast_drain_failures_total 3.0" in service.telemetry.text()
            await service.push("trips", [trip("b")])
            assert await service.drain() == 2
            assert await service.drain() == 0
        assert Lake(home / "lake").rows("trips") == 2

    asyncio.run(story())


def test_a_home_has_one_server(home):
    async def story():
        async with running(home, replay_from=FROM):
            with pytest.raises(StateError, match="held by process"):
                open_service(home)
        async with running(home, replay_from=FROM):
            pass

    asyncio.run(story())


# ---- roles ------------------------------------------------------------------------------------------------


def test_without_a_champion_facts_are_taken_and_requests_told_why(tmp_path):
    async def story():
        home = tmp_path / "home"
        async with running(home, replay_from=FROM) as service:
            assert service.running
            assert not service.ready
            await service.push("trips", [trip()])
            with pytest.raises(StateError, match="no version has been promoted yet"):
                await features(service)
            promote(home)
            await service.refresh()
            assert (await features(service))[COUNT] == 1.0

    asyncio.run(story())


def test_a_champion_is_swapped_under_load_without_a_failure(home):
    async def story():
        async with running(home, replay_from=FROM, poll_s=0.02) as service:
            stop, versions = asyncio.Event(), []

            async def ask():
                while not stop.is_set():
                    records = await service.predict([Ask(values=WHO) for _ in range(3)])
                    assert len({r.version for r in records}) == 1
                    versions.append(records[0].version)

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            for number in range(4):
                await asyncio.to_thread(promote, home, rate=0.1 * (number + 1), at_us=number + 1)
                while service.roles.champion != f"v{number + 2}":
                    assert not any(task.done() for task in asking)
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(open_registry(home).rollback, reason="a test", at_us=9)
            while service.roles.champion != "v4":
                await asyncio.sleep(0.01)
            await features(service)
            stop.set()
            await asyncio.gather(*asking)
            order = [v for at, v in enumerate(versions) if at == 0 or versions[at - 1] != v]
            assert set(order) == {"v1", "v2", "v3", "v4", "v5"}
            assert b'hindcast_champion{version="v4"} 1.0' in service.telemetry.text()

    asyncio.run(story())


def test_an_altered_artefact_never_takes_over(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            version = promote(home, rate=0.6, at_us=5)
            model = open_registry(home).folder(version) / "model.json"
            model.write_text(model.read_text().replace("0.6", "0.7"))
            await service.refresh()
            assert service.roles.champion == "v1"
            assert "altered" in service.status()
            assert (await service.predict([Ask(values=WHO)]))[0].version == "v1"
            assert b"hindcast_swap_failures_total 1.0" in service.telemetry.text()

    asyncio.run(story())


def test_a_canary_answers_its_share_and_units_stick(home):
    async def story():
        version = promote(home, rate=0.8, only_register=True)
        open_registry(home).trial(version, "canary", reason="a test", at_us=3, share=0.4, salt="s")
        async with running(home, replay_from=FROM) as service:
            asks = [Ask(values=WHO, request_id=f"u{n}") for n in range(400)]
            records = await service.predict(asks)
            for record in records:
                canary = share_of(record.request_id, "s") < 0.4
                assert (record.version, record.role) == ((version, "canary") if canary else ("v1", "champion"))
            share = sum(record.role == "canary" for record in records) / len(records)
            assert 0.3 < share < 0.5

    asyncio.run(story())


def test_shadow_answers_are_logged_beside_the_champions_and_hurt_nobody(home):
    async def story():
        version = promote(home, rate=0.8, only_register=True)
        open_registry(home).trial(version, "shadow", reason="a test", at_us=3)
        async with running(home, replay_from=FROM) as service:
            records = await service.predict([Ask(values=WHO) for _ in range(3)])
            given = dict.fromkeys(PLAN.names)
            records += await service.predict([Ask(values=given, given=True)])
            assert {record.version for record in records} == {"v1"}
            model = service.predictor.model(version)
            expected = [model.predict_row(record.features) for record in records]
            service.predictor.model = lambda v: (
                {}[v] if v == version else type(service.predictor).model(service.predictor, v)
            )
            broken = await service.predict([Ask(values=WHO)])
            await service.drain()
            assert b"hindcast_shadow_failures_total" in service.telemetry.text()
        rows = Lake(home / "lake").facts("predictions_late").frame.rows()
        assert [row["request_id"] for row in rows] == [r.request_id for r in [*records, *broken]]
        assert [row["shadow_probability"] for row in rows] == [*expected, None]
        assert [row["shadow_version"] for row in rows] == [version] * 4 + [None]

    asyncio.run(story())


# ---- moments ----------------------------------------------------------------------------------------------


def test_a_week_can_be_asked_at_its_moments_in_order(home):
    async def story():
        async with running(home, replay_from=FROM) as service:
            receipt = await service.push("trips", [trip(at=FROM - HOUR)], arrival=FROM + 5)
            assert receipt.arrival == FROM + 5
            at_it, after_it = await service.predict([Ask(values=WHO, as_of=FROM + 5), Ask(values=WHO, as_of=FROM + 6)])
            assert (at_it.features[COUNT], after_it.features[COUNT]) == (0.0, 1.0)
            for backwards in (
                service.predict([Ask(values=WHO, as_of=FROM)]),
                service.predict([Ask(values=WHO, as_of=FROM + 9), Ask(values=WHO, as_of=FROM + 8)]),
                service.push("trips", [trip()], arrival=FROM),
            ):
                with pytest.raises(RequestError, match="in order"):
                    await backwards
            assert service.clock.now_us() == FROM + 6
        async with running(home, replay_from=FROM) as service:
            assert service.clock.now_us() >= FROM + 6

    asyncio.run(story())


def test_a_live_server_takes_its_own_time(home):
    async def story():
        async with running(home) as service:
            with pytest.raises(RequestError, match="replay clock only"):
                await service.predict([Ask(values=WHO, as_of=FROM)])
            with pytest.raises(RequestError, match="replay clock only"):
                await service.push("trips", [trip()], arrival=FROM)
            stamps = [(await service.push("trips", [trip()])).arrival]
            stamps += [(await service.predict([Ask(values=WHO)]))[0].as_of]
        async with running(home) as service:
            stamps += [(await service.predict([Ask(values=WHO)]))[0].as_of]
        assert (np.diff(stamps) > 0).all()

    asyncio.run(story())


def test_a_clock_set_back_does_not_set_stamps_back(home, monkeypatch):
    async def story():
        async with running(home) as service:
            (record,) = await service.predict([Ask(values=WHO)])
        monkeypatch.setattr(time, "time_ns", lambda: 1_000_000)
        async with running(home) as service:
            (later,) = await service.predict([Ask(values=WHO)])
            assert later.as_of > record.as_of

    asyncio.run(story())
