"""The bucket is pure, complete in its arguments, and the same in another process."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pytest

import hindcast.features as f
from hindcast.bulk.bucket import PlanRef, bucket, bucket_at
from hindcast.bulk.spill import key_hashes, parts_of
from hindcast.columns import Frame
from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.facts import Facts, Table
from hindcast.features.batch import answer
from hindcast.features.plan import FeaturePlan

TRIPS = Table("trips", key="id", event_time="at", known="event")
DECLARED = """
import hindcast.features as f
from hindcast.facts import Table

trips = Table("trips", key="id", event_time="at", known="event")
features = [
    f.window(trips, "km", ["sum", "max"], over=["5us", "20us"], by="car"),
    f.latest(trips, "driver", "km", by="car"),
    f.window(trips, "km", "count", over="9us", by="driver"),
]
nothing = 7
"""
PLAN = FeaturePlan.compile(
    [
        f.window(TRIPS, "km", ["sum", "max"], over=["5us", "20us"], by="car"),
        f.latest(TRIPS, "driver", "km", by="car"),
        f.window(TRIPS, "km", "count", over="9us", by="driver"),
    ]
)


def facts(n: int = 60) -> Facts:
    random = np.random.default_rng(3)
    return Facts.of(
        TRIPS,
        {
            "id": np.arange(n),
            "car": [f"c{i}" for i in random.integers(0, 6, n)],
            "driver": [None if i == 0 else f"d{i}" for i in random.integers(0, 4, n)],
            "km": random.normal(0, 5, n),
            "at": np.sort(random.integers(1, 100, n)),
        },
    )


def table_of(facts: Facts) -> pa.Table:
    return pa.table(
        {
            **{name: column.to_arrow() for name, column in facts.frame.items() if name != "at"},
            "_event": facts.event,
            "_known": facts.known,
            "_seq": facts.seq,
            "_retract": facts.retract,
        }
    )


def asked(n: int = 25) -> pa.Table:
    random = np.random.default_rng(4)
    return pa.table(
        {
            "car": [f"c{i}" for i in random.integers(0, 7, n)],
            "driver": [f"d{i}" for i in random.integers(1, 4, n)],
            "_row": np.arange(n) + 100,
            "_as_of": random.integers(0, 110, n),
        }
    )


def declared(folder) -> PlanRef:
    path = folder / "declared.py"
    path.write_text(DECLARED)
    return PlanRef(str(path), "features", PLAN.identity)


def test_a_bucket_answers_as_the_batch_does():
    requests = asked()
    frame = Frame.from_arrow(requests.select(["car", "driver"]))
    wanted = answer(PLAN, {"trips": facts()}, frame, requests["_as_of"].to_numpy()).to_arrow().to_pylist()
    found = bucket(PLAN, {"trips": table_of(facts())}, requests)
    assert found["_row"].to_pylist() == list(range(100, 125))
    assert found.drop(["_row"]).to_pylist() == wanted
    assert bucket(PLAN, {"trips": table_of(facts())}, requests, threads=3).equals(found)


def test_buckets_of_any_division_by_entity_put_together_are_the_whole():
    part, all_facts, requests = PLAN.part(PLAN.groups[:2]), table_of(facts()), asked()
    whole = bucket(part, {"trips": all_facts}, requests)
    for parts in (2, 3, 7):
        sides = []
        for table in (all_facts, requests):
            hashes, _ = key_hashes([Frame.from_arrow(table.select(["car"]))["car"]])
            sides.append(parts_of(hashes, parts))
        answers = [
            bucket(part, {"trips": all_facts.filter(sides[0] == at)}, requests.filter(sides[1] == at))
            for at in range(parts)
        ]
        assert pa.concat_tables(answers).sort_by("_row").equals(whole)


def test_an_empty_bucket_has_the_columns_of_a_full_one():
    full = bucket(PLAN, {"trips": table_of(facts())}, asked())
    empty = bucket(PLAN, {"trips": table_of(facts()).slice(0, 0)}, asked().slice(0, 0))
    assert empty.schema == full.schema
    assert empty.num_rows == 0
    assert bucket(PLAN, {"trips": table_of(facts()).slice(0, 0)}, asked()).num_rows == 25


@pytest.mark.parametrize("name", ["_row", "_as_of"])
def test_what_a_bucket_needs_is_named(name):
    with pytest.raises(UnknownName, match=name):
        bucket(PLAN, {"trips": table_of(facts())}, asked().drop([name]))
    requests = asked()
    floats = requests.set_column(requests.schema.get_field_index(name), name, requests[name].cast(pa.float64()))
    with pytest.raises(ConfigError, match="must be int64 without nulls"):
        bucket(PLAN, {"trips": table_of(facts())}, floats)
    with pytest.raises(UnknownName, match="_seq"):
        bucket(PLAN, {"trips": table_of(facts()).drop(["_seq"])}, asked())


def test_a_plan_is_made_anew_from_its_declaration(tmp_path):
    ref = declared(tmp_path)
    assert ref.plan().identity == PLAN.identity
    some = PlanRef(ref.module, ref.name, ref.identity, groups=(1,))
    assert some.plan().names == PLAN.groups[1].names
    assert bucket_at(ref, {"trips": table_of(facts())}, asked()).equals(
        bucket(PLAN, {"trips": table_of(facts())}, asked())
    )


def test_a_declaration_that_changed_meanwhile_is_refused(tmp_path):
    ref = declared(tmp_path)
    path = tmp_path / "declared.py"
    path.write_text(DECLARED.replace("20us", "21us"))
    with pytest.raises(StateError, match="bring both to one version"):
        ref.plan()
    with pytest.raises(UnknownName, match="Did you mean 'features'"):
        PlanRef(str(path), "feature", ref.identity).plan()
    with pytest.raises(ConfigError, match=r"nothing of .* is a int"):
        PlanRef(str(path), "nothing", ref.identity).plan()
    with pytest.raises(ConfigError, match="no file"):
        PlanRef(str(tmp_path / "gone.py"), "features", ref.identity).plan()
    with pytest.raises(ConfigError, match="cannot be imported"):
        PlanRef("gone_module", "features", ref.identity).plan()


@pytest.mark.slow
def test_a_bucket_can_be_handed_to_a_fresh_process(tmp_path):
    """Nothing of this process is there but the arguments: spawned, not forked."""
    ref = declared(tmp_path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(bucket_at, ref, {"trips": table_of(facts())}, asked()).result()
    assert found.equals(bucket(PLAN, {"trips": table_of(facts())}, asked()))
