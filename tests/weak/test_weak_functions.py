"""Labelling functions: names, inputs, identity."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from hindcast.errors import ConfigError
from hindcast.weak import ABSTAIN, LabellingFunction, labelling_function
from hindcast.weak.functions import as_functions

SPAM = 1
WORDS = ["please", "plz"]


def has_link(text):
    return SPAM if "http" in text else ABSTAIN


def test_a_function_is_named_and_reads_what_its_parameters_say():
    made = labelling_function(has_link)
    assert (made.name, made.inputs, made.labels) == ("has_link", ("text",), ())
    assert made("http://x") == 1
    assert made("x") is None
    assert made.identity
    assert made.describe()["inputs"] == ["text"]


def test_the_decorator_with_and_without_parentheses():
    @labelling_function
    def first(text, size):
        return size

    @labelling_function(name="second", labels=["a", "b"], parallel=False)
    def other(row):
        return row["text"]

    assert isinstance(first, LabellingFunction)
    assert first("x", 3) == 3
    assert (other.name, other.inputs, other.labels, other.parallel) == ("second", None, ("a", "b"), False)


def test_parameters_with_defaults_are_the_functions_own():
    def long(text, limit=5):
        return SPAM if len(text) > limit else ABSTAIN

    assert labelling_function(long).inputs == ("text",)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda text: 1, "a lambda has no name"),
        (3, "made of a function"),
        (labelling_function(has_link), "is one already"),
    ],
)
def test_what_is_no_labelling_function(function, match):
    with pytest.raises(ConfigError, match=match):
        labelling_function(function)


def test_parameters_that_name_no_column():
    def everything(*texts): ...
    def named(*, text): ...
    def both(row, text): ...
    def nothing(): ...

    for function in (everything, named, both, nothing):
        with pytest.raises(ConfigError, match=function.__name__):
            labelling_function(function)


def test_labels_are_texts_integers_or_booleans():
    with pytest.raises(ConfigError, match=r"label is a text.*got 1\.5"):
        labelling_function(has_link, labels=[1.5])


def test_a_lambda_with_a_name_has_no_identity():
    made = labelling_function(lambda text: 1, name="always")
    assert made.name == "always"
    assert made.identity is None
    assert "lambda" in made.unknown[0]


def test_names_are_distinct_and_there_is_one():
    with pytest.raises(ConfigError, match="two labelling functions are called 'has_link'"):
        as_functions([has_link, has_link])
    with pytest.raises(ConfigError, match="at least one"):
        as_functions([])
    assert [f.name for f in as_functions(has_link)] == ["has_link"]


BASE = """
from hindcast.weak import labelling_function
LIMIT = 5
WORDS = {"please": 1}
def helper(text):
    return len(text) > LIMIT
@labelling_function
def rule(text):
    return 1 if helper(text) and text in WORDS else None
"""


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The identity of `rule` in a module of some source."""
    monkeypatch.syspath_prepend(str(tmp_path))
    count = iter(range(1_000))

    def of(text: str) -> LabellingFunction:
        name = f"own_rules_{next(count)}"
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        made: LabellingFunction = importlib.import_module(name).rule
        sys.modules.pop(name)
        return made

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return 1 if", '    """Says it."""\n    # a comment\n    return 1 if'),
        ("def helper(text):\n", "def helper(text):  # another\n\n"),
        ("LIMIT = 5", "LIMIT = 4 + 1"),
    ],
)
def test_what_does_not_change_what_it_does(identity, old, new):
    assert identity(BASE).identity == identity(BASE.replace(old, new)).identity is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("len(text) > LIMIT", "len(text) >= LIMIT"),
        ('{"please": 1}', '{"please": 2}'),
        ("return 1 if", "return 0 if"),
        ("else None", "else 2"),
    ],
)
def test_what_changes_what_it_does(identity, old, new):
    assert identity(BASE).identity != identity(BASE.replace(old, new)).identity


def test_what_cannot_be_identified_says_so(identity):
    made = identity(BASE.replace("LIMIT = 5", "class Limit: pass\nLIMIT = Limit()"))
    assert made.identity is None
    assert "LIMIT" in made.unknown[0]


def test_a_function_that_calls_another_is_known_by_it_too(identity):
    text = BASE + "first = rule\n@labelling_function\ndef rule(text):\n    return first(text)\n"
    assert identity(text).identity not in (None, identity(text.replace("LIMIT = 5", "LIMIT = 6")).identity)


def test_made_in_a_loop_each_is_known_by_what_it_closes_over():
    def finding(word: str) -> LabellingFunction:
        def found(text):
            return SPAM if word in text else ABSTAIN

        return labelling_function(found, name=f"finds_{word}")

    def by_default(word: str) -> LabellingFunction:
        def found(text, wanted=word):
            return SPAM if wanted in text else ABSTAIN

        return labelling_function(found, name=f"finds_{word}")

    for make in (finding, by_default):
        made = [make(word).identity for word in (*WORDS, *WORDS)]
        assert made[0] != made[1]
        assert made[:2] == made[2:]
