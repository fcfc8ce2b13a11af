"""Helpers: words, patterns, sizes, tables, databases, models, annotators, columns."""

from __future__ import annotations

import re
import sqlite3

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from hindcast.columns import Frame
from hindcast.crowd import Answers
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.weak import apply, column_votes, crowd_votes, keyword, lookup, model_votes, regex, sql_lookup, threshold

TEXTS = ["Call me NOW", None, "see HTTP://x", "", "my enemy", "İstanbul ẞ", "my"]


def votes(function, rows, classes=(0, 1)):
    return apply([function], rows, classes=classes).matrix[:, 0].tolist()


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=12),
    st.lists(st.text(min_size=1, max_size=2), min_size=1, max_size=3),
)
def test_keyword_is_a_search_in_folded_text(texts, words):
    said = votes(keyword(words, 1), texts)
    assert said == [1 if t is not None and any(w.casefold() in t.casefold() for w in words) else -1 for t in texts]
    said = votes(keyword(words, 1, match_case=True), texts)
    assert said == [1 if t is not None and any(w in t for w in words) else -1 for t in texts]


def test_keyword_as_a_whole_word():
    assert votes(keyword("my", 1), TEXTS) == [-1, -1, -1, -1, 1, -1, 1]
    assert votes(keyword(["my", "now"], 1, whole_word=True), TEXTS) == [1, -1, -1, -1, 1, -1, 1]
    assert votes(keyword("c++", 1, whole_word=True), ["c++ is", "xc++", "C++!"]) == [1, -1, 1]


@given(st.lists(st.one_of(st.none(), st.text(alphabet="abCÄ. \n", max_size=8)), max_size=12))
def test_regex_is_pythons_search(texts):
    for pattern in ("a.*b", r"\bc", "^ä", "b|C"):
        expected = [1 if t is not None and re.search(pattern, t, re.IGNORECASE) else -1 for t in texts]
        assert votes(regex(pattern, 1), texts) == expected
    assert votes(regex(re.compile("C"), 1), texts) == [1 if t is not None and "C" in t else -1 for t in texts]


def test_threshold_compares_and_null_abstains():
    rows = {"size": [1.0, None, 2.0, 3.0, float("inf")]}
    assert votes(threshold("size", 1, above=2), rows) == [-1, -1, -1, 1, 1]
    assert votes(threshold("size", 1, at_least=2, below=3), rows) == [-1, -1, 1, -1, -1]
    assert votes(threshold("size", 1, at_most=2), rows) == [1, -1, 1, -1, -1]
    assert threshold("size", 1, at_most=2).name == "size_at_most_2"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: keyword([], 1), "a text or a list of texts, none empty"),
        (lambda: keyword("", 1), "a text or a list of texts, none empty"),
        (lambda: keyword("a", 1.5), "a label is a text"),
        (lambda: keyword("a", None), "a label is a text"),
        (lambda: regex("(", 1), "no regular expression"),
        (lambda: regex(b"a", 1), "pattern of text"),
        (lambda: threshold("size", 1), "needs a bound"),
        (lambda: threshold("size", 1, above=float("nan")), "not a number"),
        (lambda: lookup(["a"], column="x"), "keys alone"),
        (lambda: lookup({"a": 1}, 1, column="x"), "holds labels itself"),
        (lambda: lookup("abc", 1, column="x"), "not one text"),
        (lambda: model_votes(object()), "no predict_proba"),
        (lambda: model_votes(Half(), at_least=0), "above 0 and at most 1"),
    ],
)
def test_what_makes_no_function(make, match):
    with pytest.raises(ConfigError, match=match):
        make()


def test_a_column_that_is_not_there_is_named_before_anything_runs():
    with pytest.raises(UnknownName, match=r"labelling function 'keyword_a'.*Did you mean 'text'"):
        apply([keyword("a", 1, column="txt")], TEXTS)


def test_a_value_that_is_no_text_is_named():
    with pytest.raises(DataError, match="not a text") as error:
        apply([keyword("a", 1)], {"text": ["a", "b", 7]})
    assert (error.value.row, error.value.column, error.value.value) == (3, "text", 7)


def test_helpers_are_known_by_their_parameters():
    made = [
        keyword("a", 1), keyword("a", 0), keyword("b", 1), keyword("a", 1, column="x"),
        keyword("a", 1, whole_word=True),
        keyword("a", True), regex("a", 1), regex("a", 1, flags=0), threshold("a", 1, above=1),
        threshold("a", 1, at_least=1), lookup({"a": 1}, column="x"), lookup({"a": 2}, column="x"),
        column_votes("a"), column_votes("b"),
    ]  # fmt: skip
    assert len({function.identity for function in made}) == len(made)
    assert None not in {function.identity for function in made}
    assert keyword(["A", "a"], 1, name="other").identity == keyword("a", 1).identity


# ---- tables ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        {"x": "spam", "y": "ham", 3: "spam", "z": None},
        Frame.of({"d": ["x", "y", "3", "z", "x"], "l": ["spam", "ham", "spam", None, "spam"]}),
        pd.DataFrame({"d": ["x", "y"], "l": ["spam", "ham"]}),
        pl.DataFrame({"d": ["x", "y"], "l": ["spam", "ham"]}),
    ],
    ids=lambda table: type(table).__name__,
)
def test_lookup_says_what_stands_beside_the_value(table):
    frame = not isinstance(table, dict)
    made = lookup(table, column="d", value="l" if frame else None)
    assert votes(made, {"d": ["y", "x", None, "z", "w"]}, ["ham", "spam"]) == [0, 1, -1, -1, -1]


def test_lookup_among_keys_alone_and_numbers():
    assert votes(lookup([1, 2.0], 1, column="d"), {"d": [1.0, 2.0, 3.0, None]}) == [1, 1, -1, -1]
    assert votes(lookup({"a", "b"}, 1, column="d"), {"d": ["a", "c"]}) == [1, -1]
    assert votes(lookup(Frame.of({"d": ["a", None]}), 1, column="d"), {"d": ["a", None]}) == [1, -1]


def test_a_key_with_two_labels_is_refused():
    with pytest.raises(DataError, match="two labels") as error:
        lookup(Frame.of({"d": ["a", "a"], "l": [0, 1]}), column="d", value="l")
    assert error.value.row == 2


def test_a_table_is_copied():
    table = {"a": 1}
    made = lookup(table, column="d")
    table["b"] = 1
    assert votes(made, {"d": ["a", "b"]}) == [1, -1]


# ---- databases ------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "senders.db"
    with sqlite3.connect(path) as made:
        made.execute("create table senders (mail text, size int, label text)")
        made.executemany(
            "insert into senders values (?, ?, ?)", [("a", 1, "Y"), ("b", 2, "N"), ("c", 3, None), ("it's", 4, "Y")]
        )
    made.close()
    return path


QUERY = "select label from senders where mail = :mail"
SAID = {"Y": "spam", "N": "ham"}


@pytest.mark.parametrize("kind", ["path", "text", "engine"])
def test_a_database_is_asked(database, kind):
    engine = create_engine(f"sqlite:///{database}")
    where = {"path": database, "text": str(database), "engine": engine}[kind]
    made = sql_lookup(QUERY, where, columns="mail", labels=SAID)
    rows = {"mail": ["a", "b", "c", "gone", None, "a", "it's", "' or 1=1 --"]}
    assert votes(made, rows, ["ham", "spam"]) == [1, 0, -1, -1, -1, 1, 1, -1]
    assert made.identity is None
    assert "version=" in made.unknown[0]
    assert sql_lookup(QUERY, where, columns="mail", version="1").identity
    engine.dispose()


def test_a_database_is_asked_once_per_value(database):
    made = sql_lookup(QUERY, database, columns="mail", labels=SAID)
    assert votes(made, {"mail": ["a"] * 3}, ["ham", "spam"]) == [1, 1, 1]
    database.unlink()
    assert votes(made, {"mail": ["a"]}, ["ham", "spam"]) == [1]


@pytest.mark.parametrize(
    ("query", "columns", "match"),
    [
        ("delete from senders where mail = :mail", "mail", "one SELECT"),
        ("select 1 where :mail = ''; drop table senders", "mail", "one SELECT"),
        ("select label from senders", "mail", "must have the parameters :mail; it has none"),
        (QUERY, ["mail", "size"], "must have the parameters :mail, :size"),
        ("select ':mail' from senders", "mail", "it has none"),
    ],
)
def test_queries_that_are_refused(database, query, columns, match):
    with pytest.raises(ConfigError, match=match):
        sql_lookup(query, database, columns=columns)


def test_nothing_is_written(database):
    engine = create_engine(f"sqlite:///{database}")
    hidden = "with x as (select 1) insert into senders select :mail, 9, 'Y'"
    for where in (database, engine):
        made = sql_lookup(hidden, where, columns="mail", labels=SAID)
        with pytest.raises(DataError, match="refused"):
            votes(made, {"mail": ["new"]}, ["ham", "spam"])
    engine.dispose()
    with sqlite3.connect(database) as held:
        assert held.execute("select count(*) from senders").fetchone() == (4,)
    held.close()


def test_what_the_database_says_is_told(database):
    made = sql_lookup("select label from nowhere where mail = :mail", database, columns="mail")
    with pytest.raises(DataError, match="no such table: nowhere") as error:
        votes(made, {"mail": ["a", "b"]})
    assert (error.value.row, error.value.value) == (1, "a")
    with pytest.raises(ConfigError, match="no SQLite file"):
        sql_lookup(QUERY, database.with_name("gone.db"), columns="mail")
    with pytest.raises(ConfigError, match="a path or a SQLAlchemy engine"):
        sql_lookup(QUERY, 3, columns="mail")


# ---- others' judgement ----------------------------------------------------------------------------------


class Half:
    """Sure of class "b" by the first input."""

    classes_ = np.array(["a", "b"])

    def predict_proba(self, given):
        first = np.asarray([g if isinstance(g, float) else g[0] for g in given], dtype=np.float64)
        return np.stack([1 - first, first], axis=1)


def test_a_model_votes_where_it_is_sure():
    rows = {"x": [0.95, 0.5, 0.05, None], "y": [1.0, 1.0, 1.0, 1.0]}
    assert votes(model_votes(Half(), columns=["x", "y"]), rows, ["a", "b"]) == [1, -1, 0, -1]
    assert votes(model_votes(Half(), columns=["x", "y"], at_least=0.5), rows, ["a", "b"]) == [1, 0, 0, -1]
    assert votes(model_votes(Half(), columns=["x", "y"], labels={"b": 7}), rows, [5, 7]) == [1, -1, -1, -1]
    assert votes(model_votes(Half(), columns="x"), {"x": [0.95]}, ["a", "b"]) == [1]
    assert votes(model_votes(Half(), columns="x"), {"x": []}, ["a", "b"]) == []
    assert model_votes(Half()).identity is None
    assert model_votes(Half(), version="1").identity != model_votes(Half(), version="2").identity


def test_a_model_of_text():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(CountVectorizer(), LogisticRegression(C=100.0)).fit(["good", "good day", "bad"], [1, 1, 0])
    assert votes(model_votes(model, at_least=0.6), ["good", "bad", "unseen word"]) == [1, 0, -1]


def test_annotators_vote_as_they_answered():
    answers = Answers.of(["a", "b", "a", "a"], ["Ann", "Ann", "Bo", "Bo"], [1, 0, 0, 1])
    said = apply(crowd_votes(answers, column="id"), {"id": ["b", "a", "c", None]}, classes=[0, 1])
    assert said.functions == ("Ann", "Bo")
    assert said.matrix.tolist() == [[0, -1], [1, 1], [-1, -1], [-1, -1]]
    np.testing.assert_array_equal(
        apply(crowd_votes(answers, column="id"), {"id": list(answers.items)}, classes=[0, 1]).matrix, answers.matrix()
    )


def test_a_column_of_votes():
    rows = {"lf": [0, 1, -1, None], "word": ["ham", None, "spam", "ham"], "part": [0.0, 1.0, float("nan"), -1.0]}
    assert votes(column_votes("lf"), rows) == [0, 1, -1, -1]
    assert votes(column_votes("part"), rows) == [0, 1, -1, -1]
    assert votes(column_votes("word"), rows, ["ham", "spam"]) == [0, -1, 1, 0]
    assert votes(column_votes("lf", labels={0: "spam"}), rows, ["ham", "spam"]) == [1, -1, -1, -1]
    with pytest.raises(DataError, match="not a label"):
        votes(column_votes("x"), {"x": [0.5]})
    assert apply([column_votes("lf")], rows, classes=[-1, 0, 1]).matrix[:, 0].tolist() == [1, 2, 0, -1]
