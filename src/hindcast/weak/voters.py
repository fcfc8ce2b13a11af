"""Labelling functions that pass on somebody else's judgement: a model's, annotators', or a column of votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.names import is_missing
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import share
from hindcast.weak.block import TEXT, Block
from hindcast.weak.functions import Answered, LabellingFunction, check_label, identity_of
from hindcast.weak.given import mapping_of, word, words_of

__all__ = ["column_votes", "crowd_votes", "model_votes"]


def model_votes(
    model: Any,
    *,
    columns: str | Sequence[str] = TEXT,
    at_least: float = 0.9,
    labels: Mapping[Any, Any] | None = None,
    version: str | None = None,
    name: str = "model",
) -> LabellingFunction:
    """Vote for a classifier's most probable class where it is at least this sure of it.

    Parameters
    ----------
    model : fitted classifier
        With ``predict_proba`` and ``classes_``, as in scikit-learn.
    columns : str or sequence of str, default "text"
        One name: the model is given the list of the column's values (texts, to a pipeline). Several: a float64 array
        of shape (rows, columns), NaN for null.
    at_least : float, default 0.9
        In (0, 1]. Of equally probable classes the first is meant. A probability that is NaN abstains.
    labels : mapping, optional
        From the model's classes to labels; a class that is not in it abstains. By default they are the labels.
    version : str, optional
        Says which model it is. Without one nobody knows whether it changed: nothing is cached from run to run.
    name : str, default "model"

    Examples
    --------
    >>> class Length:
    ...     classes_ = ("short", "long")
    ...     def predict_proba(self, texts):
    ...         return [[1.0, 0.0] if len(text) < 5 else [0.4, 0.6] for text in texts]
    >>> rule = model_votes(Length(), at_least=0.9)
    >>> rule("hi"), rule("a long text")
    ('short', None)
    """
    where = f"labelling function {name!r}"
    if not hasattr(model, "predict_proba"):
        raise ConfigError(f"{where}: a {type(model).__name__} has no predict_proba; give a fitted classifier.")
    if not hasattr(model, "classes_"):
        raise ConfigError(f"{where}: the model has no classes_; fit it first.")
    at_least = share(f"{where}: at_least", at_least)
    inputs = words_of(f"{where}: columns", columns)
    classes = [c.item() if isinstance(c, np.generic) else c for c in model.classes_]
    named = {c: c for c in classes} if labels is None else mapping_of(f"{where}: labels", labels)
    voted = tuple(dict.fromkeys(check_label(named[c], where) for c in classes if c in named))
    recode = np.array([voted.index(named[c]) if c in named else -1 for c in classes], dtype=np.int16)

    def votes(block: Block) -> Answered:
        if not len(block):
            return voted, np.full(0, -1, dtype=np.int16)
        if isinstance(columns, str):
            given: Any = block.values(columns, where)
        else:
            given = np.stack([block.numbers(column, where) for column in inputs], axis=1)
        sure = np.asarray(model.predict_proba(given), dtype=np.float64)
        if sure.shape != (len(block), len(classes)):
            raise DataError(f"{where}: the model gave shape {sure.shape} for {len(block)} rows, {len(classes)} classes")
        best = np.argmax(sure, axis=1)
        return voted, np.where(sure[np.arange(len(sure)), best] >= at_least, recode[best], -1).astype(np.int16)

    identity, unknown = None, ("what a model has learnt cannot be seen; give version=",)
    if version is not None:
        version = word(f"{where}: version", version)
        told = [[type(k).__name__, k, v] for k, v in named.items()]
        identity, unknown = identity_of("model", version, list(inputs), isinstance(columns, str), at_least, told)  # type: ignore[assignment]
    return LabellingFunction(
        name, inputs, whole=votes, labels=voted, identity=identity, unknown=unknown, parallel=False,
        spec={"kind": "model", "columns": list(inputs), "at_least": at_least, "version": version},
    )  # fmt: skip


def crowd_votes(answers: Answers, *, column: str = "item", prefix: str = "") -> tuple[LabellingFunction, ...]:
    """One labelling function per annotator: it votes as they answered, and abstains on items they did not.

    Parameters
    ----------
    answers : Answers
        An annotator's last answer to an item counts.
    column : str, default "item"
        The rows' column that holds the item.
    prefix : str, default ""
        Stands before the annotators' names.

    Examples
    --------
    >>> answers = Answers.of(["a", "a", "b"], ["Ann", "Bo", "Bo"], ["ham", "ham", "spam"])
    >>> ann, bo = crowd_votes(answers, column="id")
    >>> ann.name, ann("a"), ann("b"), bo("b")
    ('Ann', 'ham', None, 'spam')
    """
    if not isinstance(answers, Answers):
        raise ConfigError(f"crowd_votes takes Answers, got {answers!r}; make them by hindcast.crowd.Answers.of.")
    said: list[dict[Any, Any]] = [{} for _ in answers.annotators]
    order = np.arange(len(answers)) if answers.at is None else np.argsort(answers.at, kind="stable")
    for row in order.tolist():
        item, label = answers.items[answers.item[row]], answers.classes[answers.label[row]]
        said[int(answers.annotator[row])][item] = label
    return tuple(
        _mapped(f"{prefix}{annotator}", column, mapping, "crowd")
        for annotator, mapping in zip(answers.annotators, said, strict=True)
    )


def column_votes(column: str, *, labels: Mapping[Any, Any] | None = None, name: str | None = None) -> LabellingFunction:
    """Vote as a column of the rows says: votes that were cast elsewhere. Null and -1 abstain.

    Parameters
    ----------
    column : str
    labels : mapping, optional
        From the column's values to labels; a value that is not in it abstains. By default the values are the labels,
        and then -1 abstains unless it is a class.
    name : str, optional
        By default the column's.

    Examples
    --------
    >>> column_votes("lf_07", labels={0: "ham", 1: "spam"})(1)
    'spam'
    """
    column = word("column_votes: column", column)
    name = word("column_votes: name", name, column)
    if labels is not None:
        return _mapped(name, column, mapping_of("column_votes: labels", labels), "column")
    where = f"labelling function {name!r}"

    def votes(block: Block) -> Answered:
        made: dict[Any, int] = {}
        codes = np.full(len(block), -1, dtype=np.int16)
        for row, value in enumerate(block.values(column, where)):
            if is_missing(value):
                continue
            label = int(value) if isinstance(value, float) and value.is_integer() else value
            if not isinstance(label, str | int):
                raise DataError(f"{where}: not a label", row=row + 1, column=column, value=value)
            codes[row] = made.setdefault(label, len(made))
        return tuple(made), codes

    identity, unknown = identity_of("column", column)
    return LabellingFunction(
        name, (column,), whole=votes, identity=identity, unknown=unknown, spec={"kind": "column", "column": column}
    )


def _mapped(name: str, column: str, mapping: dict[Any, Any], kind: str) -> LabellingFunction:
    """A function that votes what stands beside a value."""
    from hindcast.weak.lookups import lookup

    made = lookup(mapping, column=column, name=name)
    return LabellingFunction(
        name, (column,), whole=made.whole, labels=made.labels, identity=made.identity, unknown=made.unknown,
        spec={**made.spec, "kind": kind},
    )  # fmt: skip
