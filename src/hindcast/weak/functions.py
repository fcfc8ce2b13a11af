"""Labelling functions: a rule of thumb as plain Python, with a name, inputs, and an identity that says what it does.

A labelling function looks at one row and votes for a class, or abstains. Its parameters name the columns it reads, as
those of feature functions do. It is known by what it does (see :mod:`hindcast.features.identity`): a comment or a
docstring may change freely; an edited rule, or a constant or function it uses, makes it another one, and only it is
run again.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hindcast.crowd.names import is_missing, listed_names
from hindcast.errors import ConfigError
from hindcast.features.identity import code_of, unseen
from hindcast.values import digest
from hindcast.weak.block import Block
from hindcast.weak.given import word

__all__ = ["ABSTAIN", "LabellingFunction", "as_functions", "labelling_function"]

ABSTAIN = None
"""What a function returns that does not vote. -1 abstains too, unless -1 is a class."""

ROW = "row"
"""The parameter that takes a row whole."""

Answered = tuple[Any, NDArray[np.int16]]
"""Labels, and per row a code into them, -1 where the function abstains."""


@dataclass(frozen=True, eq=False)
class LabellingFunction:
    """A named rule that votes for a class of a row, or abstains.

    Make one with :func:`labelling_function`, or with a helper: :func:`keyword`, :func:`regex`, :func:`threshold`,
    :func:`lookup`, :func:`sql_lookup`, :func:`model_votes`, :func:`crowd_votes`, :func:`column_votes`. Calling it
    calls the function it was made from.

    Attributes
    ----------
    name : str
    inputs : tuple of str, optional
        The columns it reads; None for one that takes the row whole.
    each : callable, optional
        From a row's inputs (or the row) to a label or None.
    whole : callable, optional
        From a block to labels and codes, for those that are quicker on a whole column.
    labels : tuple
        The labels it is known to vote for; empty where only a run tells.
    identity : str, optional
        A digest of what it does; None where that cannot be known, and then it is run every time.
    unknown : tuple of str
        Why there is no identity.
    parallel : bool
        Whether it may run in several processes at once.
    spec : mapping
        How it was declared, plain values.
    """

    name: str
    inputs: tuple[str, ...] | None
    each: Callable[..., Any] | None = None
    whole: Callable[[Block], Answered] | None = None
    labels: tuple[Any, ...] = ()
    identity: str | None = None
    unknown: tuple[str, ...] = ()
    parallel: bool = True
    spec: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"a labelling function needs a name, got {self.name!r}.")
        if self.inputs is not None and not self.inputs:
            raise ConfigError(
                f"labelling function {self.name!r} has no inputs; its parameters name the columns it reads."
            )
        for label in self.labels:
            check_label(label, self.where)

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"labelling function {self.name!r}"

    @property
    def __wrapped__(self) -> Callable[..., Any] | None:
        """The function it was made from; another function that calls it is known by that."""
        return self.each

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The label for one row: of its inputs in order, by name, or of a row (any mapping)."""
        if self.each is not None:
            return self.each(*arguments, **named)
        given = dict(zip(self.inputs or (), arguments, strict=False)) | named
        labels, codes = self.answer(Block({name: [value] for name, value in given.items()}, 1))
        return labels[codes[0]] if codes[0] >= 0 else ABSTAIN

    def __repr__(self) -> str:
        reads = "row" if self.inputs is None else ", ".join(self.inputs)
        return f"LabellingFunction({self.name}({reads}), identity={self.identity})"

    def answer(self, block: Block) -> Answered:
        """Votes on a block, for functions that work on whole columns."""
        assert self.whole is not None
        return self.whole(block)

    def describe(self) -> dict[str, Any]:
        """Name, inputs, labels, identity and declaration as plain values."""
        return {
            "name": self.name,
            "inputs": None if self.inputs is None else list(self.inputs),
            "labels": list(self.labels),
            "identity": self.identity,
            "unknown": list(self.unknown),
            **({"is": self.spec} if self.spec else {}),
        }


@overload
def labelling_function(function: Callable[..., Any], /) -> LabellingFunction: ...
@overload
def labelling_function(
    function: Callable[..., Any], /, *, name: str | None = None, labels: Sequence[Any] = (), parallel: bool = True
) -> LabellingFunction: ...
@overload
def labelling_function(
    *, name: str | None = None, labels: Sequence[Any] = (), parallel: bool = True
) -> Callable[[Callable[..., Any]], LabellingFunction]: ...
def labelling_function(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    labels: Sequence[Any] = (),
    parallel: bool = True,
) -> LabellingFunction | Callable[[Callable[..., Any]], LabellingFunction]:
    """Make a labelling function of a plain one; also a decorator, with or without parentheses.

    Parameters
    ----------
    function : callable
        Returns a class, or None (:data:`ABSTAIN`). Its parameters name the columns it reads; one called ``row`` takes
        the row whole (``row["size"]``, ``row.size``). Parameters with defaults are its own. It must depend on nothing
        but its inputs and must not change them.
    name : str, optional
        By default the function's; a lambda needs one, and has no identity: it cannot be cached.
    labels : sequence, optional
        The classes it may vote for, where that is worth stating: a class nobody voted for is then known too.
    parallel : bool, default True
        False for a function that must run in this process: it holds a connection, or calls a library with threads of
        its own.

    Examples
    --------
    >>> SPAM, HAM = 1, 0
    >>> @labelling_function
    ... def has_link(text):
    ...     return SPAM if "http" in text else ABSTAIN
    >>> has_link("see http://x.com"), has_link("hello"), has_link.inputs
    (1, None, ('text',))
    """
    if function is None:
        return lambda made: labelling_function(made, name=name, labels=labels, parallel=parallel)
    if isinstance(function, LabellingFunction):
        raise ConfigError(f"{function.where} is one already.")
    if not callable(function):
        raise ConfigError(f"a labelling function is made of a function, got {function!r}.")
    own = getattr(function, "__name__", "")
    if name is None and (own == "<lambda>" or not own):
        raise ConfigError(
            "a lambda has no name; write a def, or give it one: labelling_function(..., name='has_link')."
        )
    name = word("labelling_function: name", name, own)
    identity, unknown = _identity(function)
    said = tuple(listed_names("labels", labels))
    return LabellingFunction(
        name, _inputs(function, name), each=function, labels=said, identity=identity, unknown=unknown,
        parallel=parallel,
    )  # fmt: skip


def as_functions(functions: Iterable[LabellingFunction | Callable[..., Any]]) -> tuple[LabellingFunction, ...]:
    """Labelling functions with distinct names; plain functions are made into some.

    Raises
    ------
    ConfigError
        For none at all, for two of one name, for a lambda.
    """
    if isinstance(functions, LabellingFunction) or callable(functions):
        functions = [functions]
    if isinstance(functions, str | bytes) or not isinstance(functions, Iterable) or getattr(functions, "ndim", 1) != 1:
        raise ConfigError(f"labelling functions come in a list, got {functions!r}.")
    made = tuple(f if isinstance(f, LabellingFunction) else labelling_function(f) for f in functions)
    if not made:
        raise ConfigError("there is no labelling function; give at least one.")
    seen: set[str] = set()
    for function in made:
        if function.name in seen:
            raise ConfigError(f"two labelling functions are called {function.name!r}; give one of them name=...")
        seen.add(function.name)
    return made


def check_label(label: Any, where: str) -> Any:
    """The label itself, as a plain value.

    Raises
    ------
    ConfigError
        Unless it is a text, an integer or a boolean.
    """
    label = label.item() if isinstance(label, np.generic) else label
    if is_missing(label) or not isinstance(label, str | int):
        raise ConfigError(f"{where}: a label is a text, an integer or a boolean, got {label!r}.")
    return label


def identity_of(kind: str, *parts: Any) -> tuple[str | None, tuple[str, ...]]:
    """The identity of a helper from its parameters, or why it has none."""
    try:
        return digest(["weak", kind, *parts]), ()
    except ConfigError as error:
        return None, (str(error),)


def _identity(function: Callable[..., Any]) -> tuple[str | None, tuple[str, ...]]:
    """A digest of what a function does, or why there is none."""
    if getattr(function, "__name__", "") == "<lambda>":
        return None, ("a lambda has no source of its own; write a def",)
    if not isinstance(function, types.FunctionType):
        return None, (f"a {type(function).__name__} is no plain function; what it holds cannot be seen",)
    try:
        hidden = unseen(function)
        code = code_of(function)
    except ConfigError as error:
        return None, (str(error),)
    if hidden:
        return None, (f"it uses {', '.join(hidden)}, whose changes cannot be seen",)
    return digest(["weak", "function", code]), ()


def _inputs(function: Callable[..., Any], name: str) -> tuple[str, ...] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ConfigError(f"labelling function {name!r}: its parameters cannot be read; wrap it in a def.") from None
    inputs = []
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY, parameter.KEYWORD_ONLY):
            raise ConfigError(f"labelling function {name!r}: parameter {parameter.name!r} must name one input.")
        if parameter.default is not parameter.empty:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise ConfigError(f"labelling function {name!r}: input {parameter.name!r} must not stand after a *.")
        inputs.append(parameter.name)
    if inputs == [ROW]:
        return None
    if ROW in inputs:
        raise ConfigError(f"labelling function {name!r} takes the row or columns of it, not both: {', '.join(inputs)}.")
    return tuple(inputs)
