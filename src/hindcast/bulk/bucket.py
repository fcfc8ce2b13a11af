"""The bucket: the unit of work of a batch, as a pure function from Arrow tables to an Arrow table.

Features of an entity depend on its own facts only. So facts and requests can be divided by entity in any way, each
bucket answered by any thread, process or machine, and the answers put together by row: engines route buckets, they
never define meaning. What travels is Arrow and a :class:`PlanRef`: a few texts from which the plan is made anew by
importing the declaration.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, StateError, UnknownName
from hindcast.facts.arrow import ARROW_TYPES, column_to_arrow, integers
from hindcast.facts.cast import cast_typed
from hindcast.facts.facts import Facts
from hindcast.features.batch import answer
from hindcast.features.plan import FeaturePlan

__all__ = ["PlanRef", "bucket", "bucket_at"]

_TIMES = ("_event", "_known", "_seq")


def bucket(plan: FeaturePlan, facts: Mapping[str, Any], requests: Any, *, threads: int = 1) -> Any:
    """The features of a bucket's requests.

    Parameters
    ----------
    plan : FeaturePlan
        All features, or those of some groups (``plan.part``).
    facts : mapping of table name to pyarrow.Table
        All facts of the bucket's entities: the table's columns that the plan reads, and as int64 ``_event``,
        ``_known`` (microseconds since 1970 UTC) and ``_seq``, as bool ``_retract`` (absent: nothing is retracted).
    requests : pyarrow.Table, n rows
        The columns of ``plan.request_columns``, and as int64 ``_row`` (given back as it came) and ``_as_of``.
    threads : int, default 1
        Changes the time it takes and nothing else.

    Returns
    -------
    pyarrow.Table, n rows
        ``_row``, then the columns of ``plan.names``: float64, string, timestamp or list.

    Notes
    -----
    Pure: it reads and writes nothing else. When a fact was corrected by one of *another* entity, the bucket of the
    first must hold a retraction with the key, known time and sequence of the second: the driver in
    :mod:`hindcast.bulk.bulk` puts it there.

    Examples
    --------
    >>> import hindcast.features as f
    >>> from hindcast.facts import Table
    >>> trips = Table("trips", event_time="at", known="event")
    >>> plan = FeaturePlan.compile([f.window(trips, "km", "sum", over="1h", by="car")])
    >>> facts = pa.table({"car": ["a", "a"], "km": [1.5, 2.0], "_event": [10, 20], "_known": [10, 20], "_seq": [0, 1]})
    >>> asked = pa.table({"car": ["a", "b"], "_row": [7, 8], "_as_of": [20, 30]})
    >>> bucket(plan, {"trips": facts}, asked).to_pydict()
    {'_row': [7, 8], 'trips_km_sum_1h_by_car': [1.5, 0.0]}
    """
    rows, as_of = (integers(_need(requests, name, "requests")) for name in ("_row", "_as_of"))
    frame = _frame(requests, ("_row", "_as_of"), "requests")
    answers = answer(plan, {name: _facts(name, table) for name, table in facts.items()}, frame, as_of, threads=threads)
    columns = {"_row": Column("integer", rows), **dict(answers)}
    return pa.table({name: _arrow(column) for name, column in columns.items()})


def bucket_at(ref: PlanRef, facts: Mapping[str, Any], requests: Any, *, threads: int = 1) -> Any:
    """As :func:`bucket`, in another process: the plan is made there from where it is declared, and kept.

    Examples
    --------
    >>> from concurrent.futures import ProcessPoolExecutor
    >>> from multiprocessing import get_context
    >>> def in_processes(ref, buckets):
    ...     with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
    ...         return list(pool.map(bucket_at, [ref] * len(buckets), *zip(*buckets)))
    """
    return bucket(_plan(ref), facts, requests, threads=threads)


@lru_cache(maxsize=8)
def _plan(ref: PlanRef) -> FeaturePlan:
    return ref.plan()


@dataclass(frozen=True, slots=True)
class PlanRef:
    """Where a plan is declared, for a process that must make it anew.

    Parameters
    ----------
    module : str
        The module's name, or the path of a Python file.
    name : str
        In it: a system, a plan, or a list of features.
    identity : str
        Of the plan that is meant.
    groups : tuple of int, optional
        Only these groups of it, by position.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> declared = Path(mkdtemp()) / "trips.py"
    >>> _ = declared.write_text("from hindcast.features import request; features = [request('km', 'car')]")
    >>> from hindcast.features import request
    >>> identity = FeaturePlan.compile([request("km", "car")]).identity
    >>> PlanRef(str(declared), "features", identity).plan().names
    ('km', 'car')
    """

    module: str
    name: str
    identity: str
    groups: tuple[int, ...] | None = None

    @staticmethod
    def to(plan: FeaturePlan, module: str, name: str, groups: Sequence[int] | None = None) -> PlanRef:
        """A reference to `plan`, declared as `name` in `module`; checked by following it."""
        ref = PlanRef(module, name, plan.identity, None if groups is None else tuple(groups))
        ref.plan()
        return ref

    def plan(self) -> FeaturePlan:
        """Import the declaration and make the plan.

        Raises
        ------
        ConfigError
            When there is no such module or name, or no features in it.
        StateError
            When the declaration means something else than it did where the reference was made.
        """
        module = self._imported()
        if not hasattr(module, self.name):
            raise UnknownName("name", self.name, [n for n in vars(module) if not n.startswith("_")], where=self.module)
        value = getattr(module, self.name)
        if isinstance(value, FeaturePlan):
            plan = value
        elif isinstance(getattr(value, "plan", None), FeaturePlan):
            plan = value.plan
        elif isinstance(value, list | tuple):
            plan = FeaturePlan.compile(value)
        else:
            raise ConfigError(
                f"{self.name} of {self.module} is a {type(value).__name__}; a plan is made of a system, a plan or a "
                "list of features."
            )
        if plan.identity != self.identity:
            raise StateError(
                f"{self.name} of {self.module} declares features {plan.identity} here and {self.identity} where the "
                "work was handed out; bring both to one version."
            )
        return plan if self.groups is None else plan.part([plan.groups[at] for at in self.groups])

    def _imported(self) -> Any:
        if not self.module.endswith(".py"):
            try:
                return importlib.import_module(self.module)
            except ModuleNotFoundError as error:
                raise ConfigError(f"module {self.module!r} cannot be imported here: {error}.") from None
        path = Path(self.module).resolve()
        known = f"_hindcast_declaration_{path.stem}"
        spec = importlib.util.spec_from_file_location(known, path)
        if spec is None or spec.loader is None or not path.exists():
            raise ConfigError(f"no file {path} to take the declaration {self.name!r} from.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        spec.loader.exec_module(module)
        return module


def _facts(name: str, table: Any) -> Facts:
    where = f"facts of table {name!r}"
    event, known, seq = (integers(_need(table, own, where)) for own in _TIMES)
    frame = _frame(table, (*_TIMES, "_retract"), where)
    retract = np.zeros(len(event), dtype=np.bool_)
    if "_retract" in table.schema.names:
        retract = _column(table["_retract"], where).values.astype(np.bool_)
    return Facts(event, known, seq, retract, frame)


def _frame(table: Any, own: Sequence[str], where: str) -> Frame:
    return Frame({n: _column(table[n], where) for n in table.schema.names if n not in own}, table.num_rows)


def _column(array: Any, where: str) -> Column:
    return cast_typed(array, zone=None, what=where).column


def _need(table: Any, name: str, where: str) -> Any:
    if name not in table.schema.names:
        raise UnknownName("column", name, table.schema.names, where=where)
    if not pa.types.is_int64(table[name].type) or table[name].null_count:
        raise ConfigError(f"{where}: column {name!r} must be int64 without nulls, got {table[name].type}.")
    return table[name]


def _arrow(column: Column) -> Any:
    array = column_to_arrow(column) if column.kind in ARROW_TYPES else column.to_arrow()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
