"""Texts keep what a change does not name; the same seed gives the same copies; rates are what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.augment import changed_texts, delete_words, from_template, swap_words, synonyms, typos
from hindcast.errors import ConfigError, DataError, UnknownName

WORDS = re.compile(r"\w+(?:['’]\w+)*")
CHANGES = [
    synonyms({"card": ["pass", "plastic"], "lost": "missing"}, 0.5),
    typos(0.5),
    swap_words(0.5),
    delete_words(0.5),
]
anything = st.text(max_size=60)
seeds = st.integers(0, 2**20)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.name)
@given(st.lists(anything, max_size=5), seeds)
def test_the_same_seed_gives_the_same_and_a_text_does_not_mind_its_neighbours(change, texts, seed):
    once = changed_texts(change, texts, seed)
    assert once == changed_texts(change, texts, seed)
    assert once[:2] == changed_texts(change, texts[:2], seed)
    assert len(once) == len(texts)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.name)
def test_nothing_comes_of_nothing(change):
    assert changed_texts(change, ["", "  ", "!?"]) == ["", "  ", "!?"]
    assert changed_texts(change, []) == []


@given(st.lists(st.sampled_from(["lost", "Card", "CARD", "my", "is", "ünïcödé"]), max_size=12), seeds)
def test_synonyms_replace_only_what_is_in_the_table_and_keep_capitals(words, seed):
    change = synonyms({"card": ["pass"], "lost": ["missing"]}, 1.0)
    table = {"lost": "missing", "Card": "Pass", "CARD": "PASS"}
    assert changed_texts(change, [" ".join(words)], seed) == [" ".join(table.get(w, w) for w in words)]


def test_the_rate_is_the_chance_of_each_word():
    text = " ".join(["card"] * 20_000)
    (changed,) = changed_texts(synonyms({"card": ["pass"]}, 0.3), [text], 3)
    share = changed.split().count("pass") / 20_000
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)


@given(st.text(alphabet="abcdefghij ", max_size=60), seeds)
def test_a_typo_is_one_slip_that_leaves_the_first_letter(text, seed):
    (changed,) = changed_texts(typos(1.0), [text], seed)
    before, after = text.split(" "), changed.split(" ")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if len(old) < 4:
            assert old == new
        else:
            assert old[0] == new[0]
            assert abs(len(old) - len(new)) <= 1


def test_letters_no_keyboard_has_are_slipped_on_too():
    assert all(len(t) in range(3, 7) for t in changed_texts(typos(1.0), ["щыэю"] * 40, 1))


@given(st.text(max_size=80), seeds)
def test_swapping_keeps_every_word_and_everything_between(text, seed):
    (changed,) = changed_texts(swap_words(0.5), [text], seed)
    assert sorted(WORDS.findall(changed)) == sorted(WORDS.findall(text))
    assert WORDS.sub("_", changed) == WORDS.sub("_", text)


@given(st.lists(st.sampled_from(["this", "is", "not", "good"]), min_size=1, max_size=10), seeds)
def test_deleting_leaves_something_and_what_is_kept(words, seed):
    (changed,) = changed_texts(delete_words(0.9, keep=["NOT"]), [" ".join(words)], seed)
    left = changed.split()
    assert left
    assert left.count("not") == words.count("not")
    position = iter(words)
    assert all(word in position for word in left)  # the others in their order


@given(st.integers(1, 12), seeds)
def test_templates_give_different_texts_from_the_slots(n, seed):
    slots = {"city": ["Rome", "Oslo", "Lima"], "day": ["today", "tomorrow"]}
    everything = from_template("fly to {city} {day}", slots)
    assert len(set(everything)) == 6
    some = from_template("fly to {city} {day}", slots, n, seed=seed)
    assert len(set(some)) == len(some) == min(n, 6)
    assert set(some) <= set(everything)


def test_a_template_without_slots_is_itself():
    assert from_template("hello", {}) == ["hello"]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: synonyms({}), ConfigError, "takes a table"),
        (lambda: synonyms({"big": []}), ConfigError, "'big' has no synonym"),
        (lambda: typos(0), ConfigError, "rate must be a number above 0"),
        (lambda: typos(0.1, shortest=1), ConfigError, "shortest"),
        (lambda: swap_words(1.5), ConfigError, "at most 1"),
        (lambda: from_template("{a}", {}), UnknownName, "no slot 'a'"),
        (lambda: from_template("{city}", {"city": ["x"], "cty": ["y"]}), UnknownName, "Did you mean 'city'"),
        (lambda: from_template("{a}", {"a": []}), ConfigError, "needs a list"),
        (lambda: changed_texts(typos(), ["fine", None]), DataError, "row 2"),
    ],
)
def test_what_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()
