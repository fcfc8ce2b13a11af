"""Conditions in strings, such as ``"arr_delay >= 15"``: parsed, checked, and never evaluated as Python.

The grammar is Python's own, read by ``ast`` against a short list of allowed nodes: names of columns, numbers,
texts, ``True``, ``False`` and ``None``; ``+ - * / // %``; comparisons, ``in`` and ``not in`` a tuple or list of
constants; ``is None`` and ``is not None``; ``and``, ``or``, ``not``; and the calls ``abs(x)``, ``min(x, y)``,
``max(x, y)``. Nulls follow SQL: a comparison with null is null, ``null and False`` is False, ``null or True`` is
True, and a condition that is null holds for no row. Dividing by zero gives null.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column
from hindcast.errors import ConfigError, UnknownName

__all__ = ["Expression"]

_ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
}
_COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_CALLS = {"abs": (1, np.abs), "min": (2, np.minimum), "max": (2, np.maximum)}
_DIVIDES = (ast.Div, ast.FloorDiv, ast.Mod)
_DEEPEST = 80
_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class _Value:
    """Numbers (floats), truths (bools) or texts (objects), with a mask of where they are known."""

    values: Any
    known: Any
    kind: str


@dataclass(frozen=True)
class Expression:
    """A checked condition or number over columns.

    Parameters
    ----------
    text : str
        At most 2,000 characters.

    Raises
    ------
    ConfigError
        For anything outside the grammar, naming it and its place.

    Examples
    --------
    >>> late = Expression("arr_delay >= 15 and carrier in ('UA', 'AA')")
    >>> sorted(late.names)
    ['arr_delay', 'carrier']
    >>> columns = {"arr_delay": Column.of([20.0, 3.0, None]), "carrier": Column.of(["UA", "UA", "UA"])}
    >>> late.holds(columns).tolist()
    [True, False, False]
    """

    text: str
    names: frozenset[str] = field(init=False, compare=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip() or len(self.text) > 2_000:
            raise ConfigError(f"an expression is a text of 1 to 2,000 characters, got {self.text!r:.80}.")
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(f"expression {self.text!r} is not well formed: {error}.") from None
        names: set[str] = set()
        _check(tree, self.text, names, 0)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "names", frozenset(names))

    def describe(self) -> str:
        """The expression in one canonical spelling, for its identity."""
        return ast.unparse(self._tree)

    def truth(self, columns: Mapping[str, Column]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether it holds and whether that is known, two bool arrays of shape (n,)."""
        for name in self.names:
            if name not in columns:
                raise UnknownName("column", name, columns, where=f"expression {self.text!r}")
        length = len(next(iter(columns.values()))) if columns else 0
        if self.names:
            length = len(columns[next(iter(self.names))])
        with np.errstate(all="ignore"):
            result = _evaluate(self._tree, columns, self.text)
        if result.kind == "number":
            result = _Value(result.values != 0, result.known, "truth")
        if result.kind != "truth":
            raise ConfigError(f"expression {self.text!r} gives a text, not a condition.")
        return (
            np.broadcast_to(np.asarray(result.values & result.known, dtype=np.bool_), (length,)),
            np.broadcast_to(np.asarray(result.known, dtype=np.bool_), (length,)),
        )

    def holds(self, columns: Mapping[str, Column]) -> NDArray[np.bool_]:
        """Where it is known to hold, bool, shape (n,)."""
        return self.truth(columns)[0]


def _check(node: ast.expr, text: str, names: set[str], depth: int) -> None:
    """Collect the columns that `node` names; refuse whatever the grammar does not allow."""

    def refuse(what: str) -> ConfigError:
        return ConfigError(
            f"expression {text!r} uses {what} at column {node.col_offset + 1}; "
            "allowed are column names, constants, arithmetic, comparisons, 'in', 'is None', 'and', 'or', 'not', "
            "abs(), min() and max()."
        )

    parts: list[ast.expr]
    match node:
        case ast.Name(id=name):
            names.add(name)
            parts = []
        case ast.Constant(value=value):
            if not (value is None or isinstance(value, bool | int | float | str)):
                raise refuse(f"the constant {value!r}")
            if isinstance(value, int) and abs(value) > _EXACT:
                raise refuse("a whole number beyond 2**53, which would be rounded")
            parts = []
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) not in _ARITHMETIC:
                raise refuse(f"the operator {type(op).__name__}")
            parts = [left, right]
        case ast.BoolOp(values=parts):
            pass
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.Tuple() | ast.List() as listed]):
            if not all(_is_listed(element) for element in listed.elts):
                raise refuse("'in' with something other than a list of numbers and texts")
            parts = [left, *listed.elts]
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
            parts = [left]
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for compared in ops:
                if isinstance(compared, ast.In | ast.NotIn):
                    raise refuse("'in' with something other than a list of numbers and texts, or in a chain")
                if isinstance(compared, ast.Is | ast.IsNot):
                    raise refuse("'is' with something other than None, or in a chain")
            parts = [left, *comparators]
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if function in _CALLS:
            if len(arguments) != _CALLS[function][0]:
                raise refuse(f"{function}() with {len(arguments)} arguments")
            parts = arguments
        case _:
            raise refuse(type(node).__name__)
    if depth >= _DEEPEST and parts:
        raise refuse(f"more than {_DEEPEST} levels of nesting")
    for part in parts:
        _check(part, text, names, depth + 1)


def _is_listed(node: ast.expr) -> bool:
    """A number, signed or not, a boolean or a text; None belongs into 'is None'."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    return isinstance(node, ast.Constant) and node.value is not None


def _evaluate(node: ast.expr, columns: Mapping[str, Column], text: str) -> _Value:
    match node:
        case ast.Name(id=name):
            column = columns[name]
            if column.kind == "text":
                return _Value(column.objects(), column.present(), "text")
            if column.kind == "boolean":
                return _Value(column.values.astype(np.bool_), column.present(), "truth")
            return _Value(column.floats(), column.present(), "number")
        case ast.Constant(value=value):
            if value is None:
                return _Value(np.bool_(False), np.bool_(False), "truth")
            if isinstance(value, bool):
                return _Value(np.bool_(value), np.bool_(True), "truth")
            if isinstance(value, str):
                return _Value(value, np.bool_(True), "text")
            return _Value(np.float64(float(value)), np.bool_(True), "number")  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _truth(_evaluate(operand, columns, text), text)
            return _Value(~inner.values, inner.known, "truth")
        case ast.UnaryOp(op=op, operand=operand):
            inner = _number(_evaluate(operand, columns, text), text)
            return _Value(-inner.values if isinstance(op, ast.USub) else inner.values, inner.known, "number")
        case ast.BinOp(left=left, op=op, right=right):
            a, b = (_number(_evaluate(side, columns, text), text) for side in (left, right))
            values = _ARITHMETIC[type(op)](a.values, b.values)
            known = a.known & b.known & ~np.isnan(values)
            return _Value(values, known & (b.values != 0) if isinstance(op, _DIVIDES) else known, "number")
        case ast.BoolOp(op=op, values=parts):
            result = _truth(_evaluate(parts[0], columns, text), text)
            for part in parts[1:]:
                other = _truth(_evaluate(part, columns, text), text)
                a, b = result.values & result.known, other.values & other.known
                if isinstance(op, ast.And):
                    false = (result.known & ~result.values) | (other.known & ~other.values)
                    result = _Value(a & b, (result.known & other.known) | false, "truth")
                else:
                    result = _Value(a | b, (result.known & other.known) | a | b, "truth")
            return result
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            a = _evaluate(left, columns, text)
            chain: _Value | None = None
            for compared, right in zip(ops, comparators, strict=True):
                link, a = _link(a, compared, right, columns, text)
                if chain is None:
                    chain = link
                else:
                    false = (chain.known & ~chain.values) | (link.known & ~link.values)
                    chain = _Value(chain.values & link.values, (chain.known & link.known) | false, "truth")
            assert chain is not None
            return chain
        case ast.Call(func=ast.Name(id=function), args=arguments):
            inner_values = [_number(_evaluate(argument, columns, text), text) for argument in arguments]
            known = inner_values[0].known
            for inner in inner_values[1:]:
                known = known & inner.known
            return _Value(_CALLS[function][1](*(v.values for v in inner_values)), known, "number")
    raise AssertionError(f"unchecked node {node!r}")


def _link(a: _Value, op: ast.cmpop, right: ast.expr, columns: Mapping[str, Column], text: str) -> tuple[_Value, _Value]:
    if isinstance(op, ast.Is | ast.IsNot):
        known = np.asarray(a.known)
        return _Value(~known if isinstance(op, ast.Is) else known, np.ones_like(known), "truth"), a
    if isinstance(op, ast.In | ast.NotIn):
        assert isinstance(right, ast.Tuple | ast.List)
        hit: Any = np.zeros_like(np.asarray(a.known))
        for element in right.elts:
            hit = hit | _compare(a, ast.Eq(), _evaluate(element, columns, text), text).values
        return _Value(hit if isinstance(op, ast.In) else ~hit, a.known, "truth"), a
    b = _evaluate(right, columns, text)
    return _compare(a, op, b, text), b


def _compare(a: _Value, op: ast.cmpop, b: _Value, text: str) -> _Value:
    if (a.kind == "text") != (b.kind == "text"):
        if not (np.any(a.known) and np.any(b.known)):
            nothing = np.asarray(a.known & b.known)
            return _Value(np.zeros_like(nothing), np.zeros_like(nothing), "truth")
        raise ConfigError(f"expression {text!r} compares a text with a number.")
    known = a.known & b.known
    if a.kind == "text":
        left, right = np.asarray(a.values, dtype=object), np.asarray(b.values, dtype=object)
        left, right = np.where(a.known, left, ""), np.where(b.known, right, "")
        values = np.asarray(_COMPARE[type(op)](left, right), dtype=np.bool_)
    else:
        values = _COMPARE[type(op)](a.values, b.values)
    return _Value(values & known, known, "truth")


def _truth(value: _Value, text: str) -> _Value:
    if value.kind == "text":
        raise ConfigError(f"expression {text!r} uses a text as a condition.")
    return value if value.kind == "truth" else _Value(value.values != 0, value.known, "truth")


def _number(value: _Value, text: str) -> _Value:
    if value.kind == "text":
        raise ConfigError(f"expression {text!r} does arithmetic with a text.")
    return (
        value if value.kind == "number" else _Value(np.asarray(value.values, dtype=np.float64), value.known, "number")
    )
