"""Whatever is given to a project's methods: it is taken, or refused in a letter that says what was wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelling_aids import make

from hindcast.clock import ReplayClock
from hindcast.errors import HindcastError
from hindcast.labelling import Annotator, Item, Project, items_of

ODD = [
    None, "x", "", True, False, 2.5, float("nan"), float("inf"), -1, 0, 10**30, [], [1], (), {}, {"a": 1}, b"x",
    np.zeros(0), np.zeros((2, 2)), np.array([None, "x"], object), object(), "\ud800", "a\0b", Path("/nowhere"),
    np.float64("nan"), np.int64(3), 1j, "long " * 200, {1, 2}, Item("z", None), Annotator("Ann"),
]  # fmt: skip
NEW = count()
CALLS: dict[str, Callable[[Project, Any], Any]] = {
    "add_items": lambda p, odd: p.add_items(odd),
    "row": lambda p, odd: p.add_items([odd]),
    **{
        f"cell {name}": lambda p, odd, name=name: p.add_items([{"id": "q", "text": "x", name: odd}])
        for name in ("id", "text", "meta", "gold")
    },
    "item of": lambda p, odd: p.add_items([Item(odd, odd, odd, odd)]),
    "kind": lambda p, odd: list(items_of([{"id": 1, "text": "x"}], odd)),
    "reason": lambda p, odd: p.add_items([], reason=odd),
    "priority": lambda p, odd: p.add_items([], priority=odd),
    "item": lambda p, odd: p.item(odd),
    "enqueue": lambda p, odd: p.enqueue(odd, reason="r", priority=0.0),
    "enqueue reason": lambda p, odd: p.enqueue(["i0"], reason=odd, priority=0.0),
    "enqueue priority": lambda p, odd: p.enqueue(["i0"], reason="r", priority=odd),
    "answers wanted": lambda p, odd: p.enqueue(["i1"], reason="r", priority=0.0, answers=odd),
    "add_annotator": lambda p, odd: p.add_annotator(odd),
    "role": lambda p, odd: p.add_annotator("Z", role=odd),
    "renew": lambda p, odd: p.add_annotator("Y", renew=odd),
    "token": lambda p, odd: p.add_annotator("X", token=odd),
    "annotator_of": lambda p, odd: p.annotator_of(odd),
    "revoke": lambda p, odd: None if isinstance(odd, Annotator) else p.revoke(odd),
    "set_guideline": lambda p, odd: p.set_guideline(odd),
    "guideline": lambda p, odd: p.guideline(odd),
    "next": lambda p, odd: p.next(odd),
    "besides": lambda p, odd: p.next("Ann", besides=odd),
    "who": lambda p, odd: p.answer(odd, "i0", "ham", key="who"),
    "which": lambda p, odd: p.answer("Ann", odd, "ham", key="which"),
    "label": lambda p, odd: p.answer("Ann", "i0", odd, key="label"),
    "action": lambda p, odd: p.answer("Ann", "i0", "ham", action=odd, key="action"),
    "comment": lambda p, odd: p.answer("Ann", "i0", "ham", comment=odd, key=f"comment {next(NEW)}"),
    "seconds": lambda p, odd: p.answer("Ann", "i0", "ham", seconds=odd, key=f"seconds {next(NEW)}"),
    "key": lambda p, odd: p.answer("Ann", "i0", "ham", key=odd),
    "undo": lambda p, odd: p.undo(odd),
    "undo item": lambda p, odd: p.undo("Ann", item_id=odd),
    "undo key": lambda p, odd: p.undo("Ann", key=odd),
    "history": lambda p, odd: [p.history(odd), p.history("Ann", odd)],
    "history n": lambda p, odd: p.history("Ann", odd),
    "reached": lambda p, odd: p.reached(odd),
    "adjudicate who": lambda p, odd: p.adjudicate(odd, "i0", "ham", key="a"),
    "adjudicate item": lambda p, odd: p.adjudicate("Jo", odd, "ham", key="b"),
    "adjudicate label": lambda p, odd: p.adjudicate("Jo", "i0", odd, key=f"c{next(NEW)}"),
    "adjudicate comment": lambda p, odd: p.adjudicate("Jo", "i0", "ham", comment=odd, key=f"d{next(NEW)}"),
    "adjudicate key": lambda p, odd: p.adjudicate("Jo", "i0", "ham", key=odd),
    "surplus": lambda p, odd: p.answers(surplus=odd),
    "gold": lambda p, odd: p.answers(gold=odd),
    "labels": lambda p, odd: p.labels(odd),
    "unfinished": lambda p, odd: p.labels("majority", unfinished=odd),
    "lineage": lambda p, odd: p.lineage(odd),
    "facts": lambda p, odd: p.facts(odd),
    "export": lambda p, odd: None if isinstance(odd, str | Path) else p.export(odd),
    "format": lambda p, odd: p.export(p.folder / "e.csv", odd),
    "method": lambda p, odd: p.export(p.folder / "e.csv", method=odd),
    "import_": lambda p, odd: p.import_(odd, "long"),
    "import format": lambda p, odd: p.import_(p.folder / "e.csv", odd),
    "import annotator": lambda p, odd: p.import_(p.folder / "w.csv", "long", annotator=odd),
    "open": lambda p, odd: Project.open(odd, writing=False),
    **{
        f"create {name}": lambda p, odd, name=name: Project.create(
            p.folder / f"sub{next(NEW)}", **{"name": "p", "classes": ["a", "b"], "clock": ReplayClock(), name: odd}
        ).close()
        for name in ("name", "classes", "kind", "question", "guideline", "instructions", "overlap", "lease",
                     "gold_every", "seed")
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with make(tmp_path_factory.mktemp("odd") / "p", items=5) as made:
        made.add_annotator("Jo", role="adjudicator")
        (made.folder / "w.csv").write_text("item,label\ni0,ham\n")
        yield made
        made.progress()
        made.timeline()
        before = made.canonical()
    with Project.open(made.folder, writing=False) as again:
        assert again.canonical() == before


@pytest.mark.parametrize("what", CALLS)
def test_odd_values_are_taken_or_refused_kindly(project: Project, what: str) -> None:
    for odd in ODD:
        with contextlib.suppress(HindcastError):
            CALLS[what](project, odd)
