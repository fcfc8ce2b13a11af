"""How much is changed, by what and how often: a policy, for lists of texts or pictures and for rows of a system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.augment.images import changed_images
from hindcast.augment.text import TextChange
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import number, seed_of, whole
from hindcast.parameters import share as share_of
from hindcast.trainset.rows import Rows
from hindcast.values import Ints

__all__ = ["AugmentText", "Policy", "augment_images", "augment_text", "augment_texts"]


@dataclass(frozen=True)
class Policy:
    """Changes, and how many copies are made with them.

    Parameters
    ----------
    changes : sequence of changes
        One of them is drawn for each copy.
    times : int, default 1
        Copies of each example that is chosen.
    share : float, default 1.0
        Of the examples that are chosen, at random.
    together : int, default 1
        How many different changes, in the order given, are made to one copy.

    Raises
    ------
    ConfigError
        For no change, or a number out of range.
    """

    changes: tuple[Any, ...]
    times: int = 1
    share: float = 1.0
    together: int = 1

    def __init__(self, changes: Sequence[Any], times: int = 1, share: float = 1.0, together: int = 1) -> None:
        several = isinstance(changes, list | tuple)
        if not several or not all(getattr(change, "of", None) in ("texts", "pictures") for change in changes):
            raise ConfigError(f"a policy takes a list of changes, such as [typos()], got {changes!r:.60}.")
        object.__setattr__(self, "changes", tuple(changes))
        for name, value in {"times": times, "share": share, "together": together}.items():
            object.__setattr__(self, name, value)
        if not self.changes:
            raise ConfigError("a policy needs a change, such as hindcast.augment.typos().")
        whole("a policy's times", times, least=1, most=10_000)
        share_of("a policy's share", share)
        whole("a policy's together", together, least=1, most=len(self.changes))

    def places(self, n: int, seed: int) -> Ints:
        """Which of `n` examples are copied, each as often as it is, in order."""
        rng = np.random.default_rng([seed_of(seed), 74])
        chosen = np.sort(rng.permutation(n)[: round(n * self.share)])
        return np.repeat(chosen, self.times).astype(np.int64)

    def drawn(self, copies: int, seed: int) -> list[tuple[Any, ...]]:
        """The changes of each copy."""
        rng = np.random.default_rng([seed_of(seed), 75])
        n = len(self.changes)
        return [tuple(self.changes[at] for at in np.sort(rng.permutation(n)[: self.together])) for _ in range(copies)]

    def describe(self) -> dict[str, Any]:
        """Plain values: equal policies describe themselves equally."""
        return {
            "changes": [change.describe() for change in self.changes],
            "times": self.times,
            "share": self.share,
            "together": self.together,
        }


def augment_texts(texts: Sequence[str], policy: Policy, *, seed: int = 0) -> tuple[list[str], Ints]:
    """Changed copies of texts, and the place of the original of each.

    Copies that came out as their original are left out: they would only count it twice.

    Examples
    --------
    >>> from hindcast.augment.text import delete_words, typos
    >>> copies, of = augment_texts(["where is my card", "ok"], Policy([delete_words(0.5), typos(1.0)], times=2))
    >>> len(copies) == len(of) and set(of.tolist()) <= {0, 1}
    True
    """
    if not isinstance(policy, Policy):
        raise ConfigError(f"augment_texts takes a Policy, got {policy!r:.60}.")
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable) or getattr(texts, "shape", None) == ():
        raise DataError(f"texts are a sequence of them, got {texts!r:.60}.")
    texts = list(texts)  # a column of pandas is read by position, not by its index
    places = policy.places(len(texts), seed)
    found, kept = [], []
    for at, (place, changes) in enumerate(zip(places, policy.drawn(len(places), seed), strict=True)):
        text = texts[int(place)]
        if not isinstance(text, str):
            raise DataError("not a text", row=int(place) + 1, value=text)
        rng = np.random.default_rng([seed_of(seed), 76, at])
        changed = text
        for change in changes:
            if getattr(change, "of", None) != "texts":
                raise ConfigError(f"{change!r} does not change texts.")
            changed = change.one(changed, rng)
        if changed != text:
            found.append(changed)
            kept.append(int(place))
    return found, np.array(kept, dtype=np.int64)


def augment_images(images: Any, policy: Policy, *, seed: int = 0) -> tuple[Any, Ints]:
    """Changed copies of pictures, shape (copies, height, width[, channels]), and the place of the original of each."""
    images = np.asarray(images)
    places = policy.places(len(images), seed)
    copies = images[places].copy()
    for at, changes in enumerate(policy.drawn(len(places), seed)):
        for change in changes:
            if getattr(change, "of", None) != "pictures":
                raise ConfigError(f"{change!r} does not change pictures.")
            copies[at : at + 1] = changed_images(change, copies[at : at + 1], seed=seed_of(seed) * 1_000_003 + at)
    return copies, places


@dataclass(frozen=True)
class AugmentText:
    """See :func:`augment_text`."""

    column: str
    policy: Policy
    weight: float
    name: str = field(default="augment_text", init=False)
    shifts_prior = False

    def apply(self, rows: Rows, seed: int) -> Rows:
        column = rows.features[self.column]
        if column.kind != "text":
            raise ConfigError(f"augment_text({self.column!r}) needs a text column; it holds {column.kind} values.")
        texts = column.objects()
        there = np.flatnonzero(column.present())
        copies, of = augment_texts([texts[at] for at in there], self.policy, seed=seed)
        if not copies:
            return rows
        extra = rows.take(there[of])
        extra = extra.having(
            features=extra.features.having(**{self.column: Column.of(copies)}), weight=extra.weight * self.weight
        )
        return Rows(
            Frame.concat([rows.features, extra.features]),
            np.concatenate([rows.label, extra.label]),
            np.concatenate([rows.weight, extra.weight]),
            np.concatenate([rows.as_of, extra.as_of]),
        )

    def describe(self) -> dict[str, Any]:
        return {"step": self.name, "column": self.column, "policy": self.policy.describe(), "weight": self.weight}


def augment_text(
    column: str, changes: Sequence[TextChange] | TextChange, *, times: int = 1, share: float = 1.0, weight: float = 1.0
) -> AugmentText:
    """A step that adds changed copies of training rows, for ``hc.trained(learner, on=[...])``.

    Parameters
    ----------
    column : str
        The text that is changed.
    changes : change, or sequence of changes
        Such as :func:`typos`; one is drawn for each copy.
    times, share
        As :class:`Policy`.
    weight : float, default 1.0
        What a copy counts, relative to its original.
    """
    number("augment_text: weight", weight, above=0.0)
    made = (changes,) if isinstance(changes, TextChange) else tuple(changes)
    return AugmentText(column, Policy(made, times=times, share=share), weight)
