"""Features over an edge table: batch = online = what a walk over the whole history says, edge by edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.catalogue import catalogue
from hindcast.catalogue.ages import aged, ages
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError
from hindcast.facts import Facts, Table
from hindcast.features import last_full, latest, session
from hindcast.features.batch import answer
from hindcast.features.definitions import enrich, window
from hindcast.features.graph import SharedNeighbours, degree, neighbours_mean, shared_neighbours
from hindcast.features.meaning import changes, meanings
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing import check_laws
from hindcast.values import HOUR_US

EDGES = Table("edges", key="id", event_time="at", known="seen", columns=["from", "to", "weight"])
PLAIN = Table("links", event_time="at", known="seen", columns=["from", "to", "weight"])
NODES = Table("nodes", key="node", event_time="at", known="seen", columns=["score"])
START = 1_700_000_000 * 10**6
ENDS = ["a", "b", "c", "d", None]
SCORES = [0.1, 0.2, 0.3, 1e16, -1e16, 3.0, None]


def features(edges):
    ends = (edges, "from", "to")
    looked_up = latest(NODES, "score", by="node")
    return [
        degree(*ends, by="who"),
        degree(edges, "to", "from", by="who", over=["3h", "8h"]),
        degree(*ends, by="who", over="6h", where="weight > 1"),
        shared_neighbours(*ends, between=("who", "other")),
        shared_neighbours(*ends, between=("who", "other"), over="5h", where="weight > 1"),
        neighbours_mean(*ends, of=looked_up, by="who"),
        neighbours_mean(edges, "to", "from", of=latest(NODES, "score", by="node", max_age="4h"), by="other", over="7h"),
    ]


# ---- the oracle: every version of every edge is looked at, at every question ------------------------------


def visible(history, keyed, t):
    """The rows of a history that a reader at `t` sees: of each key the version that was known last."""
    known = [row for row in history if row["seen"] < t]
    if not keyed:
        return known
    newest = {}
    for row in known:
        held = newest.get(row["key"])
        if row["key"] is not None and (held is None or (row["seen"], row["seq"]) > (held["seen"], held["seq"])):
            newest[row["key"]] = row
    return [row for row in newest.values() if not row["retract"]]


def neighbours(history, keyed, t, source, target, who, hours=None, heavy=False):
    if who is None:
        return None
    since = -math.inf if hours is None else t - hours * HOUR_US
    return {
        row[target]
        for row in visible(history, keyed, t)
        if row[source] == who and row[target] is not None and since <= row["at"] < t
        if not heavy or (row["weight"] is not None and row["weight"] > 1)
    }


def score(nodes, t, node, hours=None):
    told = [row for row in visible(nodes, True, t) if row["key"] == node and row["at"] < t]
    newest = max(told, key=lambda row: (row["at"], row["seen"], row["seq"]), default=None)
    if newest is None or (hours is not None and t - newest["at"] > hours * HOUR_US):
        return None
    return newest["score"]


def mean(values):
    values = [value for value in values if value is not None]
    return math.fsum(values) / len(values) if values else None


def slow(history, keyed, nodes, who, other, t):
    """The values of `features`, in their order."""

    def around(source, target, entity, **options):
        return neighbours(history, keyed, t, source, target, entity, **options)

    def count(found):
        return None if found is None else float(len(found))

    def common(one, two):
        return None if one is None or two is None else float(len(one & two))

    return [
        count(around("from", "to", who)),
        count(around("to", "from", who, hours=3)),
        count(around("to", "from", who, hours=8)),
        count(around("from", "to", who, hours=6, heavy=True)),
        common(around("from", "to", who), around("from", "to", other)),
        common(*(around("from", "to", one, hours=5, heavy=True) for one in (who, other))),
        mean([score(nodes, t, node) for node in around("from", "to", who) or ()]),
        mean([score(nodes, t, node, hours=4) for node in around("to", "from", other, hours=7) or ()]),
    ]


# ---- histories ------------------------------------------------------------------------------------------

times = st.tuples(st.integers(0, 12), st.integers(-3, 12))
"""Hours: when it happened, and how much later it was known; many ties."""
edge = st.tuples(
    times, st.integers(0, 5), st.booleans(), st.sampled_from(ENDS), st.sampled_from(ENDS), st.integers(0, 2)
)
node = st.tuples(times, st.sampled_from(ENDS[:-1]), st.booleans(), st.sampled_from(SCORES))
question = st.tuples(st.integers(0, 30), st.sampled_from(ENDS), st.sampled_from(ENDS))


def edge_history(drawn):
    return [
        {"at": START + at * HOUR_US, "seen": START + (at + late) * HOUR_US, "key": key,
         "retract": gone and key % 2 == 0, "from": one, "to": two, "weight": float(weight) or None, "seq": seq}
        for seq, ((at, late), key, gone, one, two, weight) in enumerate(drawn)
    ]  # fmt: skip


def node_history(drawn):
    return [
        {"at": START + at * HOUR_US, "seen": START + (at + late) * HOUR_US, "key": key, "retract": gone, "score": score,
         "seq": seq}
        for seq, ((at, late), key, gone, score) in enumerate(drawn)
    ]  # fmt: skip


def facts_of(history, kinds, keyed):
    def whole(name):
        return np.array([row[name] for row in history], dtype=np.int64)

    columns = {name: Column.of_kind([row[name] for row in history], kind) for name, kind in kinds.items() if kind}
    columns |= {"at": Column("time", whole("at")), "seen": Column("time", whole("seen"))}
    retract = np.array([keyed and row["retract"] for row in history], dtype=np.bool_)
    return Facts(whole("at"), whole("seen"), whole("seq"), retract, Frame(columns, len(history)))


def graph(drawn_edges, drawn_nodes, edges):
    history, nodes = edge_history(drawn_edges), node_history(drawn_nodes)
    for row in history:
        row["id"] = row["key"]
    for row in nodes:
        row["node"] = row["key"]
    kinds = {"id": "integer", "from": "text", "to": "text", "weight": "number"}
    facts = {
        edges.name: facts_of(history, kinds, bool(edges.key)),
        NODES.name: facts_of(nodes, {"node": "text", "score": "number"}, True),
    }
    return history, nodes, facts


def same(found, expected):
    return [None if value is None or math.isnan(value) else value for value in found] == expected


@pytest.mark.parametrize("edges", [EDGES, PLAIN], ids=lambda table: table.name)
def test_batch_and_online_say_what_a_walk_over_the_history_says(edges):
    plan = FeaturePlan.compile(features(edges))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(edge, max_size=25), st.lists(node, max_size=12), st.lists(question, min_size=1, max_size=8),
           st.randoms(use_true_random=False))  # fmt: skip
    def holds(drawn_edges, drawn_nodes, questions, random):
        history, nodes, facts = graph(drawn_edges, drawn_nodes, edges)
        questions = sorted(questions, key=lambda asked: asked[0])
        as_of = np.array([START + hour * HOUR_US for hour, _, _ in questions], dtype=np.int64)
        requests = Frame(
            {
                "who": Column.of_kind([who for _, who, _ in questions], "text"),
                "other": Column.of_kind([other for _, _, other in questions], "text"),
            }
        )
        batch = answer(plan, facts, requests, as_of)
        expected = [
            slow(history, bool(edges.key), nodes, who, other, int(t))
            for (_, who, other), t in zip(questions, as_of, strict=True)
        ]
        columns = [batch[name].objects() for name in plan.names]
        for row, values in enumerate(expected):
            assert same([column[row] for column in columns], values)

        online = OnlineFeatures(plan)
        pieces = [(name, place) for name, found in facts.items() for place in range(len(found))]
        random.shuffle(pieces)
        for name, place in pieces:
            online.push(name, facts[name].take(slice(place, place + 1)))
        for (_, who, other), t, values in zip(questions, as_of, expected, strict=True):
            read = online.read({"who": who, "other": other}, int(t), {"who": "text", "other": "text"}).values
            assert same([read[name] for name in plan.names], values)

    holds()


def story(*rows):
    """Edges as (id, from, to, at, seen), hours."""
    return Facts.of(
        EDGES,
        [
            {
                "id": key,
                "from": one,
                "to": two,
                "weight": 2.0,
                "at": START + at * HOUR_US,
                "seen": START + seen * HOUR_US,
            }
            for key, one, two, at, seen in rows
        ],
    )


def asked(declared, facts, t, **request):
    plan = FeaturePlan.compile(declared)
    frame = Frame({name: Column.of_kind([value], "text") for name, value in request.items()})
    return answer(plan, facts, frame, np.array([START + t * HOUR_US], dtype=np.int64)).rows()[0]


def test_a_graph_of_a_few_edges_reads_as_one_would_say_it():
    ends = (EDGES, "from", "to")
    facts = {
        "edges": story(
            (1, "a", "x", 0, 0), (2, "a", "x", 1, 1), (3, "a", "y", 2, 9), (4, "b", "x", 2, 2), (5, "b", "a", 3, 3),
            (4, "b", "y", 2, 7), (6, "a", "a", 3, 3),
        )
    }  # fmt: skip
    declared = [degree(*ends, by="u"), shared_neighbours(*ends, between=("u", "v"), name="common")]
    one, common = "edges_to_degree_all_by_u", "common"
    assert asked(declared, facts, 4, u="a", v="b") == {one: 2.0, common: 2.0}, "x twice is one; itself is one"
    assert asked(declared, facts, 8, u="a", v="b") == {one: 2.0, common: 1.0}, "an edge was corrected to lead to y"
    assert asked(declared, facts, 10, u="a", v="b") == {one: 3.0, common: 2.0}, "an edge became known late"
    assert asked(declared, facts, 0, u="a", v="b") == {one: 0.0, common: 0.0}, "known at 0 is not known before 0"
    assert asked(declared, facts, 9, u="nobody", v="b") == {one: 0.0, common: 0.0}
    assert asked(declared, facts, 9, u=None, v="b") == {one: None, common: None}


def test_names_of_entities_may_be_looked_up_themselves():
    owners = Table("owners", key="shop", event_time="at", known="event", columns=["owner"])
    facts = {
        "edges": story((1, "ann", "x", 0, 0), (2, "bob", "x", 0, 0), (3, "ann", "y", 0, 0)),
        "owners": Facts.of(owners, [{"shop": "s", "at": START, "owner": "ann"}]),
    }
    found = latest(owners, "owner", by="shop")
    (owner,) = found.names()
    declared = [
        found,
        degree(EDGES, "from", "to", by=owner),
        shared_neighbours(EDGES, "from", "to", between=(owner, "v"), name="common"),
    ]
    assert FeaturePlan.compile(declared).request_columns == ("shop", "v")
    row = asked(declared, facts, 5, shop="s", v="bob")
    assert (row[f"edges_to_degree_all_by_{owner}"], row["common"]) == (2.0, 1.0)


def test_a_function_may_read_a_graph_feature_and_no_list_is_shown():
    def closeness(common, edges_to_degree_all_by_u):
        return common / edges_to_degree_all_by_u

    declared = [
        closeness,
        shared_neighbours(EDGES, "from", "to", between=("u", "v"), name="common"),
        degree(EDGES, "from", "to", by="u"),
    ]
    facts = {"edges": story((1, "a", "x", 0, 0), (2, "b", "x", 0, 0), (3, "a", "y", 0, 0))}
    assert asked(declared, facts, 5, u="a", v="b") == {"closeness": 0.5, "common": 1.0, "edges_to_degree_all_by_u": 2.0}


def test_edges_may_be_enriched():
    nodes = Table("nodes", key="node", known="always", columns=["score"])
    facts = {
        "edges": story((1, "a", "x", 0, 0), (2, "a", "y", 0, 0)),
        "nodes": Facts.of(nodes, [{"node": "x", "score": 3.0}, {"node": "y", "score": 0.0}]),
    }
    rich = enrich(EDGES, latest(nodes, "score", by={"to": "node"}, name="n"))
    declared = [degree(rich, "from", "to", by="u", where="n_score_by_to > 1")]
    assert list(asked(declared, facts, 5, u="a").values()) == [1.0]


def test_what_makes_it_another_feature():
    ends = (EDGES, "from", "to")
    score = latest(NODES, "score", by="node")

    def identity(*declared):
        return FeaturePlan.compile(declared).identity

    means = [
        identity(neighbours_mean(*ends, of=score, by="u")),
        identity(neighbours_mean(*ends, of=score, by="u", over="7d")),
        identity(neighbours_mean(*ends, of=latest(NODES, "score", by="node", max_age="1d"), by="u")),
        identity(neighbours_mean(EDGES, "to", "from", of=score, by="u")),
        identity(shared_neighbours(*ends, between=("u", "v"))),
        identity(shared_neighbours(*ends, between=("u", "v"), where="weight > 1")),
        identity(degree(*ends, by="u")),
        identity(window(EDGES, "to", "distinct", over="all", by={"u": "from"})),
    ]
    assert len(set(means)) == len(means)
    noted = neighbours_mean(*ends, of=score, by="u", owner="us", unit="points", description="what friends score")
    assert identity(noted) == means[0]
    assert noted.notes.owner == "us"


def test_names_say_edges_target_span_and_entity():
    ends = (EDGES, "from", "to")
    score = latest(NODES, "score", by="node")
    assert degree(*ends, by="u", over=["1h", last_full("day")]).names() == [
        "edges_to_degree_1h_by_u",
        "edges_to_degree_last_full_day_by_u",
    ]
    assert (
        shared_neighbours(*ends, between=("u", "v"), over=session("1h")).name == "edges_to_shared_session_1h_by_u_and_v"
    )
    assert neighbours_mean(*ends, of=score, by="u", over="7d").name == "edges_to_mean_nodes_score_7d_by_u"
    assert neighbours_mean(*ends, of=score, by="u", name="mine").name == "mine"


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: degree(EDGES, "from", "to", by=["u", "v"]), "degree.edges.: by must be a name, got"),
        (lambda: shared_neighbours(EDGES, "from", "to", between=("u", "u")), "two different columns"),
        (lambda: shared_neighbours(EDGES, "from", "to", between="uv"), "two different columns"),
        (lambda: shared_neighbours(EDGES, "from", "to", between=("u", "v"), over=["1h", "2h"]), "one span"),
        (lambda: neighbours_mean(EDGES, "from", "to", of="score", by="u"), r"of takes latest\(...\) of one column"),
        (lambda: neighbours_mean(EDGES, "from", "to", of=latest(NODES, "a", "b", by="n"), by="u"), "one column"),
        (lambda: neighbours_mean(EDGES, "from", "to", of=latest(NODES, "a"), by="u"), "by one key"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_declared(declare, words):
    with pytest.raises(ConfigError, match=words):
        declare()


def test_neighbours_of_two_kinds_are_not_compared():
    one = shared_neighbours(EDGES, "from", "to", between=("u", "v"))
    other = shared_neighbours(EDGES, "to", "from", between=("u", "v"))
    with pytest.raises(ConfigError, match="may differ only in whom"):
        SharedNeighbours("common", (one.members[0], other.members[1]))


def test_features_that_need_each_other_are_refused():
    def u(common):
        return common

    with pytest.raises(ConfigError, match="circle"):
        FeaturePlan.compile([u, shared_neighbours(EDGES, "from", "to", between=("u", "v"), name="common")])


# ---- what people ask of any feature ---------------------------------------------------------------------


def test_a_change_of_a_graph_feature_is_told():
    def told(one, other):
        both = (meanings(FeaturePlan.compile([shared_neighbours(EDGES, "from", "to", name="common", **options)]))
                for options in (one, other))  # fmt: skip
        return [(change.name, str(change)) for change in changes(*both) if change.name == "common"]

    plain = {"between": ("u", "v")}
    assert told(plain, plain) == []
    ((_, shorter),) = told(plain, {**plain, "over": "7d"})
    assert "over all -> 7d" in shorter
    ((_, renamed),) = told(plain, {"between": ("u", "w")})
    assert "w" in renamed


def test_a_graph_feature_is_as_old_as_the_oldest_of_the_newest_edges_behind_it():
    declared = [
        shared_neighbours(EDGES, "from", "to", between=("u", "v"), name="common"),
        degree(EDGES, "from", "to", by="u"),
    ]
    plan = FeaturePlan.compile(declared)
    assert aged(plan) == ["common", "edges_to_degree_all_by_u"]
    facts = {"edges": story((1, "a", "x", 0, 0), (2, "a", "y", 4, 4), (3, "b", "x", 1, 1))}
    requests = Frame({"u": Column.of(["a", "a"]), "v": Column.of(["b", "nobody"])})
    found = ages(plan, facts, requests, np.full(2, START + 6 * HOUR_US))
    assert found["edges_to_degree_all_by_u"].tolist() == [2 * HOUR_US] * 2
    assert found["common"][0] == 5 * HOUR_US
    assert math.isnan(found["common"][1])


def test_the_catalogue_says_what_a_graph_feature_reads():
    plan = FeaturePlan.compile(features(EDGES))
    entries = catalogue(plan)
    shared = entries["edges_to_shared_all_by_who_and_other"]
    assert {"edges.from", "edges.to", "request.who", "request.other"} <= set(shared.reads)
    assert {"edges.from", "edges.to", "nodes.score", "request.who"} <= set(
        entries["edges_to_mean_nodes_score_all_by_who"].reads
    )


def test_graph_features_pass_the_laws_of_all_features():
    random = np.random.default_rng(3)

    def any_of(pool):
        return pool[int(random.integers(len(pool)))]

    def when():
        return int(random.integers(13)), int(random.integers(-3, 13))

    def drawn():
        ends = any_of(ENDS), any_of(ENDS)
        return when(), int(random.integers(60)), bool(random.integers(2)), *ends, int(random.integers(3))

    edges = [drawn() for _ in range(150)]
    nodes = [(when(), any_of(ENDS[:-1]), False, any_of(SCORES)) for _ in range(30)]
    _, _, facts = graph(edges, nodes, EDGES)
    requests = [{"who": any_of(ENDS[:-1]), "other": any_of(ENDS[:-1])} for _ in range(40)]
    moments = START + np.sort(random.integers(0, 30, 40)) * HOUR_US
    verdicts = check_laws(features(EDGES), facts, requests, moments)
    assert {verdict.outcome for verdict in verdicts} == {"pass"}, [v.reason for v in verdicts if v.outcome != "pass"]
