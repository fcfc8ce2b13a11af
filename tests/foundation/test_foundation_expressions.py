"""Conditions against a slow oracle that walks the text row by row, and texts that must be refused."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.columns import Column
from hindcast.errors import ConfigError, UnknownName
from hindcast.expressions import Expression

# ---- the oracle: Python values, None for null, the rules of SQL ------------------------------------------


def oracle(text: str, row: dict[str, Any]) -> bool | None:
    """Whether the condition holds in `row`; None where that is not known."""
    return truth(value_of(ast.parse(text, mode="eval").body, row))


def truth(value: Any) -> bool | None:
    return None if value is None else bool(value)


def both(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def value_of(node: ast.expr, row: dict[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return row[name]
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=op, operand=operand):
            inner = value_of(operand, row)
            if inner is None:
                return None
            return not inner if isinstance(op, ast.Not) else -float(inner) if isinstance(op, ast.USub) else float(inner)
        case ast.BoolOp(op=op, values=parts):
            found = [truth(value_of(part, row)) for part in parts]
            decisive = isinstance(op, ast.Or)
            return decisive if decisive in found else None if None in found else not decisive
        case ast.BinOp(left=left, op=op, right=right):
            return arithmetic(op, value_of(left, row), value_of(right, row))
        case ast.Compare(left=left, ops=[ast.Is()], comparators=_):
            return value_of(left, row) is None
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=_):
            return value_of(left, row) is not None
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.Tuple(elts=elements)]):
            a = value_of(left, row)
            inside = a in [value_of(element, row) for element in elements]
            return None if a is None else inside == isinstance(op, ast.In)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            links = [left, *comparators]
            found_so_far: bool | None = True
            for op, first, second in zip(ops, links, links[1:], strict=False):
                found_so_far = both(found_so_far, compared(op, value_of(first, row), value_of(second, row)))
            return found_so_far
        case ast.Call(func=ast.Name(id=name), args=arguments):
            values = [value_of(argument, row) for argument in arguments]
            return None if None in values else {"abs": abs, "min": min, "max": max}[name](*map(float, values))
    raise AssertionError(ast.dump(node))


def arithmetic(op: ast.operator, a: Any, b: Any) -> float | None:
    if a is None or b is None:
        return None
    a, b = float(a), float(b)
    if isinstance(op, ast.Div | ast.FloorDiv | ast.Mod) and b == 0:
        return None
    result = {
        ast.Add: lambda: a + b,
        ast.Sub: lambda: a - b,
        ast.Mult: lambda: a * b,
        ast.Div: lambda: a / b,
        ast.FloorDiv: lambda: a // b,
        ast.Mod: lambda: a % b,
    }[type(op)]()
    return None if math.isnan(result) else result


def compared(op: ast.cmpop, a: Any, b: Any) -> bool | None:
    if a is None or b is None:
        return None
    return bool(
        {
            ast.Eq: lambda: a == b,
            ast.NotEq: lambda: a != b,
            ast.Lt: lambda: a < b,
            ast.LtE: lambda: a <= b,
            ast.Gt: lambda: a > b,
            ast.GtE: lambda: a >= b,
        }[type(op)]()
    )


# ---- texts of the grammar -------------------------------------------------------------------------------

SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
leaves = st.sampled_from(["x", "y", "n", "0", "1", "2.5", "-3", "b"])
numbers = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner),
        st.builds("-{}".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
    ),
    max_leaves=4,
)
texts = st.sampled_from(["s", "t", "'UA'", "''"])
conditions = st.recursive(
    st.one_of(
        st.builds("{} {} {}".format, numbers, SIGNS, numbers),
        st.builds("{} {} {} {} {}".format, numbers, SIGNS, numbers, SIGNS, numbers),
        st.builds("{} {} {}".format, texts, SIGNS, texts),
        st.builds("{} {} ('UA', 'AA')".format, texts, st.sampled_from(["in", "not in"])),
        st.builds("{} {} (1, -3, 2.5)".format, numbers, st.sampled_from(["in", "not in"])),
        st.builds("{} {} None".format, st.one_of(numbers, texts), st.sampled_from(["is", "is not"])),
        st.builds("{} == None".format, numbers),
        st.sampled_from(["True", "False", "None", "b"]),
        numbers,
    ),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {} or {})".format, inner, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)
small = st.none() | st.sampled_from([-3.0, -0.5, 0.0, 1.0, 2.5, 1e300])
rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "x": small,
            "y": small,
            "n": st.none() | st.integers(-3, 3),
            "b": st.none() | st.booleans(),
            "s": st.none() | st.sampled_from(["UA", "AA", "", "DL"]),
            "t": st.none() | st.sampled_from(["UA", ""]),
        }
    ),
    min_size=1,
    max_size=5,
)
KINDS = {"x": "number", "y": "number", "n": "integer", "b": "boolean", "s": "text", "t": "text"}


def columns_of(rows: list[dict[str, Any]]) -> dict[str, Column]:
    return {name: Column.of_kind([row[name] for row in rows], kind) for name, kind in KINDS.items()}  # type: ignore[arg-type]


@settings(max_examples=300)
@given(conditions, rows_of)
def test_every_condition_means_what_the_oracle_says(text: str, rows: list[dict[str, Any]]) -> None:
    expression = Expression(text)
    holds, known = expression.truth(columns_of(rows))
    wanted = [oracle(text, row) for row in rows]
    assert [bool(h) if k else None for h, k in zip(holds, known, strict=True)] == wanted
    assert expression.holds(columns_of(rows)).tolist() == [found is True for found in wanted]


@given(conditions)
def test_the_canonical_spelling_means_the_same(text: str) -> None:
    described = Expression(text).describe()
    assert Expression(described).describe() == described
    assert Expression(f"  ({text})  ").describe() == described
    assert Expression(described).names == Expression(text).names


@given(conditions, rows_of, st.integers(0, 4))
def test_a_row_does_not_know_the_others(text: str, rows: list[dict[str, Any]], row: int) -> None:
    row = min(row, len(rows) - 1)
    alone = Expression(text).truth(columns_of(rows[row : row + 1]))
    among = Expression(text).truth(columns_of(rows))
    assert (alone[0][0], alone[1][0]) == (among[0][row], among[1][row])


# ---- nulls, one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x > 0", [True, False, None]),
        ("not x > 0", [False, True, None]),
        ("x > 0 and False", [False, False, False]),
        ("x > 0 or True", [True, True, True]),
        ("x is None", [False, False, True]),
        ("x is not None", [True, True, False]),
        ("x == None", [None, None, None]),
        ("x in (1, -2)", [True, True, None]),
        ("x not in (5,)", [True, True, None]),
        ("1 / x > 0", [True, False, None]),
        ("1 / (x - 1) > 0", [None, False, None]),
        ("-3 < x <= 0", [False, True, None]),
        ("x", [True, True, None]),
    ],
)
def test_nulls_follow_sql(text: str, wanted: list[bool | None]) -> None:
    holds, known = Expression(text).truth({"x": Column.of([1.0, -2.0, None])})
    assert [bool(h) if k else None for h, k in zip(holds, known, strict=True)] == wanted


def test_no_rows_and_no_columns() -> None:
    assert Expression("x > 1").holds({"x": Column.of(np.empty(0))}).shape == (0,)
    assert Expression("1 > 0").holds({}).shape == (0,)
    assert Expression("1 > 0").holds({"x": Column.of([1.0, 2.0])}).tolist() == [True, True]


def test_times_compare_as_moments() -> None:
    columns = {"a": Column("time", np.array([5, 9])), "b": Column("time", np.array([7, 7]))}
    assert Expression("a < b").holds(columns).tolist() == [True, False]


# ---- what must be refused -------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('true')", "().__class__", "x.real", "x[0]", "lambda: 1", "[x for x in (1,)]", "(y := 1)",
    "f'{x}'", "x if y else 1", "print(1)", "eval('1')", "open('/etc/passwd')", "x ** 9", "9**9**9**9", "x << 1000",
    "x @ y", "~x", "x and yield", "await x", "*x", "{1: 2}", "{1, 2}", "...", "1j", "b'x'", "x == ...", "x in (1, ...)",
    "x in (b'a',)", "x in (1j,)", "x in y", "x in 'abc'", "x in ('a', None)", "x in (y,)", "x is 5", "x is y",
    "x is None is None", "x in (1,) in (2,)", "1 < x in (1, 2)", "max(x)", "max(x, y, 1)", "max(x, key=y)", "abs(*x)",
    "abs(-x, 1)", "round(x)", "x; y", "x = 1", "import os", "", "   ", "x >", "(x", "x\x00", "x > 'a", "x" * 2_001,
    "x > 1" + "0" * 400, "(" * 300 + "x" + ")" * 300, "not " * 400 + "x", "-" * 1_900 + "x", "+".join("x" * 500),
    "abs(" * 150 + "x" + ")" * 150, "9007199254740993 == x",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24])
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expression"):
        Expression(text)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        expression = Expression(text)
    except ConfigError:
        return
    assert all(name.isidentifier() for name in expression.names)


def test_a_refusal_says_what_and_where() -> None:
    with pytest.raises(ConfigError, match=r"Pow at column 5"):
        Expression("x + y ** 2")
    with pytest.raises(ConfigError, match="levels of nesting"):
        Expression("+".join("x" * 200))


def test_an_unknown_column_is_answered_with_close_ones() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'dep_delay'"):
        Expression("dep_dely > 1").holds({"dep_delay": Column.of([1.0])})


@pytest.mark.parametrize(
    "text", ["s > 1", "s + 1 > 2", "s", "s and True", "abs(s) > 1", "'a'", "s == True", "s in (1, 2)"]
)
def test_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="text"):
        Expression(text).holds({"s": Column.of(["a", None])})


def test_two_expressions_with_one_text_are_equal() -> None:
    assert Expression("x > 1") == Expression("x > 1") != Expression("x > 2")
    assert len({Expression("x > 1"), Expression("x > 1")}) == 1
