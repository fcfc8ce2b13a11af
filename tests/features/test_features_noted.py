"""Notes on features: for people, and for no digest."""

from __future__ import annotations

import pytest

import hindcast as hc
from hindcast.errors import ConfigError
from hindcast.facts import Table
from hindcast.features import latest, request, transform, window
from hindcast.features.identity import code_of
from hindcast.features.noted import notes_of


def plain():
    def hours_left(minutes_left):
        return minutes_left / 60

    return hours_left


def noted():
    @hc.feature(owner="ops", unit="h")
    def hours_left(minutes_left):
        """Time to departure.

        As planned.
        """
        return minutes_left / 60

    return hours_left


def noted_over_lines():
    @hc.feature(
        owner="somebody else",
        description="Something else.",
    )
    def hours_left(minutes_left):
        return minutes_left / 60

    return hours_left


def test_a_noted_function_is_itself():
    assert code_of(noted()) == code_of(noted_over_lines()) == code_of(plain())
    assert transform(noted()) == transform(plain())
    assert noted()(30.0) == 0.5


def test_another_decorator_counts():
    def doubled(function):
        return function

    @hc.feature(owner="ops")
    @doubled
    def hours_left(minutes_left):
        return minutes_left / 60

    assert code_of(hours_left) != code_of(plain())


def test_notes_come_from_the_decorator_then_from_the_docstring():
    assert notes_of(transform(plain())).owner is None
    said = notes_of(transform(noted()))
    assert (said.owner, said.unit, said.description) == ("ops", "h", "Time to departure.")
    assert notes_of(transform(noted_over_lines())).description == "Something else."


def test_definitions_carry_their_notes():
    stops = Table("stops", event_time="at", known="event")
    notes = {"owner": "ops", "description": "What was waited.", "unit": "min"}
    for made in (
        request("line", **notes),
        latest(stops, "wait", **notes),
        window(stops, "wait", "mean", over="1h", **notes),
    ):
        said = notes_of(made)
        assert {name: getattr(said, name) for name in notes} == notes


@pytest.mark.parametrize("wrong", [{"owner": 1}, {"unit": b"h"}])
def test_notes_are_texts(wrong):
    with pytest.raises(ConfigError, match="is a text"):
        hc.feature(**wrong)


def test_only_functions_are_noted():
    with pytest.raises(ConfigError, match="named function"):
        hc.feature(owner="ops")(print)
