"""What ``hindcast features`` prints: the catalogue as a table, one feature in full, or what depends on a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hindcast.cli.tables import Grid, print_grid
from hindcast.web.words import span_text

if TYPE_CHECKING:
    from hindcast.catalogue import Catalogue, Dependents, Entry

__all__ = ["print_dependents", "print_feature", "print_features"]


def print_features(found: Catalogue) -> None:
    """Print every feature, a line each."""
    rows = [
        [
            entry.name,
            entry.kind,
            _whole(entry.version),
            _from(entry),
            ", ".join(entry.by),
            entry.owner or "",
            _share(entry.statistics.null_share if entry.statistics else None),
            _age(entry.freshness.p90_s if entry.freshness else None),
            _seconds(entry.cost.seconds_per_million if entry.cost else None),
            ", ".join(use.model for use in entry.models if use.role != "archived"),
        ]
        for entry in found.values()
    ]
    headings = ["Feature", "Kind", "Version", "From", "By", "Owner", "Null", "Age, p90", "Per million", "Read by"]
    kept = [0, 1, 2, 3, *(i for i in range(4, len(headings)) if any(row[i] for row in rows))]
    left = (0, 1, 3, 4, 5, 9)
    print_grid(
        Grid(
            "",
            [headings[i] for i in kept],
            [[row[i] for i in kept] for row in rows],
            left=tuple(at for at, i in enumerate(kept) if i in left),
        )
    )
    print(f"\n{len(rows)} features of {found.system}. One in full: its name after the file.")


def print_feature(found: Catalogue, name: str) -> None:
    """Print one feature with all that is known of it."""
    entry, origin = found[name], found.lineage(name)
    told = {
        "Feature": entry.name,
        "Description": entry.description,
        "Version": f"{_whole(entry.version) or 'unknown'} ({entry.digest})",
        "Kind": entry.kind,
        "Owner": entry.owner,
        "Unit": entry.unit,
        "By": ", ".join(entry.by),
        "Table": entry.table,
        "Column": entry.column,
        "Aggregate": entry.aggregate,
        "Window": entry.window,
        "Where": entry.meaning.get("where"),
        "Computed from": ", ".join(entry.reads),
        "Comes from": "; ".join(f"{table}: {', '.join(columns)}" for table, columns in origin.tables.items()),
        "Features between": ", ".join(origin.features),
        "Read by features": ", ".join(entry.transforms),
        "Read by models": ", ".join(
            f"{use.model} ({use.role}, version {_whole(use.version) or 'unknown'} of the feature)"
            for use in entry.models
        ),
        "Read by systems": ", ".join(entry.systems),
        **_figures(entry),
        **_freshness(entry),
        "Answering a million requests": entry.cost
        and entry.cost.seconds_per_million is not None
        and _seconds(entry.cost.seconds_per_million),
        "Online state per entity": entry.cost
        and entry.cost.bytes_per_entity is not None
        and f"{entry.cost.bytes_per_entity:,.0f} bytes",
    }
    (head, *rows) = [[what, str(value)] for what, value in told.items() if value]
    print_grid(Grid("", head, rows, left=(0, 1)))


def print_dependents(found: Dependents) -> None:
    """Print what would notice if a table, a column or a feature changed."""
    told: Mapping[str, tuple[str, ...]] = {
        "Features": found.features,
        "Models": found.models,
        "Systems": found.systems,
        "Read for": found.uses,
    }
    rows = [[what if at == 0 else "", name] for what, names in told.items() for at, name in enumerate(names)]
    print_grid(Grid("", ["", f"depend on {found.place}"], rows, left=(0, 1)))


def _from(entry: Entry) -> str:
    if entry.table is None:
        return ", ".join(entry.reads)
    column = f".{entry.column}" if entry.column else ""
    over = f" over {entry.window}".replace("over from", "from") if entry.window else ""
    where = f" where {entry.meaning['where']}" if entry.meaning.get("where") else ""
    return f"{f'{entry.aggregate} of ' if entry.aggregate else ''}{entry.table}{column}{over}{where}"


def _figures(entry: Entry) -> dict[str, Any]:
    found = entry.statistics
    if found is None:
        return {}
    said = found.describe(time=entry.is_time)
    return {
        "Rows": f"{found.rows:,}",
        "Null": _share(found.null_share),
        "Different values": f"{found.distinct:,}",
        "Mean": _value(said["mean"]),
        "Standard deviation": _value(said["std"]),
        "Least and greatest": _value(said["min"]) and f"{_value(said['min'])} to {_value(said['max'])}",
        "Quantiles": ", ".join(f"{name} {_value(value)}" for name, value in said["quantiles"].items()),
        "Most frequent": ", ".join(f"{_value(value)} ({_share(share)})" for value, share in found.top),
    }


def _freshness(entry: Entry) -> dict[str, Any]:
    found = entry.freshness
    if found is None:
        return {}
    declared = found.max_age_s is not None and (
        f"at most {_age(found.max_age_s)}; {_share(found.stale)} of the requests are older or without a fact"
    )
    return {
        "Age of the newest fact": found.p50_s is not None
        and f"half up to {_age(found.p50_s)}, nine tenths up to {_age(found.p90_s)}",
        "Without any fact": _share(found.missing),
        "Declared freshness": declared,
    }


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _age(seconds: float | None) -> str:
    """An age for people; a fact dated in the future is ahead."""
    return "" if seconds is None else span_text(seconds) if seconds >= 0 else f"{span_text(-seconds)} ahead"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _value(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:,.5g}"
