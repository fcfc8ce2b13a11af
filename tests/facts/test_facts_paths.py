"""Paths: what can be spelled, and that every spelling of one path is the same path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.errors import ConfigError
from hindcast.facts.paths import DocumentPath, Part, spelled

names = st.sampled_from(["a", "b-2", "größe", "length", "two words", "dotted.name", 'quo"te', "[0]", "7", "what?", ""])
steps = st.lists(names | st.integers(-3, 30) | st.just(Part.LENGTH), max_size=5)


@given(names, steps, st.booleans())
def test_a_path_is_read_back_from_what_it_spells(first, rest, optional):
    path = DocumentPath((first, *rest), optional)
    assert DocumentPath.of(str(path)) == path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ("a[-1]", ("a", -1)),
        ("items.length", ("items", Part.LENGTH)),
        ("length", ("length",)),
        ('items["length"]', ("items", "length")),
        ("['odd name'].x", ("odd name", "x")),
        ('["caf\\u00e9"]', ("café",)),
        ("@id.$ref", ("@id", "$ref")),
        ("a.0", ("a", "0")),
    ],
)
def test_the_grammar(text, steps):
    path = DocumentPath.of(text)
    assert path.steps == steps
    assert not path.optional
    assert DocumentPath.of(text + "?") == DocumentPath(steps, True)
    assert DocumentPath.of(spelled(steps)) == path


@pytest.mark.parametrize(
    "text",
    ["", "?", ".", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a[1.5]", "a]", "[0]", "a b", 'a["b]', "a.[0]", "a[0]b",
     "a?b", "a['b\\'c']", '["\\ud800"]', "a[99999999999]", "x" * 1001, ".".join("a" * 33), None, 7],
)  # fmt: skip
def test_what_is_no_path_is_refused_with_the_place(text):
    with pytest.raises(ConfigError, match=r"^here: .*(path|steps)"):
        DocumentPath.of(text, "here")
