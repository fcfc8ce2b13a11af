"""Versions of features: numbered as they first appear, kept on the ledger, the same when one comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.registry import Defined, Ledger, Registry, declare, declared
from hindcast.values import digest


def registry(where: str | Path = "sqlite://") -> Registry:
    return Registry(Ledger(where), system="taxis", target="late")


def meaning(over: str) -> dict[str, str]:
    return {"is": "window", "window": over}


def seen(book: Registry, at_us: int = 1, **overs: str) -> dict[str, int]:
    return declare(book, overs, {name: meaning(over) for name, over in overs.items()}, at_us=at_us)


def test_an_edit_makes_a_new_version_and_going_back_an_old_one() -> None:
    book = registry()
    assert seen(book, 1, a="24h", b="1h") == {"a": 1, "b": 1}
    assert seen(book, 2, a="12h", b="1h") == {"a": 2, "b": 1}
    assert seen(book, 3, a="24h", b="1h") == {"a": 1, "b": 1}
    assert seen(book, 4, a="6h") == {"a": 3}
    assert seen(book, 5, a="6h", b="1h") == {"a": 3, "b": 1}
    assert [entry.body["reason"] for entry in book.ledger.entries(kind="features")] == [
        "2 features are new: a, b",
        "a changed (over 24h -> 12h)",
        "a is what it was before",
        "a changed (over 24h -> 6h); 1 feature is gone: b",
        "1 feature is new: b",
    ]
    assert [(d.version, d.at_us, d.meaning["window"]) for d in declared(book)["a"]] == [
        (1, 1, "24h"), (2, 2, "12h"), (3, 4, "6h"),
    ]  # fmt: skip


def test_the_same_declaration_writes_nothing() -> None:
    book = registry()
    seen(book, a="24h")
    last = book.ledger.last
    assert seen(book, 9, a="24h") == {"a": 1}
    assert book.ledger.last == last


def test_systems_count_for_themselves() -> None:
    ledger = Ledger("sqlite://")
    one, two = (Registry(ledger, system=name, target="late") for name in ("taxis", "buses"))
    seen(one, a="24h")
    assert seen(two, a="12h") == {"a": 1}
    assert seen(one, a="12h") == {"a": 2}


def test_versions_are_read_back_from_disk(tmp_path: Path) -> None:
    seen(registry(tmp_path / "ledger.db"), 7, a="24h")
    again = registry(tmp_path / "ledger.db")
    assert declared(again) == {"a": (Defined(1, digest(meaning("24h")), 7, meaning("24h")),)}
    assert seen(again, a="12h") == {"a": 2}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1h", "2h", "3h"]), min_size=1), max_size=12))
def test_a_version_is_the_place_of_its_first_appearance(declarations: list[dict[str, str]]) -> None:
    book = registry()
    order: dict[str, list[str]] = {}
    for at, overs in enumerate(declarations):
        for name, over in overs.items():
            if over not in order.setdefault(name, []):
                order[name].append(over)
        assert seen(book, at, **overs) == {name: order[name].index(over) + 1 for name, over in overs.items()}
    assert {name: [d.meaning["window"] for d in found] for name, found in declared(book).items()} == order


def test_a_feature_without_a_meaning_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        declare(registry(), ["a"], {}, at_us=1)
