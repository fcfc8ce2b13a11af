"""The spine against a slow, obvious oracle: at every moment, look at what is visible and do what the rules say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts import Facts, Shift, Table
from hindcast.trainset import Binary, Spine, last_known_label, make_spine, outcome
from hindcast.values import NEVER

ASKS = Table("asks", key="id", event_time="due", known="event")
ANSWERS = Table("answers", key="id", event_time="at", known="event")
LATE = outcome(ANSWERS, "delay >= 15", on="id")
AHEAD = 3
TARGET = Binary(ASKS, as_of=Shift("due", -AHEAD), label=LATE, maturity="1us")
WITHIN = Binary(ASKS, as_of=Shift("due", -AHEAD), label=LATE, within="4us")


@dataclass(frozen=True)
class Ask:
    """A version of a row: its key, when it became known, its time, or None; or a retraction."""

    key: str
    known: int
    due: int | None
    retract: bool = False


@dataclass(frozen=True)
class Answer:
    """A version of an outcome: delay 20 is late, 0 is not, None is null; or a retraction."""

    key: str
    known: int
    delay: float | None
    retract: bool = False


def facts_of(
    asks: list[Ask], answers: list[Answer], order: tuple[list[int], list[int]] | None = None
) -> dict[str, Facts]:
    """Facts whose sequence is the list's order, delivered in another one if given."""
    made = {}
    for name, items, column, kind in (("asks", asks, "due", "time"), ("answers", answers, "delay", "number")):
        known = np.array([item.known for item in items], dtype=np.int64)
        frame = Frame(
            {
                "id": Column.of_kind([item.key for item in items], "text"),
                column: Column.of_kind([getattr(item, column) for item in items], kind),
            }
        )
        seq = np.arange(len(items), dtype=np.int64)
        facts = Facts(known, known, seq, np.array([i.retract for i in items], dtype=np.bool_), frame)
        if order is not None:
            facts = facts.take(np.array(order[name == "answers"], dtype=np.int64))
            words = facts.frame["id"].objects().tolist()
            facts = Facts(
                facts.event,
                facts.known,
                facts.seq,
                facts.retract,
                Frame({**facts.frame, "id": Column.of_kind(words, "text")}),
            )
        made[name] = facts
    return made


# ---- the oracle -----------------------------------------------------------------------------------------


def visible(items, key, t):
    """The version of `key` that holds at `t`, None when there is none or it is retracted."""
    versions = [(item.known, seq, item) for seq, item in enumerate(items) if item.key == key and item.known < t]
    if not versions:
        return None
    _, seq, item = max(versions, key=lambda v: v[:2])
    return None if item.retract else (seq, item)


def slow_requests(asks, until):
    """(as_of, seq, key) of every request asked up to `until`, by watching the clock tick."""
    found = []
    for key in sorted({ask.key for ask in asks}):
        for t in range(-20, min(until, 60) + 1):
            seen = visible(asks, key, t)
            if seen is not None and seen[1].due is not None and seen[1].due - AHEAD == t:
                found.append((t, seen[0], key))
                break
    return sorted(found)


def slow_label(answers, key, now, within_from=None, within=4):
    """(label, known) of `key` as it stands at `now`, watching the answers come in; None for none."""
    first = None
    for t in range(-20, now + 1):
        if within_from is not None and t > within_from + within:
            break
        seen = visible(answers, key, t)
        if seen is None or seen[1].delay is None:
            continue
        positive = seen[1].delay >= 15
        if within_from is None or positive:
            first = (float(positive), t - 1)
            break
    if first is None and within_from is not None and now > within_from + within:
        at_deadline = visible(answers, key, within_from + within)
        if at_deadline is None or at_deadline[1].delay is not None:
            return 0.0, within_from + within
        return None
    if first is None:
        return None
    facts_behind = [a for a in answers if a.key == key and a.known < now]
    last = max(enumerate(facts_behind), key=lambda v: (v[1].known, v[0]))[1]
    return None if last.retract else first


# ---- strategies -----------------------------------------------------------------------------------------

moments = st.integers(0, 7)
asks = st.lists(
    st.builds(
        Ask,
        st.sampled_from("abc"),
        moments,
        st.none() | st.integers(0, 12),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=9,
)
answers = st.lists(
    st.builds(
        Answer,
        st.sampled_from("abcd"),
        moments,
        st.sampled_from([0.0, 20.0, None]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=9,
)
# Every key is asked about once, and answers crowd upon two keys: ties, corrections and retractions abound.
asked = st.tuples(*(st.builds(Ask, st.just(key), st.just(-9), st.integers(0, 12)) for key in "ab")).map(list)
crowded = st.lists(
    st.builds(
        Answer,
        st.sampled_from("ab"),
        st.integers(0, 5),
        st.sampled_from([0.0, 20.0, None]),
        st.integers(0, 3).map(lambda n: n == 0),
    ),
    min_size=2,
    max_size=8,
)


def requests_of(spine: Spine) -> list[tuple[int, int, str]]:
    return list(zip(spine.as_of.tolist(), spine.seq.tolist(), spine.key.objects().tolist(), strict=True))


def same(a: Spine, b: Spine) -> None:
    for name in ("as_of", "seq", "label", "label_known", "answered", "revised", "revised_known", "hidden", "refused"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.frame.rows() == b.frame.rows()
    assert a.key.objects().tolist() == b.key.objects().tolist()
    assert a.counts == b.counts


# ---- laws -----------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(asks, st.sampled_from([4, 7, NEVER]))
def test_a_timer_fires_once_per_key_over_the_version_visible_then(asks, until):
    spine = make_spine(TARGET, facts_of(asks, []), until_us=until)
    assert requests_of(spine) == slow_requests(asks, until)
    known = [ask for ask in asks if ask.known < until]
    every = {ask.key for ask in known}
    assert sum(spine.counts[n] for n in ("requests", "pending", "late", "retracted", "untimed")) == len(every)


@settings(max_examples=200, deadline=None)
@given(asked, crowded, st.integers(0, 16), st.booleans())
def test_labels_are_what_a_patient_watcher_would_have_noted(asks, answers, now, bounded):
    target = WITHIN if bounded else TARGET
    spine = make_spine(target, facts_of(asks, answers))
    usable = spine.usable(now, 0)
    for row, (t, _, key) in enumerate(requests_of(spine)):
        expected = slow_label(answers, key, now, t if bounded else None) if t <= now else None
        got = (spine.label[row], spine.label_known[row]) if usable[row] else None
        assert got == expected, (key, t)


@settings(max_examples=100, deadline=None)
@given(asks | asked, answers | crowded, st.integers(0, 14), st.integers(0, 4), st.booleans())
def test_what_is_known_later_changes_nothing_that_could_be_used_before(asks, answers, now, maturity, bounded):
    target = WITHIN if bounded else TARGET
    whole, then = (make_spine(target, facts_of(asks, answers), until_us=u) for u in (NEVER, now))
    for name in ("as_of", "seq", "label", "label_known"):
        np.testing.assert_array_equal(
            getattr(whole, name)[whole.usable(now, maturity)], getattr(then, name)[then.usable(now, maturity)]
        )
    before = whole.as_of <= now
    np.testing.assert_array_equal(whole.as_of[before], then.as_of)
    assert whole.tally(now, maturity) == then.tally(now, maturity)
    assert (then.label_known[~np.isnan(then.label)] < now).all()


@settings(max_examples=60, deadline=None)
@given(asks, answers, st.data(), st.booleans())
def test_delivery_may_be_permuted(asks, answers, data, bounded):
    target = WITHIN if bounded else TARGET
    order = tuple(data.draw(st.permutations(range(len(items)))) for items in (asks, answers))
    same(make_spine(target, facts_of(asks, answers)), make_spine(target, facts_of(asks, answers, order)))


@settings(max_examples=60, deadline=None)
@given(asks, answers, st.integers(0, 14), st.integers(0, 4))
def test_a_tally_adds_up_also_by_slice(asks, answers, now, maturity):
    spine = make_spine(TARGET, facts_of(asks, answers))
    counts = spine.tally(now, maturity)
    parts = ("immature", "used", "unlabelled", "hidden", "censored")
    assert counts["requests"] == sum(counts[name] for name in parts) == int((spine.as_of <= now).sum())
    slices = spine.tally(now, maturity, by="id").values()
    assert {n: sum(s[n] for s in slices) for n in counts if n != "refused"} | {"refused": counts["refused"]} == counts


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(moments, st.sampled_from([0.0, 1.0, None]), st.integers(-3, 12)), max_size=10))
def test_the_last_known_label_is_found_by_looking_back(rows):
    rows.sort(key=lambda r: r[0])
    as_of = np.array([r[0] for r in rows], dtype=np.int64)
    label = np.array([np.nan if r[1] is None else r[1] for r in rows], dtype=np.float64)
    known = np.array([NEVER if r[1] is None else r[0] + r[2] for r in rows], dtype=np.int64)
    expected = []
    for t in as_of:
        past = [y for a, y, k in zip(as_of, label, known, strict=True) if a < t and k < t]
        expected.append(past[-1] if past else np.nan)
    np.testing.assert_array_equal(last_known_label(as_of, label, known), expected)


# ---- examples that a reader can check by hand -------------------------------------------------------------


def test_the_rules_one_by_one():
    asks = [
        Ask("plain", 0, 10),
        Ask("moved", 0, 10),
        Ask("moved", 5, 15),
        Ask("after", 0, 10),
        Ask("after", 8, 20),
        Ask("after", 18, 20),
        Ask("late", 7, 10),
        Ask("saved", 7, 10),
        Ask("saved", 8, 30),
        Ask("gone", 0, 10),
        Ask("gone", 3, None, retract=True),
        Ask("back", 0, 10),
        Ask("back", 8, None, retract=True),
        Ask("back", 9, 30),
        Ask("never", 0, None),
    ]
    spine = make_spine(TARGET, facts_of(asks, []))
    assert sorted((key, t) for t, _, key in requests_of(spine)) == [
        ("after", 7),
        ("back", 7),
        ("moved", 12),
        ("plain", 7),
        ("saved", 27),
    ]
    assert {n: spine.counts[n] for n in ("late", "retracted", "untimed", "pending")} == {
        "late": 1,
        "retracted": 1,
        "untimed": 1,
        "pending": 0,
    }
    assert spine.refused.tolist() == [7, 7], "late and saved; the version of 'after' came when its key had been asked"


def test_the_first_known_label_scores_and_the_revision_stands_beside_it():
    answers = [Answer("a", 9, None), Answer("a", 11, 20.0), Answer("a", 14, 0.0)]
    spine = make_spine(TARGET, facts_of([Ask("a", 0, 10)], answers))
    assert (spine.label[0], spine.label_known[0], spine.answered[0]) == (1.0, 11, 9)
    assert (spine.revised[0], spine.revised_known[0]) == (0.0, 14)
    assert not spine.usable(11, 0)[0]
    assert spine.usable(12, 0)[0]
    assert not spine.usable(12, 6)[0]


def test_a_retracted_label_is_hidden_until_it_is_revived():
    answers = [Answer("a", 11, 20.0), Answer("a", 13, None, retract=True), Answer("a", 16, 20.0)]
    spine = make_spine(TARGET, facts_of([Ask("a", 0, 10)], answers))
    assert [t for t in range(10, 20) if spine.usable(t, 0)[0]] == [12, 13, 17, 18, 19]
    assert spine.hidden.tolist() == [[0, 13, 16]]
    assert spine.take(slice(0, 1)).hidden.tolist() == [[0, 13, 16]]
    assert spine.take(slice(1, 1)).hidden.tolist() == []
    before = [Answer("a", 9, None, retract=True), Answer("a", 10, 20.0)]
    assert make_spine(TARGET, facts_of([Ask("a", 0, 10)], before)).hidden.tolist() == []


def test_a_bounded_wait_gives_negatives_at_its_end():
    asks = [Ask(key, 0, 10) for key in ("never", "soon", "tie", "null")]
    answers = [Answer("soon", 9, 20.0), Answer("tie", 11, 20.0), Answer("null", 8, None)]
    spine = make_spine(WITHIN, facts_of(asks, answers))
    found = dict(zip(spine.key.objects(), zip(spine.label, spine.label_known, strict=True), strict=True))
    assert found["never"] == (0.0, 11)
    assert found["soon"] == (1.0, 9)
    assert found["tie"] == (0.0, 11)
    assert np.isnan(found["null"][0])
    assert found["null"][1] == NEVER


def test_several_requests_may_share_one_outcome_and_keys_may_be_compound():
    asks = Table("asks", key=("shop", "day"), event_time="due", known="event")
    frame = Frame(
        {
            "shop": Column.of(["x", "x", "y"]),
            "day": Column.of([1, 2, 1]),
            "due": Column.of_kind([10, 11, 12], "time"),
        }
    )
    none = np.zeros(3, dtype=np.int64)
    told = Frame({"shop": Column.of(["y", "x"]), "delay": Column.of([0.0, 30.0])})
    answers = Table("answers", key="shop", event_time="at", known="event")
    facts = {
        "asks": Facts(none, none, np.arange(3), np.zeros(3, dtype=np.bool_), frame),
        "answers": Facts(none[:2] + 15, none[:2] + 15, np.arange(2), np.zeros(2, dtype=np.bool_), told),
    }
    target = Binary(asks, as_of=Shift("due", -3), label=outcome(answers, "delay >= 15", on="shop"), maturity="1us")
    spine = make_spine(target, facts)
    assert spine.label.tolist() == [1.0, 1.0, 0.0]
    assert spine.key.objects().tolist() == ['["x", 1]', '["x", 2]', '["y", 1]']


def test_mistakes_are_named():
    facts = facts_of([Ask("a", 0, 10)], [Answer("a", 11, 20.0)])
    with pytest.raises(UnknownName, match=r"no table 'answers'"):
        make_spine(TARGET, {"asks": facts["asks"]})
    with pytest.raises(UnknownName, match=r"no column 'duw'.*Did you mean 'due'"):
        make_spine(Binary(ASKS, as_of=Shift("duw", -3), label=LATE, maturity="1us"), facts)
    with pytest.raises(UnknownName, match=r"no column 'dely'.*Did you mean 'delay'"):
        make_spine(
            Binary(ASKS, as_of=Shift("due", -3), label=outcome(ANSWERS, "dely > 1", on="id"), maturity="1us"), facts
        )
    with pytest.raises(ConfigError, match="text values, not times"):
        make_spine(Binary(ASKS, as_of=Shift("id", -3), label=LATE, maturity="1us"), facts)
    numbers = Frame({"id": Column.of([1]), "delay": Column.of([3.0])})
    facts["answers"] = Facts(*(getattr(facts["answers"], n) for n in ("event", "known", "seq", "retract")), numbers)
    with pytest.raises(DataError, match="text and integer cannot be joined"):
        make_spine(TARGET, facts)
    with pytest.raises(ConfigError, match="must rise"):
        make_spine(TARGET, facts_of([Ask("a", 0, 10), Ask("b", 0, 10)], [])).take(np.array([1, 0]))
