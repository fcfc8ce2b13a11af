"""Guesses: right on plain tables, asked for where no guess is safe, and quick to see a column that knows the answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.expressions import Expression
from hindcast.quality.guess import epoch_unit, guess_entity, guess_hour, guess_key, guess_target, guess_time
from hindcast.quality.leaks import parts_of, suspects
from hindcast.values import DAY_US

N = 600
DRAW = np.random.default_rng(7)
MOMENTS = Column("time", np.arange(N, dtype=np.int64) * DAY_US // 4)


def rows(**columns: object) -> Frame:
    return Frame.of({"at": MOMENTS, **columns})


@pytest.mark.parametrize(
    ("values", "condition"),
    [
        (["no", "yes"], "x == 'yes'"),
        (["DOWN", "UP"], "x == 'UP'"),
        ([0, 1], "x == 1"),
        ([1, 2], "x == 2"),
        ([0.0, 0.5], "x == 0.5"),
        ([True, False], "x"),
        (["common", "common", "rare"], "x == 'rare'"),
    ],
)
def test_a_two_valued_target_becomes_a_condition_that_can_be_read(values: list, condition: str) -> None:
    frame = Frame.of({"x": values * 10})
    guess = guess_target(frame, "x")
    assert guess.value == condition
    assert 0 < Expression(condition).holds(frame).sum() < len(frame)


@pytest.mark.parametrize("name", ["target", "label", "y", "class_", "converted", "is_fraud", "churned", "is_returned"])
def test_names_of_outcomes_are_known_wherever_they_stand(name: str) -> None:
    frame = Frame.of({name: [0, 1, 0, 1], "has_car": [1, 0, 0, 1], "last": [0, 0, 1, 1]})
    assert guess_target(frame).value == f"{name} == 1"


def test_what_is_not_clear_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="Columns with two values: holiday, workday"):
        guess_target(Frame.of({"holiday": [0, 1, 0], "workday": [1, 0, 1], "cnt": [5, 9, 7]}))
    with pytest.raises(ConfigError, match=r"--target 'cnt >= 7'"):
        guess_target(Frame.of({"cnt": [5, 9, 7]}))
    with pytest.raises(ConfigError, match="holds for no row of 3"):
        guess_target(Frame.of({"cnt": [5, 9, 7]}), "cnt > 100")
    with pytest.raises(UnknownName, match="Did you mean 'cnt'"):
        guess_target(Frame.of({"cnt": [5, 9, 7]}), "cntt > 6")
    with pytest.raises(ConfigError, match="holds 3 different values, not two"):
        guess_target(Frame.of({"cnt": [5, 9, 7]}), "cnt")


def test_the_earliest_time_asks_and_no_time_is_refused_kindly() -> None:
    later = Column("time", MOMENTS.values + DAY_US)
    assert guess_time(rows(closed=later)).value == "at"
    assert guess_time(Frame.of({"closed": later, "at": MOMENTS})).value == "at"
    assert guess_time(rows(closed=later), "closed").value == "closed"
    with pytest.raises(ConfigError, match="no column holds times"):
        guess_time(Frame.of({"x": [1, 2]}))
    with pytest.raises(ConfigError, match="holds integer values, not times"):
        guess_time(rows(x=np.arange(N)), "x")


@given(st.sampled_from([("s", 1_000_000), ("ms", 1_000), ("us", 1)]), st.integers(500_000_000, 4_000_000_000))
def test_epochs_are_told_by_name_and_size(unit: tuple[str, int], second: int) -> None:
    name, scale = unit
    column = Column.of(np.array([second * 1_000_000 // scale] * 2, dtype=np.int64))
    assert epoch_unit("timestamp", column) == name
    assert epoch_unit("amount", column) is None


def test_small_numbers_are_no_epochs() -> None:
    assert epoch_unit("time", Column.of([5, 80_000])) is None
    assert epoch_unit("time", Column.of_kind([], "integer")) is None


def test_keys_by_name_by_place_by_pair_or_not_at_all() -> None:
    unique, repeated = np.arange(N) * 7 + 3, np.arange(N) // 2
    assert guess_key(rows(amount=unique, order_id=unique + 1), "at", []).value == "order_id"
    assert guess_key(Frame.of({"nr": unique, "at": MOMENTS}), "at", []).value == "nr"
    assert guess_key(rows(amount=unique), "at", []).value == ""
    assert guess_key(rows(user_id=repeated), "at", []).value == "user_id,at"
    assert guess_key(rows(y=unique), "at", ["y"]).value == ""
    with pytest.raises(ConfigError, match="600 rows share 300 values"):
        guess_key(rows(user_id=repeated), "at", [], "user_id")
    with pytest.raises(ConfigError, match="user_id is missing in 1 rows"):
        guess_key(rows(user_id=[None, *range(N - 1)]), "at", [], "user_id")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_given_key_is_taken_just_when_it_names_each_row(pairs: list[tuple[int, int]]) -> None:
    frame = Frame.of({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]})
    try:
        taken = guess_key(frame, "at", [], "a,b").value == "a,b"
    except ConfigError:
        taken = False
    assert taken == (len(set(pairs)) == len(pairs))


def test_an_entity_repeats_and_is_named_like_one() -> None:
    frame = rows(user_id=np.arange(N) // 3, amount=np.arange(N) // 3)
    assert guess_entity(frame, []).value == "user_id"
    assert guess_entity(frame, ["user_id"]).value == ""
    assert guess_entity(frame, [], "amount").value == "amount"


def test_an_hour_beside_a_day_is_found() -> None:
    frame = rows(hr=np.arange(N) % 24, hour=np.arange(N))
    assert guess_hour(frame, "at") == "hr"
    assert guess_hour(rows(hour=np.arange(N)), "at") is None


def test_a_column_that_knows_the_answer_is_suspected() -> None:
    label = (DRAW.random(N) < 0.3).astype(float)
    frame = rows(
        noise=DRAW.normal(size=N),
        copy=label + DRAW.normal(size=N) * 0.05,
        text=["won" if y else "lost" for y in label],
        closed=Column("time", MOMENTS.values + DAY_US),
        opened=Column("time", MOMENTS.values - DAY_US),
    )
    names = ["noise", "copy", "text", "closed", "opened"]
    assert {s.name for s in suspects(frame, label, "at", names)} == {"copy", "text", "closed"}


def test_one_column_far_ahead_is_suspected_and_a_shared_trend_is_not() -> None:
    trend = np.linspace(0, 1, N)
    label = (DRAW.random(N) < trend).astype(float)
    ahead = rows(day=np.arange(N), noise=DRAW.normal(size=N), seconds=label * 1.2 + DRAW.normal(size=N))
    assert [s.name for s in suspects(ahead, label, "at", ["day", "noise", "seconds"])] == ["seconds"]


def test_many_names_for_rows_are_no_leak() -> None:
    label = (DRAW.random(N) < 0.5).astype(float)
    assert suspects(rows(code=[f"c{i}" for i in range(N)]), label, "at", ["code"]) == []


def test_parts_of_the_outcome_are_found() -> None:
    a, b, c = (DRAW.integers(0, 50, N) for _ in range(3))
    found = parts_of(rows(a=a, b=b, c=c, total=a + b), ["total"], ["a", "b", "c"])
    assert [s.name for s in found] == ["a", "b"]
    assert "with b it gives total exactly" in found[0].why
    assert parts_of(rows(a=a, b=b, total=a * b), ["total"], ["a", "b"]) == []
