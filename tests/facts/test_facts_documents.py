"""Documents made flat: any number of them as one by one, from every side alike, and hostile ones refused."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindcast.clock import ReplayClock
from hindcast.errors import ConfigError, DataError, SchemaError, UnknownName
from hindcast.facts import Facts, Lake, Quarantine, Table, check_views, files, frame, ingest, reading
from hindcast.facts.documents import DEEPEST, LONGEST, Leaf, Walk, decode, flat_leaf, flat_rows
from hindcast.facts.paths import DocumentPath, Part
from hindcast.serve.landing import facts_of_rows
from hindcast.serve.protocol import FactsBody, decoded
from hindcast.values import moment_us

NOW = moment_us("2014-01-01")
names = st.sampled_from(["a", "b", "length"])
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.just(0.5) | st.just("x") | st.just('{"a": [7, {"b": "in"}]}')
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
documents = st.lists(st.dictionaries(names, anything, max_size=3), max_size=6)
paths = st.lists(
    st.builds(
        lambda first, rest: DocumentPath((first, *rest)),
        names,
        st.lists(names | st.integers(-2, 2) | st.just(Part.LENGTH), max_size=3),
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
WRONG = object()


def slow(value, steps):
    """One value at the end of steps, or WRONG."""
    for place, step in enumerate(steps):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return WRONG
        if value is None:
            return None
        if isinstance(value, list) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        elif isinstance(value, list) and step is Part.LENGTH:
            value = len(value)
        elif isinstance(value, dict) and not isinstance(step, int):
            value = value.get("length" if step is Part.LENGTH else step)
        else:
            return WRONG
        del place
    return value


# ---- along paths ----------------------------------------------------------------------------------------


@given(documents, paths, st.lists(st.integers(0, 6), max_size=3))
def test_any_chunks_of_documents_give_what_each_gives_alone(docs, paths, cuts):
    walk = Walk(paths)
    ends = [*sorted(cut for cut in cuts if cut <= len(docs)), len(docs)]
    for start, end in zip([0, *ends], ends, strict=False):
        walk.add(docs[start:end])
    for path in paths:
        expected = [slow(document, path.steps) for document in docs]
        leaf = walk.leaves[path]
        assert leaf.values == [None if value is WRONG else value for value in expected]
        assert sorted(leaf.faults) == [place for place, value in enumerate(expected) if value is WRONG]
    assert walk.count == len(docs)


@given(documents, paths)
def test_a_name_is_unknown_when_objects_stand_there_and_none_has_it(docs, paths):
    walk = Walk(paths)
    walk.add(docs)
    for path in paths:
        if not any(str in set(map(type, _on_the_way(document, path.steps))) for document in docs):
            lost = False
            for end in range(1, len(path.steps) + 1):
                if isinstance(path.steps[end - 1], int):
                    continue
                name = "length" if path.steps[end - 1] is Part.LENGTH else path.steps[end - 1]
                parents = [slow(document, path.steps[: end - 1]) for document in docs]
                objects = [parent for parent in parents if isinstance(parent, dict)]
                lost = lost or bool(objects and not any(name in parent for parent in objects))
            assert (walk.unknown(path) is not None) == lost


def _on_the_way(document, steps):
    return [slow(document, steps[:end]) for end in range(len(steps) + 1)]


def test_a_path_added_late_has_null_before():
    walk = Walk([DocumentPath.of("a")])
    walk.add([{"a": 1}])
    walk.also([DocumentPath.of("b"), DocumentPath.of("a")])
    walk.add([{"a": 2, "b": 3}])
    assert [leaf.values for leaf in walk.leaves.values()] == [[1, 2], [None, 3]]


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({"a": 7}, "a.b", "a is a number, with nothing inside it"),
        ({"a": True}, "a[0]", "a is true or false, with nothing inside it"),
        ({"a": "x"}, "a.b", "a is a text that is not JSON"),
        ({"a": '{"b": 1, "b": 2}'}, "a.b", "a: the name 'b' stands in one object twice"),
        ({"a": "\ud800"}, "a.b", "a: not UTF-8"),
        ({"a": [1]}, "a.b", "a is a list; take an element of it, as in a[0], or a.length"),
        ({"a": {"b": 1}}, "a[0]", "a is an object and no list; name a field of it, as in a.b"),
        ({"a": {"b": {"c": 1}}}, "a.b", "a.b is an object (c), not one value; name a field, as in a.b.c"),
        ({"a": [1]}, "a", "a is a list of 1, not one value; take an element or its length, as in a[0]"),
        ({"a": "12"}, "a", "a finite number was expected at a; mend the document, or declare another kind by types="),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_path_and_how_to_mend_it(document, path, reason):
    at = DocumentPath.of(path)
    leaf = flat_rows([{}, document], {"x": at})["x"]
    flat = flat_leaf("x", at, leaf, "number")
    assert flat.faults[1].reason == f"x: {reason}"
    assert flat.bad.tolist() == [False, True]
    assert flat.column.present().tolist() == [False, False]


# ---- hostile documents ----------------------------------------------------------------------------------


def nested(depth):
    return "[" * depth + "]" * depth


hostile = [
    ('{"a": 1, "a": 1}', "twice"),
    ('{"a": 1, "\\u0061": 1}', "twice"),
    ('{"b": [{"a" : 1, "a" : {"a": 2}}]}', "twice"),
    ('{"a\\\\": "\\":", "a\\\\": "x"}', "twice"),
    ('{"a": NaN}', "not JSON"),
    ('{"a": -Infinity}', "not JSON"),
    ('{"a": 1e999}', "not JSON"),
    (f'{{"a": {"9" * 5000}}}', "not JSON"),
    ('{"a": "\\ud800"}', "not JSON"),
    ('{"a": 1} {"a": 2}', "not JSON"),
    ('{"a": 01}', "not JSON"),
    ("{'a': 1}", "not JSON"),
    ('{"a": 1', "not JSON"),
    (f'{{"a": {nested(DEEPEST)}}}', "deep"),
    (f'{{"a": {nested(100_000)}}}', "deep"),
    ('{"a": ' * 100_000, "deep"),
    (b'{"a": "\xff"}', "not UTF-8"),
    (b'\xff\xfe{\x00"\x00', "not JSON"),
    ("{" + " " * LONGEST + "}", "longer"),
]
harmless = [
    '{"a": 1}', '{"a":"x: \\" :", "b" : [{"a": 1}, {"a": 2}]}', f'{{"a": {nested(DEEPEST - 1)}}}', '{"a\\\\": "\\":"}',
    '{"a": 18446744073709551616}', '{"a": "{\\"b\\": 1, \\"b\\": 2}"}', '{"a": {"b": 1}, "b": 1}', '{"a": 1e-999}',
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), hostile, ids=[str(place) for place in range(len(hostile))])
def test_a_hostile_document_is_a_fault_and_its_neighbours_are_not(text, reason):
    raw = text.encode() if isinstance(text, str) else text
    texts = [*(line.encode() for line in harmless), raw, b'{"z": 0}']
    values, faults = decode(texts)
    assert list(faults) == [len(harmless)]
    assert reason in faults[len(harmless)]
    assert values[:-2] == [json.loads(line) for line in harmless]
    assert values[-2:] == [None, {"z": 0}]


@given(st.lists(anything, max_size=5), st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
def test_what_was_written_is_read(values, ascii, separators):
    texts = [json.dumps(value, ensure_ascii=ascii, separators=separators).encode() for value in values]
    assert decode(texts) == (values, {})


pairs = st.lists(st.tuples(st.sampled_from(["a", "b", 'q"', "s\\", "c: "]), st.sampled_from(["1", '"\\":"', "{}"])))


@given(st.lists(st.tuples(pairs, st.sampled_from([":", " :", ": "])), min_size=1, max_size=4))
def test_a_name_twice_is_found_wherever_it_stands(objects):
    texts, twice = [], False
    for fields, colon in objects:
        inside = ", ".join(f"{json.dumps(name)}{colon}{value}" for name, value in fields)
        texts.append(f'{{"in": [{{{inside}}}]}}')
        twice = len({name for name, _ in fields}) < len(fields)
        assert (decode([texts[-1].encode()])[1] != {}) == twice
    together = decode([text.encode() for text in texts])[1]
    assert list(together) == [n for n, text in enumerate(texts) if decode([text.encode()])[1]]


# ---- from every side ------------------------------------------------------------------------------------


class Home:
    """A lake, a quarantine and a clock in one folder."""

    def __init__(self, root):
        self.root = root
        self.lake, self.quarantine, self.clock = Lake(root / "lake"), Quarantine(root / "quarantine"), ReplayClock(NOW)

    def ingest(self, *tables):
        return ingest(self.lake, tables, clock=self.clock, quarantine=self.quarantine, base=self.root)

    def write(self, name, lines):
        opener = gzip.open if name.endswith(".gz") else open
        with opener(self.root / name, "wb") as file:
            file.write(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))

    def rows(self, name="orders"):
        return self.lake.facts(name).frame.rows()

    def refused(self, name="orders"):
        return [(row.row, row.column) for row in self.quarantine.rows(name)]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


PATHS = {"amount": "payment.amount?", "first": "items[0].sku?", "n": "items.length?", "city": "who.address.city?"}
TYPES = {"amount": "number", "first": "text", "n": "integer", "city": "text", "id": "integer"}


def orders(source=None, **options):
    return Table("orders", source, **{"event_time": "at", "known": "event", "columns": ["id"], "paths": PATHS,
                                      "types": TYPES, **options})  # fmt: skip


MORNING = "2013-07-01T06:00:00Z"
ORDER = {
    "id": 1,
    "at": MORNING,
    "payment": {"amount": 2.5},
    "items": [{"sku": "x"}, {}],
    "who": {"address": {"city": "Rome"}},
}
FLAT = {"at": moment_us(MORNING), "id": 1, "amount": 2.5, "first": "x", "n": 2, "city": "Rome"}

loose = (
    st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=2)
)
order = st.fixed_dictionaries(
    {"id": loose, "at": st.sampled_from([MORNING, "2013-07-01", 1372658400000000, "soon", None, True, {}])},
    optional={
        "payment": st.fixed_dictionaries({}, optional={"amount": loose, "extra": anything}) | loose,
        "items": st.lists(st.fixed_dictionaries({}, optional={"sku": loose}) | loose, max_size=2) | loose,
        "who": st.fixed_dictionaries({"address": st.fixed_dictionaries({}, optional={"city": loose}) | loose}),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(docs=st.lists(order, max_size=5))
def test_a_file_a_list_and_a_push_mean_the_same_row_by_row(tmp_path_factory, docs):
    home = Home(tmp_path_factory.mktemp("home"))
    home.write("orders.jsonl", map(json.dumps, docs))
    [landed] = home.ingest(orders(files("orders.jsonl")))
    rows, refused = home.rows() if landed.new else [], home.refused()
    assert landed.new + landed.absent + landed.refused == len(docs)

    other = Home(tmp_path_factory.mktemp("list"))
    [listed] = other.ingest(orders(frame(docs)))
    assert (other.rows() if listed.new else [], other.refused()) == (rows, refused)

    body = json.dumps({"rows": docs}).encode()
    pushed = facts_of_rows(orders(), decoded(body, FactsBody).rows, TYPES, seq_from=0, arrival_us=NOW)
    assert (pushed.facts.frame.rows(), [(r.row, r.column) for r in pushed.refused]) == (rows, refused)

    alone = [facts_of_rows(orders(), [document], TYPES, seq_from=0, arrival_us=NOW) for document in docs]
    assert [row for one in alone for row in one.facts.frame.rows()] == rows
    assert [place + 1 for place, one in enumerate(alone) if one.refused] == [row for row, _ in refused]

    if not refused:
        assert Facts.of(orders(), docs).frame.rows() == rows
    else:
        with pytest.raises(DataError):
            Facts.of(orders(), docs)


def holding(**fields):
    return st.fixed_dictionaries(fields)


whole = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**63), 2**63 - 1),
        "at": st.just(MORNING),
        "payment": st.none() | holding(amount=st.none() | st.floats(-9, 9)),
        "items": st.none() | st.lists(st.none() | holding(sku=st.none() | st.text("xy", max_size=2)), max_size=3),
        "who": st.none() | holding(address=st.none() | holding(city=st.just("Bern"))),
    }
)  # fmt: skip
SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "at": pa.string(),
        "payment": pa.struct({"amount": pa.float64()}),
        "items": pa.list_(pa.struct({"sku": pa.string()})),
        "who": pa.struct({"address": pa.struct({"city": pa.string()})}),
    }
)
BELOW = {"last": "items[-1].sku", **{name: path.rstrip("?") for name, path in PATHS.items()}}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(docs=st.lists(whole, max_size=5), odd=st.sampled_from([pa.list_, pa.large_list]))
def test_structs_and_texts_of_a_parquet_file_mean_what_documents_mean(tmp_path_factory, docs, odd):
    home = Home(tmp_path_factory.mktemp("home"))
    types = {**TYPES, "last": "text"}
    home.ingest(orders(frame(docs), paths={name: path + "?" for name, path in BELOW.items()}, types=types))
    expected = home.rows() if docs else []

    schema = SCHEMA.set(3, pa.field("items", odd(pa.struct({"sku": pa.string()}))))
    table = pa.concat_tables([pa.Table.from_pylist(docs[:2], schema), pa.Table.from_pylist(docs[2:], schema)])
    structs = Home(tmp_path_factory.mktemp("structs"))
    pq.write_table(table, structs.root / "orders.parquet")
    structs.ingest(orders(files("orders.parquet"), paths=BELOW, types=types))
    assert (structs.rows() if docs else []) == expected

    texts = Home(tmp_path_factory.mktemp("texts"))
    schema = pa.schema({"id": pa.int64(), "at": pa.string(), "doc": pa.string()})
    held = pa.Table.from_pylist([{"id": d["id"], "at": d["at"], "doc": json.dumps(d)} for d in docs], schema)
    pq.write_table(held, texts.root / "orders.parquet")
    inside = {name: f"doc.{path}?" for name, path in BELOW.items()}
    texts.ingest(orders(files("orders.parquet"), paths=inside, types=types))
    assert (texts.rows() if docs else []) == expected


# ---- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["orders.jsonl", "orders.ndjson", "orders.jsonl.gz", "orders.ndjson.gz"])
def test_json_lines_land_whatever_the_file_is_called(home, name):
    home.write(name, [b"\xef\xbb\xbf" + json.dumps(ORDER).encode() + b"\r", "", "  \t", json.dumps({**ORDER, "id": 2})])
    table = orders(files("orders.*"))
    assert home.ingest(table)[0].new == 2
    assert home.rows() == [FLAT, {**FLAT, "id": 2}]
    assert home.ingest(table)[0].same == 2


def test_refused_lines_are_in_quarantine_once_and_tell_their_row(home):
    lines = [
        '{"id": 1, "id": 2}',
        json.dumps(ORDER),
        "",
        "[1]",
        '"text"',
        b'{"id": "\xff"}',
        '{"id": ' + "9" * 400 + "}",
    ]
    home.write("orders.jsonl", [*lines, "{" + " " * LONGEST + '} {"id": 3}', json.dumps({**ORDER, "id": 2.5})])
    table = orders(files("orders.jsonl"))
    assert home.ingest(table)[0].refused == 7
    assert home.refused() == [(1, None), (3, None), (4, None), (5, None), (6, "id"), (7, None), (8, "id")]
    reasons = [row.reason for row in home.quarantine.rows()]
    assert reasons[1] == "the document cannot be read: a document is an object in braces, and this is 'a list of 1'"
    assert reasons[5].startswith("the document cannot be read: longer than")
    assert len(home.quarantine.rows()[5].value) < 400
    assert home.quarantine.rows()[6].value == "2.5"
    home.write("orders.jsonl", [json.dumps({**ORDER, "id": 2.5}), lines[0], json.dumps(ORDER)])
    [landed] = home.ingest(table)
    assert (landed.same, landed.refused) == (1, 2)
    assert home.quarantine.count() == 7, "the same lines in another order are the same refusals"


def test_chunks_of_a_file_are_seams_that_nobody_sees(home, monkeypatch):
    lines = [json.dumps({**ORDER, "id": n}) if n % 5 else '{"id": NaN}' for n in range(23)]
    home.write("orders.jsonl", lines)
    monkeypatch.setattr(reading, "_CHUNK_LINES", 4)
    home.ingest(orders(files("orders.jsonl")))
    assert [row["id"] for row in home.rows()] == [n for n in range(23) if n % 5]
    assert home.refused() == [(n + 1, None) for n in range(0, 23, 5)]


def test_columns_that_nobody_declared_are_the_fields_there_are(home):
    home.write("pings.jsonl", ['{"at": "2013-07-01", "x": 1}', '{"at": "2013-07-02", "y": "b"}', '{"x": 2.5}'])
    table = Table("pings", files("pings.jsonl"), event_time="at", known="event")
    assert home.ingest(table)[0].absent == 1
    assert home.lake.schema("pings") == {"at": "time", "x": "number", "y": "text"}
    home.write("pings.jsonl", ['{"at": "2013-07-03", "x": 3, "y": 7}', '{"at": "2013-07-04", "x": 4, "y": "c"}'])
    assert home.ingest(table)[0].refused == 1
    home.write("pings.jsonl", ['{"at": "2013-07-05", "y": 7}'])
    with pytest.raises(SchemaError, match="column 'y' holds text values, and most that came now are of another kind"):
        home.ingest(table)
    home.write("pings.jsonl", ['{"at": "2013-07-03", "who": {"id": 1}}'])
    with pytest.raises(DataError, match=r"column 'who': holds objects.*paths="):
        home.ingest(table)
    home.write("pings.jsonl", ['{"at": "2013-07-03", "z": 1}', '{"at": "2013-07-03", "z": "1"}'])
    with pytest.raises(DataError, match=r"column 'z': mixes .*types="):
        home.ingest(table)
    home.write("pings.jsonl", [json.dumps({str(n): n for n in range(1000)})])
    with pytest.raises(DataError, match="1000 different fields"):
        home.ingest(table)
    home.write("pings.jsonl", ['{"": 1}'])
    with pytest.raises(DataError, match="called ''"):
        home.ingest(table)


def test_integers_widen_where_nobody_declared_them(home):
    table = orders(files("*.jsonl"), types=None)
    home.write("a.jsonl", [json.dumps({**ORDER, "payment": {"amount": 3}})])
    assert home.ingest(table)[0].new == 1
    home.write("b.jsonl", [json.dumps({**ORDER, "payment": {"amount": 3.25}, "id": 2})])
    assert home.ingest(table)[0].new == 1
    assert [row["amount"] for row in home.rows()] == [3.0, 3.25]


def test_a_path_that_no_document_has_is_answered_with_close_ones(home):
    home.write("orders.jsonl", [json.dumps(ORDER), json.dumps({**ORDER, "payment": None})])
    source = files("orders.jsonl")
    with pytest.raises(
        UnknownName, match=r"column 'a'.*no path 'payment\.amout'\. Did you mean 'payment\.amount'"
    ) as caught:
        home.ingest(orders(source, paths={"a": "payment.amout"}))
    assert caught.value.close == ("payment.amount",)
    with pytest.raises(UnknownName, match=r"no path 'item'\. Did you mean 'items'"):
        home.ingest(orders(source, paths={"a": "item[0].sku"}))
    with pytest.raises(UnknownName, match=r"no path 'when'"):
        home.ingest(orders(source, event_time="when"))
    assert home.lake.tables() == []
    table = orders(source, paths={"amount": "payment.amount", "coupon": "coupon.code?"})
    assert home.ingest(table)[0].new == 2
    home.write("orders.jsonl", ['{"at": "2013-07-02", "id": 7, "payment": {}}'])
    assert home.ingest(table)[0].new == 1, "a path that has held values may be missing from a later file"


def test_a_column_of_structs_knows_its_fields(home):
    pq.write_table(pa.Table.from_pylist([ORDER]), home.root / "orders.parquet")
    source = files("orders.parquet")

    def landing(path, error, match):
        with pytest.raises(error, match=match):
            home.ingest(orders(source, paths={"x": path}, types=None))

    landing("payment.amout", UnknownName, r"no path 'payment\.amout'\. Did you mean 'payment\.amount'")
    landing("paiment.amount", UnknownName, "no column 'paiment'. Did you mean 'payment'")
    landing("who.address", ConfigError, r"who\.address is no single value; go on, as in who\.address\.city")
    landing("items", ConfigError, r"go on, as in items\[0\] or items\.length")
    landing("id.x", ConfigError, "id is a column of int64, so id.x leads nowhere")
    landing("payment[0]", ConfigError, "leads nowhere")
    with pytest.raises(DataError, match=r"column 'payment': holds struct<.*paths="):
        home.ingest(Table("bare", source, event_time="at", known="event"))


def test_maps_fixed_lists_and_csv_cells_are_documents_too(home):
    table = pa.table(
        {
            "at": pa.array([MORNING, MORNING]),
            "tags": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "pair": pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
            "none": pa.nulls(2),
        }
    )
    pq.write_table(table, home.root / "t.parquet")
    paths = {"k": "tags.k", "second": "pair[1]", "third": "pair[2]", "n": "pair.length", "no": "none.x[0]"}
    home.ingest(Table("t", files("t.parquet"), event_time="at", known="event", paths=paths))
    picked = [{name: row[name] for name in paths} for row in home.rows("t")]
    assert picked == [
        {"k": 1, "second": 2, "third": None, "n": 2, "no": None},
        {"k": None, "second": None, "third": None, "n": None, "no": None},
    ]
    (home.root / "c.csv").write_text(
        f'at,payload\n{MORNING},"{{""user"": {{""id"": 7}}}}"\n{MORNING},\n{MORNING},oops\n'
    )
    csv = Table("c", files("c.csv"), event_time="at", known="event", paths={"user": "payload.user.id"})
    assert home.ingest(csv)[0].refused == 1
    assert [row["user"] for row in home.rows("c")] == [7, None]
    assert home.quarantine.rows("c")[0].reason == "user: payload is a text that is not JSON"
    with pytest.raises(UnknownName, match=r"no path 'payload\.usr'"):
        home.ingest(Table("d", files("c.csv"), event_time="at", known="event", paths={"user": "payload.usr.id"}))


def test_a_file_that_is_no_json_lines_is_an_error_and_an_empty_one_is_nothing(home):
    table = orders(files("*.jsonl*"))
    home.write("orders.jsonl", ["[", json.dumps(ORDER) + ",", json.dumps(ORDER), "]"])
    with pytest.raises(DataError, match="one long JSON text"):
        home.ingest(table)
    home.write("orders.jsonl", [])
    assert home.ingest(table)[0].new == 0
    (home.root / "orders.jsonl").unlink()
    (home.root / "orders.jsonl.gz").write_bytes(b"\x1f\x8bnot")
    with pytest.raises(DataError, match="cannot be read as JSON lines"):
        home.ingest(table)


def test_values_of_a_program_are_taken_as_json_would_say_them(home):
    import numpy as np

    deep = {"at": MORNING, "x": json.loads(nested(DEEPEST))}
    docs = [{"at": MORNING, "x": {"y": np.float64("nan")}}, {"at": MORNING, "x": {"y": np.int64(3)}}, deep]
    table = Table("t", frame(docs), event_time="at", known="event", paths={"y": "x.y"})
    assert home.ingest(table)[0].refused == 1
    assert [row["y"] for row in home.rows("t")] == [None, 3]
    assert home.quarantine.rows()[0].reason.endswith(f"more than {DEEPEST} deep")


# ---- what it means --------------------------------------------------------------------------------------


def test_paths_are_part_of_the_meaning_whatever_their_spelling():
    plain = Table("t", known="arrival", columns=["x"])
    assert "paths" not in plain.describe()
    one = Table("t", known="arrival", paths={"x": "a['b']"})
    two = Table("t", known="arrival", paths={"x": 'a["b"]'})
    assert one.describe() == two.describe()
    assert one.describe()["paths"] == {"x": "a.b"}
    assert one.describe()["columns"] == ["x"]
    assert one != Table("t", known="arrival", paths={"x": "a.c"})
    assert Table("t", known="arrival", columns=["x"], paths={}) == plain
    with pytest.raises(ConfigError, match="paths is a mapping"):
        Table("t", known="arrival", paths=["x"])
    with pytest.raises(ConfigError, match=r"table 't', paths\['x'\]: 'a\.' is not a path"):
        Table("t", known="arrival", paths={"x": "a."})


def test_one_source_feeds_views_with_their_own_paths(home):
    home.write("orders.jsonl", [json.dumps(ORDER)])
    raw = files("orders.jsonl")
    placed = Table("placed", raw, key="id", event_time="at", known="event", paths={"city": "who.address.city"})
    paid = Table("paid", raw, key="id", event_time="at", known_after="1h", paths={"amount": "payment.amount"})
    check_views([placed, paid])
    home.ingest(placed, paid)
    assert home.lake.schema("placed") == {"id": "integer", "at": "time", "city": "text"}
    assert home.rows("paid") == [{"id": 1, "at": FLAT["at"], "amount": 2.5}]


def test_a_leaf_knows_nothing_of_kinds():
    assert flat_leaf("x", DocumentPath.of("x"), Leaf(["1", 1]), "text").faults.keys() == {1}
    assert flat_leaf("x", DocumentPath.of("x"), Leaf(["1", 1]), "integer").faults.keys() == {0}
