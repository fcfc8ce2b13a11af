"""The year of flights for tests: facts in memory, the example's system, and faults planted in its sources."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hindcast.columns import Column, Frame
from hindcast.facts import Facts
from hindcast.loop.history import History
from hindcast.system import System, load_system
from hindcast.values import BEGINNING, DAY_US

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
FILES = {"flights": "flights", "departures": "flights", "arrivals": "flights", "weather": "weather", "planes": "planes"}
LONGEST_US = 31 * DAY_US
"""No feature of the example looks further back."""

Fault = Callable[[str, Facts], Facts]


@dataclass(frozen=True)
class Year:
    system: System
    facts: dict[str, Facts]
    history: History

    def between(self, since_us: int, until_us: int, fault: Fault) -> History:
        """The requests with ``since < as_of <= until``, answered from facts with a fault in them."""
        facts = {}
        for name, all_of_it in self.facts.items():
            near = (all_of_it.event == BEGINNING) | (
                (all_of_it.event > since_us - LONGEST_US) & (all_of_it.event < until_us + 2 * DAY_US)
            )
            facts[name] = fault(name, all_of_it.take(near))
        made = History.build(self.system, facts, self.history.fingerprints, until_us=until_us)
        rows = made.slice(since_us, until_us)
        return replace(
            made, spine=made.spine.take(rows), features=made.features.take(rows), inputs=made.inputs.take(rows)
        )


def year_of_flights(folder: Path) -> Year:
    """Made once per session: about ten seconds."""
    spec = importlib.util.spec_from_file_location("flights_data", EXAMPLE / "data.py")
    assert spec is not None
    assert spec.loader is not None
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    data.prepare(folder / "data")
    shutil.copy(EXAMPLE / "system.py", folder / "system.py")
    system = load_system(folder / "system.py")
    facts = {name: read_facts(system, name, folder / "data" / f"{FILES[name]}.parquet") for name in system.tables}
    return Year(system, facts, History.build(system, facts, dict.fromkeys(facts, "2013")))


def read_facts(system: System, name: str, path: Path) -> Facts:
    table = system.tables[name]
    frame = Frame.from_arrow(pq.ParquetFile(path).read())
    wanted = table.all_columns or tuple(frame.names)
    found, _ = table.facts_of(frame.select(wanted), seq_from=0, arrival_us=0)
    return found


# ---- faults ---------------------------------------------------------------------------------------------


def scaled(table: str, column: str, by: float, from_us: int) -> Fault:
    """A source changes its unit."""

    def fault(name: str, facts: Facts) -> Facts:
        if name != table:
            return facts
        values = np.where(facts.event >= from_us, facts.frame[column].values * by, facts.frame[column].values)
        return replace(facts, frame=facts.frame.having(**{column: Column("number", values)}))

    return fault


def renamed(table: str, column: str, old: str, new: str, from_us: int) -> Fault:
    """A source changes a code: what is asked two hours ahead or later names it otherwise."""

    def fault(name: str, facts: Facts) -> Facts:
        if name != table:
            return facts
        words: Any = facts.frame[column].objects()
        words = np.where((facts.event >= from_us) & (words == old), new, words)
        return replace(facts, frame=facts.frame.having(**{column: Column.of(words)}))

    return fault


def delayed(table: str, by_us: int, from_us: int) -> Fault:
    """A source comes late: its facts are known so much later."""

    def fault(name: str, facts: Facts) -> Facts:
        if name != table:
            return facts
        return replace(facts, known=np.where(facts.known >= from_us, facts.known + by_us, facts.known))

    return fault
