"""Tiled windows: the facts of closed tiles are summed up, and nobody can tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hindcast as hc
from hindcast.columns import Column, Frame
from hindcast.facts import Facts
from hindcast.features import FeaturePlan
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.features.tiling import TileError, tile_errors

KEPT = hc.Table("kept", key="id", event_time="at", known="seen")
GONE = hc.Table("gone", event_time="at", known="seen")
KINDS = ["count", "sum", "mean", "min", "max"]


def plan_over(table, tile):
    return FeaturePlan.compile(
        [
            hc.window(table, "x", KINDS, over=["40us", "90us"], by="who", tile=tile, name="w"),
            hc.window(table, "x", ["sum", "count"], over="60us", by="who", lag="7us", tile=tile, name="lagged"),
            hc.window(table, over="60us", by="who", where="x > 0", tile=tile, name="some"),
        ]
    )


def facts_of(rows):
    event = np.array([r[0] for r in rows], dtype=np.int64)
    frame = Frame(
        {
            "id": Column("integer", np.arange(len(rows))),
            "who": Column.of_kind([r[2] for r in rows], "text"),
            "x": Column.of_kind([r[3] for r in rows], "number"),
        },
        len(rows),
    )
    never = np.zeros(len(rows), dtype=np.bool_)
    return Facts(event, event + np.array([r[1] for r in rows], dtype=np.int64), np.arange(len(rows)), never, frame)


row = st.tuples(
    st.integers(0, 300),
    st.sampled_from([-20, 0, 0, 0, 3, 50]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.1, 0.2, -3.0, 1e16, 1e-9, 7.25, None, float("inf"), -0.0]),
)


@given(st.lists(row, min_size=20, max_size=120), st.lists(st.integers(0, 400), min_size=1, max_size=8), st.booleans())
def test_what_is_summed_up_reads_as_if_it_were_not(rows, asked, in_order):
    """A table with a key keeps its facts, one without sums up its closed tiles: the same values."""
    facts, as_of = facts_of(sorted(rows, key=lambda r: r[0]) if in_order else rows), np.array(sorted(asked))
    requests = Frame.of({"who": ["a", "b"] * len(as_of)})
    moments = np.repeat(as_of, 2)
    kept = answer(plan_over(KEPT, "10us"), {"kept": facts}, requests, moments)
    assert answer(plan_over(GONE, "10us"), {"gone": facts}, requests, moments).rows() == kept.rows()
    online, given_up = OnlineFeatures(plan_over(GONE, "10us")), 0
    order = np.argsort(facts.known, kind="stable")
    for at, t in enumerate(moments.tolist()):
        upto = int(np.searchsorted(facts.known[order], t))
        for part in np.array_split(order[given_up:upto], 3):
            online.push("gone", facts.take(part))
        given_up = upto
        assert online.read({"who": requests["who"].item(at)}, t).values == kept.rows()[at]


@pytest.mark.parametrize("tile", ["1h", None])
def test_state_grows_with_tiles_instead_of_facts(tile):
    hour, n = 3_600_000_000, 20_000
    plan = FeaturePlan.compile([hc.window(GONE, "x", KINDS, over="7d", by="who", tile=tile)])
    event = np.sort(np.random.default_rng(0).integers(0, 7 * 24 * hour, n))
    facts = facts_of([(int(e), 0, "a", 0.1) for e in event])
    online = OnlineFeatures(plan)
    for part in np.array_split(np.arange(n), 100):
        online.push("gone", facts.take(part))
        online.read({"who": "a"}, int(facts.known[part[-1]]) + 1)
    kept = sum(state.pool.nbytes for state in online.groups)
    assert kept < 300_000 if tile else kept > 640_000
    values = online.read({"who": "a"}, 7 * 24 * hour + 1).values
    assert values[f"gone_x_count_7d{'_tile_1h' if tile else ''}_by_who"] == n


def test_the_error_of_tiles_is_told():
    plan = FeaturePlan.compile(
        [
            hc.window(GONE, "x", ["count", "sum"], over="40us", by="who", tile="10us"),
            hc.window(GONE, "x", "max", over="40us", by="who"),
            hc.window(GONE, "x", hc.last_n(2), over="40us", by="who", tile="20us"),
        ]
    )
    facts = facts_of([(3, 0, "a", 2.0), (12, 0, "a", 5.0), (30, 0, "b", 1.0)])
    found = tile_errors(plan, {"gone": facts}, Frame.of({"who": ["a", "a", "b"]}), np.array([45, 52, 52]))
    assert found == {
        "gone_x_count_40us_tile_10us_by_who": TileError(rows=3, different=1, mean=1 / 3, worst=1.0),
        "gone_x_sum_40us_tile_10us_by_who": TileError(rows=3, different=1, mean=2 / 3, worst=2.0),
        "gone_x_last_2_40us_tile_20us_by_who": found["gone_x_last_2_40us_tile_20us_by_who"],
    }
    assert found["gone_x_last_2_40us_tile_20us_by_who"].different == 2
