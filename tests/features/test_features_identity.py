"""What a feature function is known by: everything it uses that its author can change, and nothing else."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hindcast.errors import ConfigError
from hindcast.features.identity import code_of, unseen

HEAD = """
import datetime, enum, functools, math, re
from decimal import Decimal
import numpy as np
"""


class Workshop:
    """A package that is written, imported, and edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def function(self, name: str = "feature", **modules: str) -> Callable[..., Any]:
        """The function `name` of the module ``main``, after the modules were (re)written."""
        for module, text in modules.items():
            path = self.folder / "own" / f"{module}.py"
            path.parent.mkdir(exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(HEAD + text)
        for module in [module for module in sys.modules if module.partition(".")[0] == "own"]:
            del sys.modules[module]
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            import linecache

            linecache.clearcache()
            made: Callable[..., Any] = getattr(importlib.import_module("own.main"), name)
        finally:
            sys.dont_write_bytecode = before
        return made

    def code(self, **modules: str) -> str:
        function = self.function(**modules)
        assert unseen(function) == ()
        return code_of(function)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Workshop(tmp_path)
    for module in [module for module in sys.modules if module.partition(".")[0] == "own"]:
        del sys.modules[module]


FEATURE = "def feature(x):\n    return [TABLE.get(v) for v in x]\n"


@pytest.mark.parametrize(
    "values",
    [
        ['{"a": 1}', '{"a": 2}', '{"b": 1}', "{1: 1}", '{"1": 1}', '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "{}"],
        ["[1, 2]", "[2, 1]", "(1, 2)", "{1, 2}", "[1, 2.0]", "[True, 2]", "[[1], 2]", "['1', 2]", "frozenset({1, 2})"],
        ["np.array([1, 2])", "np.array([1, 2], dtype='i4')", "np.array([[1, 2]])", "np.array([1, 3])", "[1, 2]"],
        ["np.array(['a', None], dtype=object)", "np.array(['a', 'b'], dtype=object)", "np.array(['a', 'b'])"],
        ["np.float64(1.5)", "np.float32(1.5)", "np.int64(1)", "1.5"],
        ["Decimal('1')", "Decimal('1.0')", "datetime.date(2024, 1, 1)", "datetime.timedelta(1)", "b'1'", "range(3)"],
        ["re.compile('a')", "re.compile('b')", "re.compile('a', re.I)"],
        ["{'f': math.sqrt}", "{'f': math.exp}", "{'f': np.exp}", "functools.partial(math.pow, 2)"],
        ["enum.Enum('Way', 'IN OUT').IN", "enum.Enum('Way', 'IN OUT').OUT"],
    ],
    ids=lambda values: values[0],
)
def test_what_a_name_stands_for_counts(workshop, values):
    codes = [workshop.code(main=f"TABLE = {value}\n{FEATURE}") for value in values]
    assert len(set(codes)) == len(values)
    assert [workshop.code(main=f"TABLE = {value}\n{FEATURE}") for value in values] == codes


def test_what_is_the_same_is_the_same(workshop):
    first = workshop.code(main="TABLE = {'a': {1, 2, 3}, 'b': [0.1]}\n" + FEATURE)
    again = "TABLE = dict(a={3, 2, 1},   b=[1 / 10])  # rewritten\nOTHER = {'c': 1}\n\n" + FEATURE
    assert workshop.code(main=again) == first


def test_functions_of_the_authors_other_modules_count_with_all_they_use(workshop):
    main = "from own.rates import rate\nimport own.rates as r\n\ndef feature(x):\n    return rate(x)\n"
    rates = "from own import deep\nFACTOR = {'a': 2.0}\n\ndef rate(x):\n    return deep.base(x) * FACTOR['a']\n"
    deep = "STEP = [1]\nUNUSED = [1]\n\ndef base(x):\n    return x + STEP[0]\n"
    first = workshop.code(main=main, rates=rates, deep=deep)
    assert workshop.code(main=main, rates=rates, deep=deep.replace("UNUSED = [1]", "UNUSED = [2]")) == first
    assert workshop.code(main=main, rates=rates, deep=deep.replace("STEP = [1]", "STEP = [2]")) != first
    assert workshop.code(main=main, rates=rates.replace("2.0", "3.0"), deep=deep) != first
    assert workshop.code(main=main, rates=rates, deep=deep.replace("x + STEP", "x - STEP")) != first


def test_what_is_taken_of_an_own_module_counts(workshop):
    main = (
        "import own.rates\nfrom own import rates as r\n\ndef feature(x):\n    return r.TABLE['a'] * own.rates.rate(x)\n"
    )
    rates = "TABLE = {'a': 1}\nELSE = 1\n\ndef rate(x):\n    return x\n"
    first = workshop.code(main=main, rates=rates)
    assert workshop.code(main=main, rates=rates.replace("ELSE = 1", "ELSE = 2")) == first
    assert workshop.code(main=main, rates=rates.replace("'a': 1", "'a': 2")) != first
    assert workshop.code(main=main, rates=rates.replace("return x", "return -x")) != first


def test_functions_in_circles_and_compiled_or_cached_ones(workshop):
    other = "from own import main\n\ndef odd(n):\n    return n != 0 and main.even(n - 1)\n"
    main = (
        "from own import other\n\n@functools.lru_cache\ndef even(n):\n    return n == 0 or other.odd(n - 1)\n\n"
        "def feature(x):\n    return even(x)\n"
    )
    first = workshop.code(main=main, other=other)
    assert workshop.code(main=main, other=other.replace("n != 0", "n > 0")) != first
    assert workshop.code(main=main.replace("n == 0 or", "n < 1 or"), other=other) != first
    cached = "@functools.cache\ndef inner(n):\n    return n + 1\n\ndef feature(x):\n    return inner(x)\n"
    assert workshop.code(main=cached) != workshop.code(main=cached.replace("n + 1", "n + 2"))


def test_parameters_that_default_to_a_constant(workshop):
    main = "K = [1]\n\ndef helper(x, k=K):\n    return x * k[0]\n\ndef feature(x):\n    return helper(x)\n"
    assert workshop.code(main=main) != workshop.code(main=main.replace("K = [1]", "K = [2]"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("class Model:\n    pass\n\ndef feature(x):\n    return Model()\n", ("Model",)),
        ("import threading\nLOCK = threading.Lock()\n\ndef feature(x):\n    return LOCK\n", ("LOCK",)),
        ("TABLE = {'a': object()}\n" + FEATURE, ("TABLE",)),
        ("import scipy.special\n\ndef feature(x):\n    return scipy.special.expit(x)\n", ("scipy",)),
        ("from scipy.special import expit\n\ndef feature(x):\n    return expit(x)\n", ("expit",)),
        (
            "from own import rates\n\ndef feature(x):\n    return rates.load(x), rates.gone\n",
            ("rates.load", "rates.gone"),
        ),
        ("def helper(x):\n    return FILE\nFILE = open\n\ndef feature(x):\n    return np.sort(helper(math.pi))\n", ()),
    ],
)
def test_what_is_not_seen_is_named(workshop, text, names):
    function = workshop.function(main=text, rates="class load:\n    pass\n")
    assert sorted(unseen(function)) == sorted(names)
    assert code_of(function) == code_of(workshop.function(main=text))


def test_a_name_that_is_only_an_attribute_stands_for_nothing(workshop):
    text = "columns = [1]\n\ndef feature(x):\n    return x.columns\n"
    assert workshop.code(main=text) == workshop.code(main=text.replace("[1]", "[2]"))


def test_a_function_without_source_is_refused():
    scope: dict[str, Any] = {}
    exec("def feature(x):\n    return x", scope)
    with pytest.raises(ConfigError, match="define it in a file"):
        code_of(scope["feature"])


def made(limit: object) -> Callable[[float, object], object]:
    def feature(x: float, limit: object = limit) -> object:
        return x, limit

    return feature


def closing_over(words: object) -> Callable[[float], object]:
    def feature(x: float) -> object:
        return x, words

    return feature


def test_a_default_that_was_computed_is_known_by_its_value():
    assert code_of(made(1)) != code_of(made(2))
    assert code_of(made({"a": 1})) == code_of(made({"a": 1}))
    assert unseen(made(object())) == ("limit=",)


def test_what_is_closed_over_is_known_by_what_it_holds():
    assert code_of(closing_over(re.compile("a"))) != code_of(closing_over(re.compile("b")))
    assert code_of(closing_over({"a"})) == code_of(closing_over({"a"}))
    with pytest.raises(ConfigError, match="closes over 'words'"):
        code_of(closing_over(object()))
