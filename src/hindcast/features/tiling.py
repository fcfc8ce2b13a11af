"""What tiles cost in exactness: tiled windows beside the same windows without their tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.facts.facts import Facts
from hindcast.features.definitions import Window
from hindcast.features.plan import FeaturePlan
from hindcast.values import Bools, Ints

__all__ = ["TileError", "tile_errors"]


@dataclass(frozen=True, slots=True)
class TileError:
    """How a tiled feature differs from the exact one.

    Attributes
    ----------
    rows : int
        Requests compared.
    different : int
        Those with another value; one that is null on one side only counts.
    mean, worst : float
        Of the absolute differences where both have a number; nan for texts and lists, and where there is none.
    """

    rows: int
    different: int
    mean: float
    worst: float


def tile_errors(
    plan: FeaturePlan, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, *, threads: int = 2
) -> dict[str, TileError]:
    """By name, how each feature over a tiled window differs from that over the window as long as it was asked for.

    Answers the tiled windows twice, once without their tiles.

    Examples
    --------
    >>> from hindcast.facts import Facts, Table
    >>> import hindcast.features as f
    >>> taps = Table("taps", event_time="at", known="event")
    >>> plan = FeaturePlan.compile([f.window(taps, over="1h", tile="5m")])
    >>> facts = {"taps": Facts.of(taps, [{"at": "2025-01-01T09:01:00Z"}, {"at": "2025-01-01T09:30:00Z"}])}
    >>> as_of = np.array([1735725780000000])  # 10:03, an hour and two minutes after the first
    >>> tile_errors(plan, facts, Frame({}, 1), as_of)
    {'taps_count_1h_tile_5m': TileError(rows=1, different=1, mean=1.0, worst=1.0)}
    """
    from hindcast.features.batch import answer

    tiled = [d for d in plan.definitions if isinstance(d, Window) and any(span.tile_us for span in d.spans)]
    exact = [replace(d, spans=tuple(replace(span, tile_us=0) for span in d.spans)) for d in tiled]
    needed = [d for d in plan.definitions if not isinstance(d, Window)] if _keys(tiled) & set(plan.names) else []
    ours, theirs = (
        answer(FeaturePlan.compile([*needed, *made], target=plan.target), facts, requests, as_of, threads=threads)
        for made in (tiled, exact)
    )
    names = [output.name for d in tiled for output in d.outputs() if output.span.tile_us]
    return {name: _error(ours[name], theirs[name]) for name in names}


def _keys(windows: list[Window]) -> set[str]:
    return {asked for window in windows for asked, _ in window.by}


def _error(ours: Column, theirs: Column) -> TileError:
    if "number" not in (ours.kind, theirs.kind):
        different: Bools = np.array([a != b for a, b in zip(ours.objects(), theirs.objects(), strict=True)], np.bool_)
        return TileError(len(ours), int(different.sum()), float("nan"), float("nan"))
    a, b = ours.floats(), theirs.floats()
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gaps = np.abs(a - b)[~np.isnan(a) & ~np.isnan(b) & ~same]
    none = float("nan") if not (~np.isnan(a) & ~np.isnan(b)).any() else 0.0
    both = int((~np.isnan(a) & ~np.isnan(b)).sum())
    mean = float(gaps.sum() / both) if both else none
    return TileError(len(a), int((~same).sum()), mean, float(gaps.max()) if len(gaps) else none)
