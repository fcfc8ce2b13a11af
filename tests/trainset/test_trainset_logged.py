"""Logged values find their requests, and what has none says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.facts import Facts, Table, before
from hindcast.features import request
from hindcast.features.logged import Logged
from hindcast.trainset import Binary, Spine, TrainingSet, make_spine, outcome
from hindcast.trainset.logged import STATUSES, LoggedAnswers, tally_logged, with_logged
from hindcast.values import BEGINNING

ORDERS = Table("orders", key="id", event_time="due", known="always", types={"id": "integer"})
ENDS = Table("ends", key="id", event_time="at", known="event")
TARGET = Binary(ORDERS, as_of=before("due", "0s"), label=outcome(ENDS, "late", on="id"), maturity="1s")


def spine(*moments: int) -> Spine:
    """Requests 0, 1, ... at these moments."""
    n = len(moments)
    orders = Facts.of(ORDERS, {"id": list(range(n)), "due": list(moments)})
    orders = replace(orders, known=np.full(n, BEGINNING))
    ends = Facts.of(
        ENDS, {"id": list(range(n)), "at": [m + 1 for m in moments], "late": [i % 2 == 0 for i in range(n)]}
    )
    return make_spine(TARGET, {"orders": orders, "ends": ends})


def log(*rows: tuple[object, int, float | None], **more: list) -> Facts:
    """Answers (request id, as_of, value)."""
    as_of = np.array([at for _, at, _ in rows], dtype=np.int64)
    columns = {
        "system": Column.of(["s"] * len(rows)),
        "request_id": Column.of([str(key) for key, _, _ in rows]),
        "feature_speed": Column.of_kind([value for _, _, value in rows], "number"),
    } | {name: Column.of(values) for name, values in more.items()}
    return Facts(as_of, as_of, np.arange(len(rows)), np.zeros(len(rows), dtype=np.bool_), Frame(columns, len(rows)))


def taken(asked: Spine, answers: LoggedAnswers, **how):
    recomputed = Frame.of({"speed": [100.0 + i for i in range(len(asked))], "other": [1.0] * len(asked)})
    wanted = {"speed": Logged(request("speed"), **how)}
    features, status = with_logged(recomputed, asked, ["id"], answers, wanted)
    assert features["other"].values.tolist() == [1.0] * len(asked)
    return features["speed"].objects().tolist(), [STATUSES[at] for at in status["speed"]]


def by_id(*rows: tuple[object, int, float | None]) -> LoggedAnswers:
    return LoggedAnswers.of(log(*rows), ["speed"], ["id"], system="s")


def test_the_logged_value_is_taken_by_id_and_what_has_none_is_null():
    values, status = taken(spine(10, 20, 30), by_id((0, 10, 1.5), (1, 20, None)))
    assert values == [1.5, None, None]
    assert status == ["logged", "logged", "unasked"], "a null that was served is a value like any other"


def test_without_a_matching_id_the_columns_of_the_label_find_it():
    found = replace(by_id(("a", 10, 1.5), ("b", 20, 2.5)), on=[Column.of([1, 0])])
    assert taken(spine(10, 20, 30), found) == ([None, 1.5, None], ["late", "logged", "unasked"])
    found = replace(by_id(("a", 10, 1.5), (1, 20, 2.5)), on=[Column.of([1, 2])])
    assert taken(spine(10, 20, 30), found) == ([None, 2.5, 2.5], ["unasked", "logged", "logged"])
    found = replace(by_id((0, 10, 1.5), ("b", 5, 2.5)), on=[Column.of([7, 0])])
    assert taken(spine(10), found) == ([1.5], ["logged"]), "the id comes first"


def test_of_several_answers_the_newest_up_to_the_moment_counts():
    rows = [(0, 5, 1.0), (0, 9, 2.0), (0, 10, 3.0), (0, 11, 4.0), (1, 21, 5.0), (1, 27, 6.0)]
    assert taken(spine(10, 20), by_id(*rows)) == ([3.0, None], ["logged", "late"])
    assert taken(spine(10, 20), by_id(*rows), late_us=1) == ([4.0, 5.0], ["logged", "logged"])
    assert taken(spine(10, 20), by_id(*rows), late_us=7) == ([4.0, 6.0], ["logged", "logged"])


def test_before_logging_began_nothing_counts_and_filling_is_asked_for():
    found = by_id((0, 10, 1.0), (1, 20, 2.0))
    assert taken(spine(10, 20, 30), found, since_us=20) == ([None, 2.0, None], ["before", "logged", "unasked"])
    values, status = taken(spine(10, 20, 30), found, since_us=20, fill=True)
    assert (values, status) == ([100.0, 2.0, 102.0], ["before", "logged", "unasked"])


def test_a_value_of_another_definition_is_not_taken():
    found = replace(by_id((0, 10, 1.0), (1, 20, 2.0)), current={"speed": np.array([False, True])})
    assert taken(spine(10, 20), found) == ([None, 2.0], ["changed", "logged"])


def test_another_systems_answers_are_nobodys():
    theirs = log((0, 10, 1.0), (1, 20, 2.0), system=["s", "t"])
    found = LoggedAnswers.of(theirs, ["speed"], ["id"], system="s")
    assert taken(spine(10, 20), found) == ([1.0, None], ["logged", "unasked"])


@pytest.mark.parametrize(
    ("recomputed", "logged", "expected"),
    [
        (Column.of(["a", "b"]), Column.of(["z", None]), ["z", None]),
        (Column.of_kind([5, 6], "time"), Column.of([7.0, None]), [7, None]),
        (Column.of([1.0, 2.0]), None, [None, None]),
        (Column.of(["a", "b"]), Column.empty("number", 2), [None, None]),
    ],
)
def test_every_kind_is_taken_as_it_is(recomputed, logged, expected):
    frame = {"request_id": Column.of(["0", "1"])} | ({} if logged is None else {"feature_speed": logged})
    as_of = np.array([10, 20])
    facts = Facts(as_of, as_of, np.arange(2), np.zeros(2, dtype=np.bool_), Frame(frame, 2))
    found = LoggedAnswers.of(facts, ["speed"], ["id"], system="s")
    features, status = with_logged(
        Frame({"speed": recomputed}, 2), spine(10, 20), ["id"], found, {"speed": Logged(request("speed"))}
    )
    assert features["speed"].kind == recomputed.kind
    assert features["speed"].objects().tolist() == expected
    assert status["speed"].tolist() == [0, 0]


def test_an_empty_log_leaves_every_value_null():
    empty = LoggedAnswers.of(Facts.empty({}), ["speed"], ["id"], system="s")
    assert taken(spine(10, 20), empty) == ([None, None], ["unasked", "unasked"])


def test_the_manifest_counts_what_was_taken_among_the_rows_that_are_used():
    asked = spine(10, 20, 30)
    features, status = with_logged(
        Frame.of({"speed": [1.0, 2.0, 3.0]}), asked, ["id"], by_id((0, 10, 9.0)), {"speed": Logged(request("speed"))}
    )
    made = TrainingSet.build(
        TARGET, asked, features, now_us=1_000_020, fingerprints={}, identity="logged", logged=status
    )
    assert made.manifest["logged"] == {"speed": {"logged": 1, "before": 0, "late": 0, "changed": 0, "unasked": 1}}
    assert made.features["speed"].objects().tolist() == [9.0, None]
    assert tally_logged(status, np.ones(3, dtype=np.bool_))["speed"]["unasked"] == 2


asks = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.floats(0, 9)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(asks, st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 5))
def test_it_is_what_a_slow_search_finds(rows, moments, late_us):
    moments = sorted(moments)
    asked = spine(*moments)
    values, status = taken(asked, by_id(*rows), late_us=late_us)
    for at, key in enumerate(asked.key.objects().tolist()):
        mine = [(when, place, value) for place, (who, when, value) in enumerate(rows) if who == key]
        good = [row for row in mine if row[0] <= asked.as_of[at] + late_us]
        assert values[at] == (max(good)[2] if good else None)
        assert status[at] == ("logged" if good else "late" if mine else "unasked")
