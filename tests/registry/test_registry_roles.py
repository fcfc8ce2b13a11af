from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError
from hindcast.registry import Entry, Ledger, Reign, Roles, live_at, reigns, roles
from hindcast.registry.roles import check_decision
from hindcast.values import NEVER


def entry(number: int, at_us: int, kind: str, **body) -> Entry:
    return Entry(number, at_us, "flights", "late", kind, {"reason": "because", **body})


names = st.sampled_from(["v1", "v2", "v3", "v4"])
decisions = st.one_of(
    st.tuples(st.just("promotion"), st.fixed_dictionaries({"version": names})),
    st.tuples(st.just("rollback"), st.fixed_dictionaries({"version": names})),
    st.tuples(
        st.just("trial"),
        st.fixed_dictionaries({"version": names, "stage": st.sampled_from(["shadow", "canary", "ended"])}),
    ),
    st.tuples(st.just("alert"), st.fixed_dictionaries({"version": names})),
)


@st.composite
def histories(draw) -> list[Entry]:
    """Entries whose decisions never go back in time, as the ledger sees to."""
    steps = draw(st.lists(st.tuples(st.integers(0, 3), decisions), max_size=14))
    found, at_us = [], 0
    for number, (step, (kind, body)) in enumerate(steps, 1):
        at_us += step
        found.append(entry(number, at_us, kind, **body))
    return found


def champion_naively(history: list[Entry], at_us: int) -> str | None:
    """The oracle: walk back from the end to the last decision about the champion before `at_us`."""
    for each in reversed(history):
        if each.at_us < at_us and each.kind in ("promotion", "rollback"):
            return each.body["version"]
    return None


@given(histories(), st.integers(-1, 45), st.randoms())
def test_live_at_is_the_last_decision_before_the_moment(history, at_us, random):
    shuffled = random.sample(history, len(history))
    assert live_at(shuffled, at_us) == champion_naively(history, at_us)
    ledger = Ledger("sqlite://")
    for each in history:
        ledger.append(each.kind, each.body, at_us=each.at_us, system="flights", target="late")
    assert ledger.live_at(at_us, system="flights", target="late") == champion_naively(history, at_us)


@given(histories(), st.integers(0, 14), st.integers(-1, 45))
def test_later_decisions_never_change_what_was_live(history, cut, at_us):
    known = history[:cut]
    decided = max((each.at_us for each in known), default=-1)
    if at_us <= decided:
        assert live_at(known, at_us) == live_at(history, at_us)


@given(histories(), st.integers(-1, 45))
def test_reigns_say_the_same_as_live_at(history, at_us):
    found = reigns(history)
    holding = [reign.version for reign in found if reign.from_us < at_us <= reign.until_us]
    assert (holding or [None]) == [live_at(history, at_us)]
    for before, after in pairwise(found):
        assert before.until_us == after.from_us
        assert before.version != after.version
    assert all(reign.from_us < reign.until_us for reign in found)


def test_the_life_of_a_challenger():
    shadow = entry(2, 20, "trial", version="v2", stage="shadow", salt="s")
    canary = entry(3, 30, "trial", version="v2", stage="canary", share=0.25, salt="s")
    history = [entry(1, 10, "promotion", version="v1"), shadow, canary, entry(4, 40, "promotion", version="v2")]
    assert roles(history, 10) == Roles()
    assert roles(history, 20) == Roles("v1")
    assert roles(history, 30) == Roles("v1", "v2", "shadow", 0.0, "s")
    assert roles(history, 40) == Roles("v1", "v2", "canary", 0.25, "s")
    assert roles(history) == Roles("v2", predecessors=("v1",))
    ended = entry(4, 40, "trial", version="v2", stage="ended")
    assert roles([*history[:3], ended]) == Roles("v1")
    another = entry(4, 40, "trial", version="v9", stage="ended")
    assert roles([*history[:3], another]).challenger == "v2", "ending a trial that is not on changes nothing"


def test_of_decisions_at_one_instant_the_later_counts():
    both = [entry(2, 10, "promotion", version="v2"), entry(1, 10, "promotion", version="v1")]
    assert live_at(both, 11) == "v2"
    assert reigns(both, 99) == [Reign("v2", 10, 99, "because")]


def test_rolling_back_goes_further_back_each_time():
    history = [entry(n, n, "promotion", version=f"v{n}") for n in (1, 2, 3)]
    assert roles(history).predecessors == ("v1", "v2")
    history.append(entry(4, 4, "rollback", version="v2"))
    assert roles(history) == Roles("v2", predecessors=("v1",))
    history.append(entry(5, 5, "rollback", version="v1"))
    assert roles(history) == Roles("v1")
    history.append(entry(6, 6, "rollback", version=None))
    assert roles(history) == Roles()
    assert [reign.version for reign in reigns(history)] == ["v1", "v2", "v3", "v2", "v1", None]
    assert reigns(history)[-1].until_us == NEVER


def test_a_champion_promoted_again_is_not_its_own_predecessor():
    history = [entry(n, n, "promotion", version=name) for n, name in enumerate(["v1", "v2", "v1", "v1"], 1)]
    assert roles(history) == Roles("v1", predecessors=("v2",))
    assert [(reign.version, reign.from_us) for reign in reigns(history)] == [("v1", 1), ("v2", 2), ("v1", 3)]


def test_entries_of_several_targets_are_not_mixed():
    other = Entry(2, 20, "flights", "cancelled", "promotion", {"version": "v9", "reason": "other"})
    with pytest.raises(ConfigError, match="flights/cancelled, flights/late"):
        roles([entry(1, 10, "promotion", version="v1"), other])


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("promotion", {"version": None}, "version must name a version"),
        ("promotion", {"version": ""}, "version must name a version"),
        ("rollback", {}, "version must name a version"),
        ("promotion", {"version": "v1", "reason": ""}, "needs a reason"),
        ("trial", {"version": "v1", "stage": "live"}, "shadow, canary, ended"),
        ("trial", {"version": "v1", "stage": "canary", "share": 1.5}, "between 0 and 1"),
        ("trial", {"version": "v1", "stage": "canary", "share": float("nan")}, "between 0 and 1"),
        ("trial", {"version": "v1", "stage": "canary", "share": True}, "between 0 and 1"),
        ("trial", {"version": "v1", "stage": "shadow", "salt": 7}, "salt must be a text"),
    ],
)
def test_a_decision_that_could_not_be_carried_out_is_refused(kind, body, says):
    with pytest.raises(ConfigError, match=says):
        check_decision(kind, {"reason": "because", **body})
    with pytest.raises(ConfigError, match=says):
        Ledger("sqlite://").append(kind, {"reason": "because", **body}, at_us=1, system="s", target="t")
