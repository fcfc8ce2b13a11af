"""Backfill = batch, to the bit, whatever landed late, was corrected, withdrawn, asked anew or declared anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.backfill import BackfillReport, backfill
from hindcast.columns import Column, Frame
from hindcast.errors import DataError, UnknownName
from hindcast.facts import Facts, Table
from hindcast.features import (
    FeaturePlan,
    aggregate,
    decayed,
    enrich,
    last_n,
    latest,
    request,
    session,
    to_date,
    top,
    window,
)
from hindcast.features.batch import answer
from hindcast.features.graph import neighbours_mean, shared_neighbours
from hindcast.values import HOUR_US, Ints

KEYED = Table("trips", key="id", event_time="at", known="seen", start="1970-01-01T00:00:00.000003Z")
PLAIN = Table("pings", event_time="at", known="seen")
US = "{}us".format


def doubled(trips_x_sum_5us_by_car):
    return 2 * trips_x_sum_5us_by_car


def worn(doubled, pings_x_by_car, car):
    return np.where(car == "a", doubled, pings_x_by_car)


def label(trips_word_by_car):
    return np.array([None if word is None else f"{word}!" for word in trips_word_by_car.tolist()], dtype=object)


def add(state, x):
    return (0.5 * state[0] + x,)


def read(state):
    return state[0]


SMOOTHED = aggregate("smoothed", empty=(0.0,), add=add, read=read)
SEEN = enrich(PLAIN, latest(KEYED, "word", "x", by="car", name="ride"))

POOL: list[Any] = [
    request("car", "place"),
    latest(KEYED, "x", "word", by="car"),
    latest(KEYED, "x", by="car", ahead=True, name="planned"),
    latest(PLAIN, "x", by="car", max_age="3us"),
    latest(PLAIN, "x"),
    window(KEYED, "x", ["sum", "mean", "max", "std"], over=["5us", "9us"], by="car"),
    window(KEYED, "x", ["sum", "min"], over="6us", by=["car", "place"], where="x > 0"),
    window(KEYED, over=("-2us", "+3us"), by="car"),
    window(KEYED, over="4us", lag="3us", by={"place": "place"}),
    window(PLAIN, "x", "count", over="7us"),
    doubled,
    worn,
    label,
    window(KEYED, "x", ["median", "first", "since", decayed("mean", half_life="3us"), SMOOTHED], over="8us", by="car"),
    window(KEYED, "word", [last_n(2), top(2), "distinct"], over="all", lag="2us", by="car"),
    window(PLAIN, "x", ["count", "last"], over=[session("3us", at_most="9us"), to_date("day")], by="car"),
    window(PLAIN, "x", ["sum"], over="5us", tile="4us", by="car"),
    latest(PLAIN, "x", "place", by={"trips_word_by_car": "word"}, name="of_word"),
    window(SEEN, "ride_x_by_car", ["sum", "last"], over="9us", by={"car": "car"}, name="seen"),
    latest(SEEN, "ride_word_by_car", by="place", name="told"),
    neighbours_mean(PLAIN, "car", "word", of=latest(KEYED, "x", by="word"), by="car", over="6us"),
    shared_neighbours(PLAIN, "car", "word", between=("car", "other"), over="6us", name="both"),
    window(KEYED, "x", ["sum", "count"], over="7us", by="car", closed="right", name="own"),
]


def rows(table: Table):
    """Facts with few moments, keys and entities, so that ties, corrections, retractions and late facts are the rule."""
    fact = st.fixed_dictionaries(
        {
            "id": st.integers(0, 2),
            "car": st.sampled_from(["a", "b", "b", None]),
            "place": st.sampled_from([1, 2, None]),
            "at": st.integers(0, 12),
            "lag": st.integers(-4, 12),
            "x": st.sampled_from([0.0, 0.1, 0.2, -1.0, 1e16, None]),
            "word": st.sampled_from(["u", "v", None]),
            "gone": st.integers(0, 3).map(lambda n: n == 0 and bool(table.key)),
        }
    )
    return st.lists(fact, max_size=4)


def facts_of(table: Table, drawn: list[dict[str, Any]]) -> Facts:
    kinds = {"id": "integer", "car": "text", "place": "integer", "x": "number", "word": "text"}
    frame = Frame.of_rows(drawn, kinds)  # type: ignore[arg-type]
    event = np.array([row["at"] for row in drawn], dtype=np.int64)
    known = event + np.array([row["lag"] for row in drawn], dtype=np.int64)
    gone = np.array([row["gone"] for row in drawn], dtype=np.bool_)
    return Facts(event, known, np.arange(len(drawn), dtype=np.int64), gone, frame)


GRID = [(car, place, at) for car, place in [("a", 1), ("b", 2), ("b", None), (None, 1), ("c", 1)] for at in range(26)]
"""Every moment of every entity is asked about, so that nothing stale can hide."""


def asked(rows: list[int]) -> tuple[Frame, Ints]:
    drawn = [GRID[row] for row in rows]
    kinds = {"id": "integer", "car": "text", "other": "text", "place": "integer", "x": "number"}
    frame = Frame.of_rows(
        [{"id": at % 3, "car": car, "other": "b", "place": place, "x": 0.5} for car, place, at in drawn],
        kinds,  # type: ignore[arg-type]
    )
    return frame, np.array([at for *_, at in drawn], dtype=np.int64)


def plan_of(chosen: set[int]) -> FeaturePlan:
    """The features of POOL with these numbers, and what they are made from."""
    needed = set(chosen)
    if 11 in needed:
        needed |= {10, 3}
    if 10 in needed:
        needed.add(5)
    if needed & {12, 17}:
        needed.add(1)
    return FeaturePlan.compile([POOL[at] for at in sorted(needed)], target=KEYED)


def the_same(found: Frame, wanted: Frame) -> None:
    assert found.names == wanted.names
    for name in wanted.names:
        a, b = found[name], wanted[name]
        assert a.kind == b.kind, name
        if a.kind == "number":
            assert np.array_equal(a.values.view(np.int64)[a.present()], b.values.view(np.int64)[b.present()]), name
            assert np.array_equal(a.present(), b.present()), name
        else:
            assert a.objects().tolist() == b.objects().tolist(), name


requests = st.one_of(st.just(list(range(len(GRID)))), st.lists(st.integers(0, len(GRID) - 1), max_size=40))
chosen = st.one_of(st.just(set(range(len(POOL)))), st.sets(st.sampled_from(range(len(POOL))), min_size=1, max_size=9))
steps = st.lists(st.tuples(rows(KEYED), rows(PLAIN), requests, chosen), min_size=2, max_size=4)


@pytest.mark.slow
@settings(max_examples=60)
@given(steps, st.booleans())
def test_whatever_happened_since_the_answers_are_those_of_a_batch(story, marked):
    landed: dict[str, list[dict[str, Any]]] = {"trips": [], "pings": []}
    with TemporaryDirectory() as folder:
        for trips, pings, wanted, features in story:
            landed["trips"] += trips
            landed["pings"] += pings
            facts = {"trips": facts_of(KEYED, landed["trips"]), "pings": facts_of(PLAIN, landed["pings"])}
            frame, as_of = asked(wanted)
            plan = plan_of(features)
            marks = {name: str(len(found)) for name, found in facts.items()} if marked else None
            found, report = backfill(plan, facts, frame, as_of, folder, marks=marks)
            the_same(found, answer(plan, facts, frame, as_of))
            assert not report.notices
        again, quiet = backfill(plan, facts, frame, as_of, folder, marks=marks)
        the_same(again, found)
        assert (quiet.cells, quiet.reasons) == (0, ())


def test_no_request_at_all_forgets_no_kind(tmp_path):
    """A function says by its answers that they are texts; where nothing is asked it says nothing."""
    trip = {"id": 0, "car": "a", "place": 1, "at": 0, "lag": 0, "x": 0.0, "word": "u", "gone": False}
    facts = {"trips": facts_of(KEYED, [trip]), "pings": facts_of(PLAIN, [])}
    plan = plan_of({POOL.index(label)})
    for wanted in (list(range(len(GRID))), [], list(range(len(GRID)))):
        frame, as_of = asked(wanted)
        found, _ = backfill(plan, facts, frame, as_of, tmp_path)
        the_same(found, answer(plan, facts, frame, as_of))


# ---- what a late fact touches ---------------------------------------------------------------------------

RIDES = Table("rides", key="id", event_time="at", known="seen")
NEWEST = latest(RIDES, "x", by="car")
LAST_HOUR = window(RIDES, "x", "sum", over="1h", by="car")
CARS, HOURS = ["a", "b", "c"], range(24)
ASKED = Frame.of({"car": [car for car in CARS for _ in HOURS]})
AS_OF = np.array([hour * HOUR_US for _ in CARS for hour in HOURS], dtype=np.int64)


def rides(*more: tuple[int, str | None, float, float, bool]) -> dict[str, Facts]:
    """A ride per car at half past each hour, known at once; and `more`: (id, car, event, known, whether withdrawn)."""
    first = [
        (n, car, hour + 0.5, hour + 0.5, False) for n, (hour, car) in enumerate((h, c) for h in HOURS for c in CARS)
    ]
    every = [*first, *more]
    frame = Frame.of_rows(
        [{"id": n, "car": car, "x": float(at)} for at, (n, car, *_) in enumerate(every)],
        {"id": "integer", "car": "text", "x": "number"},
    )
    event, known = (np.array([round(row[at] * HOUR_US) for row in every], dtype=np.int64) for at in (2, 3))
    gone = np.array([row[4] for row in every], dtype=np.bool_)
    return {"rides": Facts(event, known, np.arange(len(every), dtype=np.int64), gone, frame)}


def filled(
    folder: Path, facts: dict[str, Facts], features: Any = (NEWEST, LAST_HOUR), rows: Any = slice(None)
) -> BackfillReport:
    """A backfill that was compared with the batch."""
    plan, frame, as_of = FeaturePlan.compile(features), ASKED.take(rows), AS_OF[rows]
    found, report = backfill(plan, facts, frame, as_of, folder)
    the_same(found, answer(plan, facts, frame, as_of))
    return report


def computed(report: BackfillReport) -> list[int]:
    return list(report.computed.values())


def test_the_first_time_all_is_computed_the_second_time_nothing(tmp_path: Path) -> None:
    first = filled(tmp_path, rides())
    assert (first.cells, first.cells_reused, first.reused) == (144, 0, ())
    assert [(reason.why, len(reason.features), reason.rows) for reason in first.reasons] == [
        ("nothing was kept yet", 2, 72)
    ]
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = filled(tmp_path, rides())
    assert (second.cells, second.cells_reused, second.reasons) == (0, 144, ())
    assert second.reused == ("rides_x_by_car", "rides_x_sum_1h_by_car")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_late_fact_touches_its_entity_from_when_it_is_known_as_far_as_the_window_reaches(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    report = filled(tmp_path, rides((900, "b", 10.25, 10.75, False)))
    assert report.landed == {"rides": 1}
    assert computed(report) == [13, 13]  # the newest ride: 11:00 to 23:00; swept together with the window's one row
    assert report.dirty == {"rides": 13}
    assert [(r.features, r.rows) for r in report.reasons] == [(("rides_x_by_car", "rides_x_sum_1h_by_car"), 13)]


def test_a_bounded_window_sees_a_late_fact_for_as_long_as_it_reaches(tmp_path: Path) -> None:
    filled(tmp_path, rides(), [LAST_HOUR])
    assert computed(filled(tmp_path, rides((900, "b", 10.25, 10.75, False)), [LAST_HOUR])) == [1]
    assert computed(
        filled(tmp_path, rides((900, "b", 10.25, 10.75, False), (901, "c", 3.5, 20.0, False)), [LAST_HOUR])
    ) == [0]


def test_a_correction_that_moves_a_fact_touches_both_entities_until_the_next_version(tmp_path: Path) -> None:
    filled(tmp_path, rides(), [NEWEST])
    moved = (3 * 10 + 1, "c", 10.5, 12.25, False)  # the ride of b at 10:30 turns out to have been c's
    report = filled(tmp_path, rides(moved), [NEWEST])
    assert computed(report) == [2 * 11]  # 13:00 to 23:00, of b and c
    back = (3 * 10 + 1, "b", 10.5, 14.25, False)
    assert computed(filled(tmp_path, rides(moved, back), [NEWEST])) == [2 * 9]


def test_an_older_version_that_lands_late_touches_nothing_beyond_its_successor(tmp_path: Path) -> None:
    corrected = (900, "b", 10.5, 15.5, False)
    filled(tmp_path, rides(corrected), [NEWEST])
    assert computed(filled(tmp_path, rides(corrected, (900, "a", 10.5, 12.5, False)), [NEWEST])) == [3]  # a, 13 to 15


def test_a_retraction_names_a_key_and_touches_its_entity(tmp_path: Path) -> None:
    filled(tmp_path, rides(), [NEWEST])
    report = filled(tmp_path, rides((3 * 10 + 1, None, 0.0, 20.25, True)), [NEWEST])
    assert computed(report) == [3]
    assert report.dirty == {"rides": 3}


def test_a_fact_of_an_entity_nobody_asks_about_touches_nothing_and_is_not_looked_at_again(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    new = (900, "z", 10.5, 10.5, False)
    report = filled(tmp_path, rides(new))
    assert (report.cells, report.landed) == (0, {"rides": 1})
    assert filled(tmp_path, rides(new)).landed == {}


def test_only_new_features_are_computed(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    two = window(RIDES, "x", ["sum", "max"], over=["1h", "2h"], by="car")
    report = filled(tmp_path, rides(), [NEWEST, two])
    assert report.computed == {
        "rides_x_by_car": 0,
        "rides_x_sum_1h_by_car": 0,
        "rides_x_max_1h_by_car": 72,
        "rides_x_sum_2h_by_car": 72,
        "rides_x_max_2h_by_car": 72,
    }
    older = Table("rides", key="id", event_time="at", known="seen", start="1970-01-01T04:00:00Z")
    assert computed(filled(tmp_path, rides(), [latest(older, "x", by="car")])) == [72]


def test_a_feature_that_was_away_comes_back_up_to_date(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    new = (900, "b", 10.25, 10.75, False)
    filled(tmp_path, rides(new), [NEWEST])
    assert computed(filled(tmp_path, rides(new))) == [0, 1]


def test_what_nobody_asks_for_any_more_is_dropped_in_the_end(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    for n in range(10):
        filled(tmp_path, rides(), [window(RIDES, over=f"{n + 5}h", by="car")])
    assert computed(filled(tmp_path, rides())) == [72, 72]


def test_only_new_requests_are_computed_and_fewer_cost_nothing(tmp_path: Path) -> None:
    filled(tmp_path, rides(), rows=slice(0, 60))
    assert computed(filled(tmp_path, rides())) == [12, 12]
    assert computed(filled(tmp_path, rides(), rows=slice(20, 30))) == [0, 0]
    assert computed(filled(tmp_path, rides(), rows=np.arange(71, -1, -1))) == [0, 0]
    assert computed(filled(tmp_path, rides())) == [0, 0]
    new = (900, "a", 20.25, 20.75, False)
    assert computed(filled(tmp_path, rides(new), rows=slice(0, 3))) == [0, 0]
    assert computed(filled(tmp_path, rides(new))) == [69, 69]  # the others were not kept up to date


def test_facts_that_are_not_what_they_were_make_everything_stale(tmp_path: Path) -> None:
    filled(tmp_path, rides((900, "b", 10.25, 10.75, False)))
    report = filled(tmp_path, rides((900, "b", 10.25, 10.5, False)))
    assert report.cells == 144
    assert report.reasons[0].why == "what had landed in rides is not what it was"


def test_a_column_that_changed_its_kind_makes_what_reads_it_stale(tmp_path: Path) -> None:
    facts = rides()["rides"]
    nothing = Facts(
        facts.event, facts.known, facts.seq, facts.retract, facts.frame.having(x=Column.empty("number", 72))
    )
    filled(tmp_path, {"rides": nothing}, [NEWEST])
    words = Facts(facts.event, facts.known, facts.seq, facts.retract, facts.frame.having(x=Column.empty("text", 72)))
    assert (
        filled(tmp_path, {"rides": words}, [NEWEST]).reasons[0].why
        == "a column that it reads is of another kind than before"
    )


def test_marks_stand_for_all_facts_of_a_table(tmp_path: Path) -> None:
    plan = FeaturePlan.compile([NEWEST])
    backfill(plan, rides(), ASKED, AS_OF, tmp_path, marks={"rides": "one"})
    before = (tmp_path / "manifest.json").read_bytes()
    assert backfill(plan, rides(), ASKED, AS_OF, tmp_path)[1].cells == 0
    assert (tmp_path / "manifest.json").read_bytes() == before  # a mark is not forgotten for want of one
    _, report = backfill(plan, rides((900, "b", 10.25, 10.75, False)), ASKED, AS_OF, tmp_path, marks={"rides": "one"})
    assert report.cells == 0  # believed
    _, report = backfill(plan, rides((900, "b", 10.25, 10.75, False)), ASKED, AS_OF, tmp_path, marks={"rides": "two"})
    assert report.cells == 13


def test_a_report_is_plain_values_that_add_up(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    body = json.loads(
        json.dumps(
            filled(tmp_path, rides((900, "b", 10.25, 10.75, False)), [NEWEST, LAST_HOUR, request("car")]).as_dict()
        )
    )
    assert body["features"] == 2
    assert body["features_updated"] == ["rides_x_by_car", "rides_x_sum_1h_by_car"]
    assert body["cells_computed"] + body["cells_reused"] == body["features"] * body["requests"]
    assert body["seconds"] > 0


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    plan = FeaturePlan.compile([NEWEST])
    with pytest.raises(DataError, match="shape"):
        backfill(plan, rides(), ASKED, AS_OF[:3], tmp_path)
    with pytest.raises(UnknownName, match="'car'"):
        backfill(plan, rides(), Frame.of({"cart": ["a"]}), AS_OF[:1], tmp_path)
    with pytest.raises(UnknownName, match="'rides'"):
        backfill(plan, {"ride": rides()["rides"]}, ASKED, AS_OF, tmp_path)


# ---- functions ------------------------------------------------------------------------------------------


class Factors:
    """What a digest cannot stand for."""

    a = 2.0


FACTORS = Factors()
TABLE = {"a": 2.0}


def by_object(rides_x_by_car):
    return rides_x_by_car * FACTORS.a


def by_table(rides_x_by_car):
    return rides_x_by_car * TABLE["a"]


def on_top(by_object):
    return by_object + 1


def hour(at):
    return np.where(at > 5, at // 3, -1)


def test_a_function_whose_code_hangs_on_more_than_its_identity_is_always_computed(tmp_path: Path) -> None:
    features = [NEWEST, by_object, on_top]
    filled(tmp_path, rides(), features)
    report = filled(tmp_path, rides(), features)
    assert report.computed == {"rides_x_by_car": 0, "by_object": 72, "on_top": 72}
    assert {reason.why for reason in report.reasons} == {"it uses FACTORS, which is not part of its identity"}


def test_a_function_is_computed_anew_when_a_table_it_uses_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, rides(), [NEWEST, by_table])
    assert filled(tmp_path, rides(), [NEWEST, by_table]).cells == 0
    monkeypatch.setitem(TABLE, "a", 3.0)
    assert filled(tmp_path, rides(), [NEWEST, by_table]).computed == {"rides_x_by_car": 0, "by_table": 72}


def test_a_time_that_came_to_have_nulls_reaches_functions_anew(tmp_path: Path) -> None:
    plan, nothing = FeaturePlan.compile([hour]), np.zeros(4, dtype=np.int64)
    whole = Frame({"at": Column("time", np.arange(4) * 4)})
    backfill(plan, {}, whole, nothing, tmp_path)
    holed = Frame({"at": Column("time", np.arange(4) * 4, np.array([True, False, True, True]))})
    found, report = backfill(plan, {}, holed, nothing, tmp_path)
    the_same(found, answer(plan, {}, holed, nothing))
    assert report.cells == 4


# ---- damage, kills and company --------------------------------------------------------------------------


def test_a_damaged_file_is_answered_anew_and_told(tmp_path: Path) -> None:
    filled(tmp_path, rides())
    for path in sorted(tmp_path.glob("*.parquet")):
        for damage in (b"", path.read_bytes()[:-9], path.read_bytes()[::-1], None):
            whole = path.read_bytes()
            path.unlink() if damage is None else path.write_bytes(damage)
            report = filled(tmp_path, rides())
            assert report.cells in (72, 144)
            assert path.name in report.notices[0]
            assert path.read_bytes() == whole
            assert filled(tmp_path, rides()).notices == ()


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"format": 1}'])
def test_a_damaged_manifest_is_answered_anew_and_told(tmp_path: Path, damage: str) -> None:
    filled(tmp_path, rides())
    manifest = tmp_path / "manifest.json"
    manifest.write_text(damage)
    report = filled(tmp_path, rides())
    assert report.cells == 144
    assert "manifest.json is torn or was altered" in report.notices[0]


def test_an_altered_manifest_and_one_of_another_version_are_not_believed(tmp_path: Path) -> None:
    from hindcast.values import digest

    filled(tmp_path, rides())
    manifest = tmp_path / "manifest.json"
    body = json.loads(manifest.read_text())
    some = next(iter(body["entries"].values()))
    some["tables"]["rides"][0] += 1
    manifest.write_text(json.dumps(body))
    assert "altered" in filled(tmp_path, rides()).notices[0]
    body = json.loads(manifest.read_text())
    del body["digest"]
    body["made_by"] = "hindcast 0.0.1"
    manifest.write_text(json.dumps({**body, "digest": digest(body)}))
    report = filled(tmp_path, rides())
    assert (report.cells, "hindcast 0.0.1" in report.notices[0]) == (144, True)


CHILD = """
import os, signal, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import test_backfill_backfill as t
from hindcast.features import FeaturePlan
from hindcast.backfill import answers
from hindcast.backfill import backfill

_, _, folder, at, how = sys.argv
left = int(at)

def killed(write):
    def written(path, data):
        global left
        left -= 1
        if left == 0 and how == "torn":
            path.with_suffix(".new").write_bytes(data[: len(data) // 2])
        if left or how == "after":
            write(path, data)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return written

answers._WRITERS = 1
answers.write_file, answers.replace_file = killed(answers.write_file), killed(answers.replace_file)
facts = t.rides(t.LATE) if int(at) else t.rides()
report = backfill(FeaturePlan.compile([t.NEWEST, t.LAST_HOUR]), facts, t.ASKED, t.AS_OF, folder)[1]
print(report.cells)
"""
LATE = (900, "b", 10.6, 10.75, False)


def child(folder: Path, at: int, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, os.path.abspath(__file__), str(folder), str(at), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.service
def test_a_kill_anywhere_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    cells = []
    for how in ("before", "torn", "after"):
        for at in (1, 2, 3):  # a file for each feature, then the manifest
            folder = tmp_path / f"{how}-{at}"
            filled(folder, rides())
            with child(folder, at, how) as process:
                process.communicate()
            assert process.returncode == -signal.SIGKILL
            report = filled(folder, rides(LATE))
            assert report.notices == ()
            cells.append(report.cells)
            assert not list(folder.glob("*.new"))
            assert filled(folder, rides(LATE)).cells == 0
    assert cells == [26, 26, 26, 26, 26, 26, 26, 26, 0]


@pytest.mark.service
def test_of_two_processes_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    both = [child(tmp_path, 0, "never") for _ in range(2)]
    assert sorted(int(process.communicate()[0]) for process in both) == [0, 144]
