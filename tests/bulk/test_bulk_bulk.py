"""The answers under any budget are those in memory, to the bit; nothing is lost, and the scratch folder goes."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.bulk import answer_batches, answer_files
from hindcast.bulk.budget import Budget
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.facts import Facts, Lake, Table
from hindcast.features.batch import answer
from hindcast.features.graph import degree, neighbours_mean, shared_neighbours
from hindcast.features.plan import FeaturePlan

KEYED = Table("trips", key="id", event_time="at", known="seen", start="1970-01-01T00:00:00.000004Z")
PLAIN = Table("pings", event_time="at", known="seen")
STAYS = Table("stays", key=["id", "who"], event_time="at", known="seen")
AMPLE = Budget(1 << 30, unit=1 << 30, chunk=1 << 20)


def doubled(x):
    return 2.0 * x


def worded(word, x):
    return np.array([None if np.isnan(n) or w is None else w * 2 for w, n in zip(word, x, strict=True)], dtype=object)


def definitions(table: Table) -> list:
    found = [
        f.request("word", "lane"),
        f.window(table, "x", ["count", "sum", "mean", "min", "max", "std"], over=["3us", "12us"], by="who"),
        f.window(table, "x", ["sum", "max"], over="6us", by=["who", "lane"], lag="4us"),
        f.window(table, "x", ["mean", "min"], over=("-5us", "+4us"), by="who"),
        f.window(table, "x", ["count", "max"], over="8us", by={"who": "who"}, where="x > 0.15 and word == 'x'"),
        f.window(table, "word", over="8us", by="lane"),
        f.window(table, over="9us"),
        f.latest(table, "x", "word", by="who"),
        f.latest(table, "x", by="lane", max_age="5us", name="fresh"),
        f.latest(table, "word", "x", by="who", ahead=True, name="ahead"),
        doubled,
        worded,
    ]
    if table.name == "trips":
        found.append(f.window(table, "x", ["count", "sum", "min"], over="7us", by="who", closed="right", name="own"))
    return found


PLANS = {t.name: FeaturePlan.compile(definitions(t), target=t) for t in (KEYED, PLAIN, STAYS)}

ROWS = st.tuples(
    st.integers(0, 4),  # key
    st.sampled_from(["a", "b", None]),  # entity
    st.integers(0, 3),  # second part of the entity
    st.integers(0, 24),  # event
    st.integers(-4, 24),  # known minus event
    st.sampled_from([0.0, 1.0, -1.0, 0.1, 0.3, 1e16, -1e16, 1e-9, None]),
    st.sampled_from(["x", "y", None]),
    st.booleans(),
)
ASKS = st.tuples(
    st.integers(0, 6),
    st.sampled_from(["a", "b", "c", None]),
    st.integers(0, 3),
    st.integers(0, 50),
    st.sampled_from([0.5, None]),
)
BUDGETS = st.builds(
    lambda parts, unit, chunk: Budget(1 << 30, unit=unit, chunk=chunk, parts=parts),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1, 1 << 30]),
    st.sampled_from([1, 1_000, 1 << 20]),
)


def facts_of(rows: list, keyed: bool) -> Facts:
    event = np.array([r[3] for r in rows], dtype=np.int64)
    frame = Frame(
        {
            "id": Column.of_kind([r[0] for r in rows], "integer"),
            "who": Column.of_kind([r[1] for r in rows], "text"),
            "lane": Column.of_kind([r[2] for r in rows], "integer"),
            "x": Column.of_kind([r[5] for r in rows], "number"),
            "word": Column.of_kind([r[6] for r in rows], "text"),
        },
        len(rows),
    )
    known = event + np.array([r[4] for r in rows], dtype=np.int64)
    retract = np.array([keyed and r[7] and r[0] % 2 == 0 for r in rows], dtype=np.bool_)
    return Facts(event, known, np.arange(len(rows), dtype=np.int64) * 3 + 1, retract, frame)


def requests_of(asks: list) -> Frame:
    return Frame(
        {
            "id": Column.of_kind([a[0] for a in asks], "integer"),
            "who": Column.of_kind([a[1] for a in asks], "text"),
            "lane": Column.of_kind([float(a[2]) for a in asks], "number"),  # an integer on the other side
            "x": Column.of_kind([a[4] for a in asks], "number"),
            "word": Column.of_kind(["x" if a[0] % 2 else None for a in asks], "text"),
            "as_of": Column.of_kind([a[3] for a in asks], "integer"),
        },
        len(asks),
    )


def in_memory(plan: FeaturePlan, facts: Facts, requests: Frame) -> list:
    name = next(iter(plan.tables))
    return answer(plan, {name: facts}, requests, requests["as_of"].values).to_arrow().to_pylist()


def in_bulk(plan: FeaturePlan, facts: object, requests: object, budget: Budget, place: object = None, **more) -> list:
    name = next(iter(plan.tables))
    batches = list(answer_batches(plan, {name: facts}, requests, memory=budget, scratch=place, **more))
    return pa.Table.from_batches(batches).to_pylist()


@pytest.mark.parametrize("table", [KEYED, PLAIN, STAYS], ids=lambda table: table.name)
@given(st.lists(ROWS, max_size=24), st.lists(ASKS, max_size=12), BUDGETS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_any_budget_gives_the_answers_in_memory(table, rows, asks, budget):
    facts, requests = facts_of(rows, bool(table.key)), requests_of(asks)
    plan = PLANS[table.name]
    assert in_bulk(plan, facts, requests, budget) == in_memory(plan, facts, requests)


bounded = [
    f.window(KEYED, "x", ["count", "sum", "min", "std"], over=["3us", "5us"]),
    f.latest(KEYED, "x", max_age="4us", name="fresh"),
    f.window(KEYED, "x", ["max"], over="4us", by="who"),
    f.window(KEYED, "x", ["count"], over="4us", by="who", closed="right", name="own"),
]
BOUNDED = FeaturePlan.compile(bounded, target=KEYED)


@given(st.lists(ROWS, max_size=30), st.lists(ASKS, min_size=1, max_size=20))
@example(
    rows=[(0, "b", 0, 23, 0, 0.3, None, False), (0, None, 2, 10, 13, 1.0, "x", False)], asks=[(1, "b", 1, 27, None)]
)
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_one_entity_can_be_divided_by_time(rows, asks):
    """Every version of a key, whatever its event, ends the one before it in every stretch that sees that one."""
    facts, requests = facts_of(rows, keyed=True), requests_of(asks)
    tiny = Budget(1 << 30, unit=1, chunk=300, parts=1)
    assert in_bulk(BOUNDED, facts, requests, tiny) == in_memory(BOUNDED, facts, requests)


EDGES = Table("edges", event_time="at", known="seen")
HOMES = Table("homes", key="id", event_time="at", known="seen")
TRIPS = f.enrich(KEYED, f.latest(HOMES, "word", "x", by="id", name="home"))


def half(x):
    return np.where(np.isnan(x), -1.0, np.floor(x / 2))


STAGED = FeaturePlan.compile(
    [
        f.window(TRIPS, "home_x_by_id", ["sum", "count"], over="9us", by="who"),
        f.window(TRIPS, "x", "count", over="9us", by={"word": "home_word_by_id"}),
        f.latest(KEYED, "word", "lane", by="who"),
        f.window(HOMES, "x", ["max", f.last_n(2)], over="20us", by={"trips_word_by_who": "word"}, name="of_word"),
        f.window(EDGES, "word", [f.last_n(3), f.members()], over="20us", by="who"),
        f.latest(EDGES, "x", by={"trips_lane_by_who": "lane"}, name="of_lane"),
        doubled,
    ],
    target=KEYED,
)


@given(st.lists(ROWS, max_size=24), st.lists(ROWS, max_size=24), st.lists(ASKS, max_size=10), BUDGETS)
@settings(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_enriched_tables_and_looked_up_keys_are_answered_stage_by_stage(trips, homes, asks, budget):
    facts = {"trips": facts_of(trips, True), "homes": facts_of(homes, True), "edges": facts_of(homes[::-1], False)}
    requests = requests_of(asks)
    expected = answer(STAGED, facts, requests, requests["as_of"].values).to_arrow().to_pylist()
    batches = answer_batches(STAGED, facts, requests, memory=budget)
    assert pa.Table.from_batches(list(batches)).to_pylist() == expected


def test_neighbours_are_looked_up_one_by_one():
    follows = Table("follows", key="edge", event_time="at", known="event")
    users = Table("users", key="user", event_time="at", known="event")
    plan = FeaturePlan.compile(
        [
            neighbours_mean(follows, "a", "b", of=f.latest(users, "age", by="user"), by="reader"),
            f.request("reader"),
            degree(follows, "a", "b", by="reader", over=["9us", "30us"]),
            shared_neighbours(follows, "a", "b", between=("reader", "writer")),
        ]
    )
    random = np.random.default_rng(5)
    people = np.array(["ann", "bob", "cat", "dan", "eve"], dtype=object)
    facts = {
        "follows": Facts.of(
            follows,
            {
                "edge": np.arange(40),
                "a": people[random.integers(0, 5, 40)],
                "b": people[random.integers(0, 5, 40)],
                "at": random.integers(0, 50, 40),
            },
        ),
        "users": Facts.of(
            users,
            {
                "user": people[random.integers(0, 5, 12)],
                "age": random.integers(20, 60, 12),
                "at": random.integers(0, 50, 12),
            },
        ),
    }
    requests = Frame.of(
        {"reader": [*people, "nobody"] * 4, "writer": [*people[::-1], None] * 4, "as_of": random.integers(0, 60, 24)}
    )
    expected = answer(plan, facts, requests, requests["as_of"].values).to_arrow().to_pylist()
    for budget in (AMPLE, Budget(1 << 30, unit=1, chunk=1, parts=3)):
        batches = answer_batches(plan, facts, requests, memory=budget)
        assert pa.Table.from_batches(list(batches)).to_pylist() == expected


# ---- sources and outputs --------------------------------------------------------------------------------

CARS = Table("cars", key="id", event_time="at", known="seen", columns=["id", "car", "km", "at", "seen"])
CAR_PLAN = FeaturePlan.compile(
    [f.window(CARS, "km", ["sum", "max"], over="1h", by="car"), f.latest(CARS, "km", by="car"), f.request("car")]
)


def car_rows(n: int = 500) -> pa.Table:
    random = np.random.default_rng(1)
    at = np.sort(random.integers(0, 86_400, n)) * 1_000_000
    return pa.table(
        {
            "id": random.integers(0, n, n),
            "car": [f"c{i}" for i in random.integers(0, 20, n)],
            "km": np.where(random.random(n) < 0.1, np.nan, random.normal(10, 3, n)),
            "at": pa.array(at).cast(pa.timestamp("us", "UTC")),
            "seen": pa.array(at + random.integers(0, 7_200, n) * 1_000_000).cast(pa.timestamp("us", "UTC")),
            "unused": np.arange(n),
        }
    )


def car_requests(n: int = 300) -> pa.Table:
    random = np.random.default_rng(2)
    moments = random.integers(0, 90_000, n) * 1_000_000
    return pa.table(
        {
            "car": [None if i == 20 else f"c{i}" for i in random.integers(0, 22, n)],
            "as_of": pa.array(moments).cast(pa.timestamp("us", "UTC")),
            "request": np.arange(n) * 10,
        }
    )


def car_answers() -> list:
    requests = Frame.from_arrow(car_requests())
    facts = Facts.of(CARS, Frame.from_arrow(car_rows().drop(["unused"])))
    return answer(CAR_PLAN, {"cars": facts}, requests, requests["as_of"].values).to_arrow().to_pylist()


def sources(folder) -> dict:
    rows = car_rows()
    facts = Facts.of(CARS, Frame.from_arrow(rows.drop(["unused"])))
    pq.write_table(rows.slice(0, 200), folder / "a.parquet", row_group_size=37)
    pq.write_table(rows.slice(200), folder / "b.parquet")
    lake = Lake(folder / "lake")
    for at, part in enumerate((slice(0, 123), slice(123, 500))):
        lake.append(CARS, facts.take(part), batch=str(at))
    return {
        "parquet": [folder / "a.parquet", folder / "b.parquet"],
        "pattern": str(folder / "*.parquet"),
        "table": rows,
        "batches": iter(rows.to_batches(max_chunksize=77)),
        "reader": pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=77)),
        "facts": facts,
        "lake": lake,
    }


@pytest.mark.parametrize("kind", ["parquet", "pattern", "table", "batches", "reader", "facts", "lake"])
def test_every_source_gives_the_same_answers(kind, tmp_path):
    found = in_bulk(CAR_PLAN, sources(tmp_path)[kind], car_requests(), Budget(1 << 30, 1 << 25, 2_000, 4), tmp_path)
    assert found == car_answers()


@pytest.mark.parametrize("name", ["features.parquet", "features.arrow", "features"])
def test_every_output_holds_all_rows_in_order(name, tmp_path):
    out = tmp_path / "deep" / name
    receipt = answer_files(
        CAR_PLAN, {"cars": car_rows()}, car_requests(), out, keep=["request"], scratch=tmp_path / "s"
    )
    assert (receipt.rows, receipt.facts, receipt.refused) == (300, {"cars": 500}, {"cars": 0})
    assert receipt.scratch_bytes > 0
    assert not list((tmp_path / "s").iterdir())
    if name == "features":
        from deltalake import DeltaTable

        table = pa.concat_tables([pq.ParquetFile(out / p).read() for p in DeltaTable(out).file_uris()])
    elif name.endswith(".arrow"):
        with pa.OSFile(str(out), "rb") as file:
            table = pa.ipc.open_file(file).read_all()
    else:
        table = pq.read_table(out)
    assert table["request"].to_pylist() == car_requests()["request"].to_pylist()
    assert table.drop(["request"]).to_pylist() == car_answers()


def test_the_same_bytes_with_any_number_of_threads_and_progress_is_told(tmp_path):
    told = []
    for threads in (1, 3):
        out = tmp_path / f"{threads}.parquet"
        answer_files(
            CAR_PLAN,
            {"cars": car_rows()},
            car_requests(),
            out,
            threads=threads,
            progress=lambda *what: told.append(what),
        )
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "3.parquet").read_bytes()
    assert {what.split(" ")[0] for what, _, _ in told} == {"facts", "requests", "features", "rows"}
    assert all(0 < done <= known for _, done, known in told)


def test_a_delta_table_takes_a_batch_once_and_other_columns_never(tmp_path):
    def write(plan=CAR_PLAN, **more):
        return answer_files(plan, {"cars": car_rows()}, car_requests(), tmp_path / "table", **more)

    assert [write(batch="monday").rows, write(batch="monday").rows, write(batch="tuesday").rows] == [300, 0, 300]
    from deltalake import DeltaTable

    table = DeltaTable(tmp_path / "table")
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in table.file_uris()) == 600
    with pytest.raises(DataError, match="has other columns"):
        write(plan=FeaturePlan.compile([f.latest(CARS, "km", by="car")]), batch="wednesday")


def test_refused_rows_are_counted_and_shown(tmp_path):
    rows = car_rows().to_pylist()
    rows[7]["seen"] = None
    rows[402]["id"] = None
    rows[9]["at"] = None
    table = pa.Table.from_pylist(rows, schema=car_rows().schema)
    receipt = answer_files(
        CAR_PLAN, {"cars": table}, car_requests(), tmp_path / "x.parquet", memory=Budget(1 << 30, 1, 999)
    )
    assert (receipt.facts, receipt.absent, receipt.refused) == ({"cars": 497}, {"cars": 1}, {"cars": 2})
    assert [(r.row, r.column) for r in receipt.examples["cars"]] == [(8, "seen"), (403, "id")]


def test_what_cannot_be_answered_is_said_before_anything_is_written(tmp_path):
    out, good = tmp_path / "out.parquet", {"cars": car_rows()}
    bad_moment = car_requests().to_pylist()
    bad_moment[5]["as_of"] = None
    cases = [
        (UnknownName, "no table 'cars'", {"facts": {}}),
        (UnknownName, "no column 'car'", {"requests": car_requests().drop(["car"])}),
        (UnknownName, "no column 'when'", {"as_of": "when"}),
        (DataError, r"a request needs a moment.*row 6", {"requests": pa.Table.from_pylist(bad_moment)}),
        (ConfigError, "'car' is a feature too", {"keep": ["car"]}),
        (ConfigError, "key is (number|integer|text) on one side", {"requests": numbered_requests()}),
        (ConfigError, "chunk by chunk", {"facts": {"cars": 7}}),
        (ConfigError, "at least '64MiB'", {"memory": "1MiB"}),
        (UnknownName, "no column 'km'", {"facts": {"cars": car_rows().drop(["km"])}}),
    ]
    for error, text, change in cases:
        given = {"facts": good, "requests": car_requests(), "memory": "64MiB", **change}
        with pytest.raises(error, match=text):
            answer_files(CAR_PLAN, out=out, scratch=tmp_path / "scratch", **given)
    with pytest.raises(ConfigError, match=r"neither \*\.parquet"):
        answer_files(CAR_PLAN, good, car_requests(), tmp_path / "out.csv")
    assert not out.exists()
    assert not list((tmp_path / "scratch").iterdir())


def numbered_requests() -> pa.Table:
    requests = car_requests()
    return requests.set_column(0, "car", pa.array(range(300)))


def test_facts_that_never_landed_have_no_arrival():
    table = Table("seen", event_time="at", known="arrival")
    plan = FeaturePlan.compile([f.window(table, over="1h", by="car")])
    with pytest.raises(ConfigError, match="Land them in a lake first"):
        in_bulk(plan, car_rows(), car_requests(), AMPLE)


def test_documents_are_landed_first():
    table = Table("rides", event_time="at", known="event", paths={"car": "vehicle.car", "at": "when"})
    plan = FeaturePlan.compile([f.window(table, over="1h", by="car")])
    with pytest.raises(ConfigError, match="taken from documents by path"):
        in_bulk(plan, car_rows(), car_requests(), AMPLE)


def test_one_entity_too_large_for_the_budget_is_named():
    plan = FeaturePlan.compile([f.latest(CARS, "km", by="car")])
    rows = car_rows()
    one = rows.set_column(1, "car", pa.array(["c1"] * 500))
    with pytest.raises(ConfigError, match=r"car='c1' has .* facts, and a feature of it looks back without a bound"):
        in_bulk(plan, one, car_requests(), Budget((24 << 20) + 50_000, unit=1, chunk=1_000, parts=1))


def test_an_interrupted_iterator_leaves_nothing(tmp_path):
    answers = answer_batches(CAR_PLAN, {"cars": car_rows()}, car_requests(), memory=AMPLE, scratch=tmp_path)
    next(answers)
    assert list(tmp_path.iterdir())
    answers.close()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_output_as_it_was(tmp_path):
    out = tmp_path / "out.parquet"
    out.write_bytes(b"before")
    (tmp_path / ".out.parquet.draft").symlink_to("/dev/full")
    with pytest.raises(StateError, match="full; nothing was written"):
        answer_files(CAR_PLAN, {"cars": car_rows()}, car_requests(), out)
    assert out.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_a_scratch_disk_that_is_too_small_is_said_first(tmp_path, monkeypatch):
    monkeypatch.setattr("hindcast.bulk.spill.Scratch.free", property(lambda self: 1_000))
    with pytest.raises(StateError, match=r"needs about .* and its disk has 1000 B left"):
        answer_files(CAR_PLAN, {"cars": car_rows()}, car_requests(), tmp_path / "out.parquet")


def test_a_text_made_late_is_a_text_from_the_first_row(tmp_path):
    def shout(car, request):
        return np.array(
            [c.upper() if c and r > 2_500 else None for c, r in zip(car, request, strict=True)], dtype=object
        )

    plan = FeaturePlan.compile([shout, f.latest(CARS, "km", by="car")])
    tiny = Budget(1 << 30, unit=1 << 30, chunk=1_000)
    batches = list(answer_batches(plan, {"cars": car_rows()}, car_requests(), memory=tiny, scratch=tmp_path))
    assert len(batches) > 5
    requests = Frame.from_arrow(car_requests())
    facts = Facts.of(CARS, Frame.from_arrow(car_rows().drop(["unused"])))
    expected = answer(plan, {"cars": facts}, requests, requests["as_of"].values).to_arrow()
    assert pa.Table.from_batches(batches).to_pylist() == expected.to_pylist()
    assert batches[0].schema.field("shout").type == pa.string()
