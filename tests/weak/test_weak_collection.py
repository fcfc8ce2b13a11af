"""Functions kept as source and metadata, and loaded only if they are what was kept."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.weak import FunctionLibrary, FunctionRecord, column_votes, functions_in, keyword, lookup, regex, threshold

RULES = """
from hindcast.weak import labelling_function, keyword
LIMIT = 5
@labelling_function(labels=["ham"])
def short(text):
    return "ham" if len(text) < LIMIT else None
polite = keyword("please", "spam")
again = polite
def plain(text):
    return "ham"
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of rules whose text can be changed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text=RULES):
        (tmp_path / "kept_rules.py").write_text(text)
        sys.modules.pop("kept_rules", None)
        importlib.invalidate_caches()
        return importlib.import_module("kept_rules")

    yield write
    sys.modules.pop("kept_rules", None)


def test_functions_of_a_module_in_order(module):
    found = functions_in(module())
    assert [function.name for function in found] == ["short", "keyword_please"]
    assert [function.name for function in functions_in("kept_rules")] == ["short", "keyword_please"]
    with pytest.raises(ConfigError, match="cannot be imported"):
        functions_in("kept_rulez")
    with pytest.raises(ConfigError, match="defines no labelling function"):
        functions_in("json")


def test_a_version_is_written_once_and_only_for_a_change(module, tmp_path):
    library = FunctionLibrary(tmp_path / "library")
    assert library.names == []
    assert library.keep(functions_in(module()), note="first") == {"short": 1, "keyword_please": 1}
    assert library.keep(functions_in(module(RULES.replace("LIMIT = 5", "LIMIT = 5  # five")))) == {
        "short": 1,
        "keyword_please": 1,
    }
    assert library.keep(functions_in(module(RULES.replace("LIMIT = 5", "LIMIT = 6")))) == {
        "short": 2,
        "keyword_please": 1,
    }
    assert library.names == ["keyword_please", "short"]
    first, second = library.versions("short")
    assert isinstance(first, FunctionRecord)
    assert (first.version, first.note, first.labels, first.inputs) == (1, "first", ("ham",), ("text",))
    assert "len(text) < LIMIT" in (second.source or "")
    assert first.identity != second.identity
    assert library.record("short", 1) == first


def test_loading_gives_what_was_kept_or_an_error(module, tmp_path):
    library = FunctionLibrary(tmp_path / "library")
    library.keep([*functions_in(module()), module().plain])
    assert library.load("short")("abc") == "ham"
    assert library.load("plain")("abc") == "ham"
    module(RULES.replace("LIMIT = 5", "LIMIT = 6"))
    with pytest.raises(StateError, match="today is a version that is not kept"):
        library.load("short")
    library.keep(functions_in("kept_rules"))
    assert library.load("short")("abcde") == "ham"
    with pytest.raises(StateError, match="today is version 2"):
        library.load("short", 1)
    module(RULES.replace("short", "brief"))
    with pytest.raises(StateError, match="no longer defines 'short'"):
        library.load("short")


def test_helpers_come_back_from_their_declaration(tmp_path):
    library = FunctionLibrary(tmp_path)
    helpers = [
        keyword(["Ünï", "a/b"], 1, column="x", whole_word=True, name="../odd name"),
        regex("a.*b|\\d{3}", "spam"),
        threshold("size", True, at_least=2, below=7.5),
        column_votes("lf_1"),
        keyword("x" * 400, 0),
    ]
    library.keep(helpers)
    for helper in helpers:
        again = library.load(helper.name)
        assert (again.identity, again.name, again.inputs, again.labels) == (
            helper.identity, helper.name, helper.inputs, helper.labels,
        )  # fmt: skip
    assert {path.parent for path in tmp_path.rglob("*.json")} == {path.parent for path in tmp_path.glob("*/*.json")}
    library.keep([lookup({"a": 1}, column="x")])
    with pytest.raises(StateError, match="table or model is not kept"):
        library.load("lookup_x")


def test_what_cannot_be_kept_or_found(tmp_path):
    library = FunctionLibrary(tmp_path)
    holder = object()

    def hidden(text):
        return holder

    with pytest.raises(ConfigError, match="cannot be kept"):
        library.keep([hidden])
    library.keep([keyword("a", 1)])
    with pytest.raises(UnknownName, match="Did you mean 'keyword_a'"):
        library.load("keyword_b")
    with pytest.raises(ConfigError, match="versions 1 to 1, not 2"):
        library.record("keyword_a", 2)


def test_damaged_and_newer_records_are_told(tmp_path):
    library = FunctionLibrary(tmp_path)
    library.keep([keyword("a", 1)])
    [path] = tmp_path.rglob("*.json")
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "format": 9}))
    with pytest.raises(StateError, match="format 9"):
        library.load("keyword_a")
    path.write_text("{")
    with pytest.raises(StateError, match="no kept labelling function"):
        library.load("keyword_a")
