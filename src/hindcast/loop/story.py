"""The story of a replay: the figures a manager, an analyst and an engineer ask for, as plain values.

Everything here is derived: from what was answered, what came of it, and the ledger. Intervals are by days drawn with
replacement, since the requests of one day share its weather. Months and days are those of the system's zone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.evaluate import importance
from hindcast.loop.history import History
from hindcast.loop.replay import Replayed
from hindcast.loop.trainer import Trained, Trainer
from hindcast.metrics import auc, by_slice, calibration_curve, difference, ece, interval, log_loss
from hindcast.registry import Entry
from hindcast.trainset.maturity import delay_quantiles
from hindcast.values import DAY_US, HOUR_US, SECOND_US, Bools, Floats, Ints, iso, zone_offset_us

__all__ = ["tell"]

_SUMMARY_NAMES = {"renewed": "replay", "never": "frozen", "straight": "straight"}
_DIGITS = 6
_LARGEST_SLICES = 20


def tell(replays: Mapping[str, Replayed], trainer: Trainer) -> dict[str, Any]:
    """The story of these replays of one stretch, by policy name; the schema is described in docs/reference/story.md.

    Plain JSON, the same bytes for the same facts, declaration and seed.
    """
    first = next(iter(replays.values()))
    main = replays.get("renewed", first)
    history, system = first.history, first.history.system
    goal, label = system.goal, first.label
    scored = first.scored
    day = _days(first.as_of, system.monitoring.zone)
    champion = first.loop._trained["v1"]
    delays = history.delays()
    floors = _baselines(champion, first, scored, day)
    summary: dict[str, Any] = {
        **{_SUMMARY_NAMES[name]: _scores(r, scored, day) for name, r in replays.items()},
        "baselines": {f["name"]: {"log_loss": f["log_loss"], "value": f["value"]} for f in floors},
        "months": _months(main, scored),
        "promotions": len(main.entries("promotion", "rollback")),
        "alerts": len(main.entries("alert")),
        "retrainings": len(main.entries("retraining")),
        "trainings": len(trainer.moments),
        "label_delay_p50_s": _seconds(delay_quantiles(history.spine, [0.5])[0]) if len(delays) else None,
        "maturity_s": _seconds(history.maturity_us(first.until_us)),
        "rows": {
            **dict(history.rows),
            "requests": len(label),
            "scored": int(scored.sum()),
            "unlabelled": int((~scored).sum()),
        },
        "spine": dict(history.spine.counts),
        "assumptions": _assumptions(history),
        "ledger": {name: r.registry.ledger.content_hash() for name, r in sorted(replays.items())},
        "period": {"from": iso(first.since_us), "until": iso(first.until_us)},
        "identity": system.identity,
        "facts": dict(sorted(history.fingerprints.items())),
    }
    if "renewed" in replays and "never" in replays:
        a, b = replays["renewed"].probability, replays["never"].probability
        gain = difference("value", label[scored], a[scored], b[scored], day[scored], goal=goal, seed=system.seed)
        summary["gain"] = {"value": _r(gain.value), "low": _r(gain.low), "high": _r(gain.high)}
    return {
        "system": system.name,
        "target": system.target.name,
        "goal": {**goal.describe(), "threshold": _r(goal.threshold)},
        "period": summary["period"],
        "summary": summary,
        "policies": {name: _daily(r, scored, day) for name, r in replays.items()},
        "decisions": [d for name, r in replays.items() for d in _decisions(name, r)],
        "label_delay": _delay_histogram(history, delays, first.until_us),
        "drift": _drift(main),
        "calibration": {name: _calibration(r, scored) for name, r in replays.items()},
        "importance": _importance(main, champion, scored),
        "slices": {column: _slices(main, scored, day, column) for column in system.slices},
        "baselines": floors,
        "assumptions": summary["assumptions"],
        "exactness": _exactness(),
        "compute": {"trainings": len(trainer.moments), "requests": len(label), "policies": len(replays)},
    }


def _r(x: float, digits: int = _DIGITS) -> float | None:
    return None if not math.isfinite(x) else round(float(x), digits)


def _seconds(us: int) -> float:
    return us / SECOND_US


def _days(as_of: Ints, zone: str) -> Ints:
    days: Ints = (as_of + zone_offset_us(as_of, zone)) // DAY_US
    return days


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _scores(replayed: Replayed, scored: Bools, day: Ints) -> dict[str, Any]:
    system = replayed.history.system
    label, p = replayed.label[scored], replayed.probability[scored]
    found: dict[str, Any] = {"n": int(scored.sum())}
    for metric in ("auc", "log_loss", "ece", "value"):
        estimate = interval(metric, label, p, day[scored], goal=system.goal, seed=system.seed)
        found |= {metric: _r(estimate.value), f"{metric}_low": _r(estimate.low), f"{metric}_high": _r(estimate.high)}
    found["promotions"] = len(replayed.entries("promotion", "rollback"))
    found["retrainings"] = len(replayed.entries("retraining"))
    found["alerts"] = len(replayed.entries("alert"))
    return found


def _months(replayed: Replayed, scored: Bools) -> list[dict[str, Any]]:
    system = replayed.history.system
    day = _days(replayed.as_of, system.monitoring.zone)
    months = (day.astype("datetime64[D]").astype("datetime64[M]")).astype(str)
    value = system.goal.value(system.goal.decide(np.nan_to_num(replayed.probability)), replayed.label)
    found = []
    for month in sorted(set(months.tolist())):
        asked = months == month
        rows = asked & scored
        estimate = interval(
            "value", replayed.label[rows], replayed.probability[rows], day[rows], goal=system.goal, seed=system.seed
        )
        found.append(
            {
                "month": month,
                "requests": int(asked.sum()),
                "n": int(rows.sum()),
                "auc": _r(auc(replayed.label[rows], replayed.probability[rows])),
                "log_loss": _r(log_loss(replayed.label[rows], replayed.probability[rows])),
                "ece": _r(ece(replayed.label[rows], replayed.probability[rows])),
                "value": _r(float(np.nansum(value[rows]))),
                "value_low": _r(estimate.low),
                "value_high": _r(estimate.high),
                "version": _most(replayed.version[asked]),
                "versions": sorted({str(v) for v in replayed.version[asked].tolist() if v is not None}),
            }
        )
    return found


def _most(versions: Any) -> str | None:
    names = [str(v) for v in versions.tolist() if v is not None]
    return max(sorted(set(names)), key=names.count) if names else None


def _daily(replayed: Replayed, scored: Bools, day: Ints) -> dict[str, list[Any]]:
    goal = replayed.history.system.goal
    label, p = replayed.label, replayed.probability
    value = goal.value(goal.decide(np.nan_to_num(p)), label)
    found: dict[str, list[Any]] = {n: [] for n in ("days", "value", "requests", "log_loss", "auc", "version")}
    cuts = [*np.flatnonzero(np.diff(day, prepend=day[0] - 1)).tolist(), len(day)]
    for first, last in pairwise(cuts):
        rows = slice(first, last)
        known = scored[rows]
        y, q = label[rows][known], p[rows][known]
        found["days"].append(_date(int(day[first])))
        found["value"].append(_r(float(value[rows][known].sum()), 2))
        found["requests"].append(last - first)
        found["log_loss"].append(_r(log_loss(y, q)) if len(y) else None)
        found["auc"].append(_r(auc(y, q)) if len(y) else None)
        found["version"].append(_most(replayed.version[rows]))
    return found


_TOLD = {
    "promotion": "{version} promoted: {reason}",
    "rollback": "rolled back to {version}: {reason}",
    "retraining": "retraining begun: {reason}",
    "alert": "{sentence}",
    "version": "{name} trained ({learner}, gates: {verdict}): {reason}",
    "training": "training failed: {failed}",
}


def _decisions(name: str, replayed: Replayed) -> list[dict[str, Any]]:
    told = replayed.entries(*_TOLD, "trial")
    return [{"at": iso(e.at_us), "kind": e.kind, "policy": name, "text": _sentence(e)} for e in told]


def _sentence(entry: Entry) -> str:
    body = entry.body
    if entry.kind == "trial":
        share = f" with {body['share']:.0%} of the requests" if body["stage"] == "canary" else ""
        return f"{body['version']} on trial, {body['stage']}{share}: {body['reason']}"
    return _TOLD[entry.kind].format_map({"reason": "", **body})


def _delay_histogram(history: History, delays: Ints, until_us: int) -> dict[str, Any]:
    maturity = history.maturity_us(until_us)
    counts = history.spine.counts
    if not len(delays):
        return {"edges_h": [], "counts": [], "maturity_h": maturity / HOUR_US, "unlabelled": counts["requests"]}
    top = int(np.quantile(delays, 0.999)) // HOUR_US + 1
    edges = np.linspace(0, top, min(4 * top, 96) + 1)
    inside, _ = np.histogram(delays / HOUR_US, edges)
    p50, p99 = delay_quantiles(history.spine, [0.5, 0.99])
    return {
        "edges_h": [_r(e, 4) for e in edges.tolist()],
        "counts": inside.tolist(),
        "beyond": int(len(delays) - inside.sum()),
        "maturity_h": maturity / HOUR_US,
        "p50_h": _r(p50 / HOUR_US, 3),
        "p99_h": _r(p99 / HOUR_US, 3),
        "unlabelled": int(counts["unlabelled"] + counts["censored"]),
    }


def _drift(replayed: Replayed) -> dict[str, Any]:
    """The greatest effect over its threshold, by feature and day; 1 is the threshold."""
    days: list[int] = []
    names: list[str] = []
    table: dict[tuple[str, int], float] = {}
    for watch in replayed.loop.watches:
        its_days, its_names, worst = watch.by_day(replayed.until_us)
        names += [n for n in its_names if n not in names]
        days += [int(d) for d in its_days if int(d) not in days]
        for i, name in enumerate(its_names):
            for j, at in enumerate(its_days.tolist()):
                table[name, at] = worst[i, j]
    days.sort()
    effect = [[_r(table.get((name, at), math.nan), 3) for at in days] for name in names]
    order = sorted(
        range(len(names)), key=lambda i: (-max([e for e in effect[i] if e is not None], default=0.0), names[i])
    )
    return {
        "days": [_date(d) for d in days],
        "features": [names[i] for i in order],
        "effect": [effect[i] for i in order],
    }


def _calibration(replayed: Replayed, scored: Bools) -> list[dict[str, Any]]:
    return [
        {"p": _r(b.predicted), "rate": _r(b.observed), "low": _r(b.observed_low), "high": _r(b.observed_high), "n": b.n}
        for b in calibration_curve(replayed.label[scored], replayed.probability[scored])
    ]


def _importance(replayed: Replayed, champion: Trained, scored: Bools) -> list[dict[str, Any]]:
    rows = np.flatnonzero(scored) + replayed.rows.start
    inputs = replayed.history.inputs
    found = importance(champion.model, inputs.take(rows), replayed.history.label[rows], rows=2_500, repeats=2, most=24)
    return [{"feature": i.feature, "gain": _r(i.gain), "permutation": _r(i.loss)} for i in found]


def _slices(replayed: Replayed, scored: Bools, day: Ints, column: str) -> list[dict[str, Any]]:
    system = replayed.history.system
    values = replayed.history.spine.frame[column].take(replayed.rows).take(scored)
    parts = by_slice(
        values,
        replayed.label[scored],
        replayed.probability[scored],
        day[scored],
        ("auc", "log_loss", "value"),
        goal=system.goal,
        most=_LARGEST_SLICES,
        draws=200,
        seed=system.seed,
    )
    return [
        {
            "value": s.name,
            "n": s.n,
            "auc": _r(s.scores["auc"].value),
            "auc_low": _r(s.scores["auc"].low),
            "auc_high": _r(s.scores["auc"].high),
            "log_loss": _r(s.scores["log_loss"].value),
            "value_sum": _r(s.scores["value"].value, 2),
            "positive_rate": _r(s.base_rate),
        }
        for s in parts
    ]


def _baselines(champion: Trained, replayed: Replayed, scored: Bools, day: Ints) -> list[dict[str, Any]]:
    """The floors over the same requests, as they were fitted with the first champion; and doing nothing."""
    system, label = replayed.history.system, replayed.label[scored]
    inputs = replayed.history.inputs.take(replayed.rows).take(scored)
    found = []
    for name, model in champion.baselines.items():
        p: Floats = model.predict(inputs)
        value = interval("value", label, p, day[scored], goal=system.goal, seed=system.seed)
        found.append(
            {
                "name": name,
                "auc": _r(auc(label, p)),
                "log_loss": _r(log_loss(label, p)),
                "ece": _r(ece(label, p)),
                "value": _r(value.value),
                "value_low": _r(value.low),
                "value_high": _r(value.high),
            }
        )
    nothing = float(np.sum(system.goal.inaction(label)))
    found.append({"name": "do nothing", "auc": None, "log_loss": None, "ece": None, "value": _r(nothing)})
    return found


def _assumptions(history: History) -> list[str]:
    system = history.system
    found = [str(text) for text in system.assumptions]
    for name, table in sorted(system.tables.items()):
        if table.known == "always":
            found.append(f"Table {name!r} is taken as known always: a value in it counts for every moment of history.")
    found.append(f"A training takes {system.training.takes}; a label counts from its maturity on.")
    found.append("Acting on a prediction does not change the outcome it predicts.")
    return found


def _exactness() -> list[dict[str, str]]:
    return [
        {
            "figure": "Scores of served models, months, slices, calibration",
            "kind": "exact",
            "why": "each model answered the inputs it would have been sent, and the outcomes are those that came",
        },
        {
            "figure": "Value",
            "kind": "exact",
            "why": "given the declared payoffs, and that acting does not change the outcome",
        },
        {
            "figure": "Intervals and the gain of renewing",
            "kind": "estimate",
            "why": "days are drawn with replacement: how far they could differ in another such stretch",
        },
        {
            "figure": "What people would have done differently",
            "kind": "unknown",
            "why": "history holds no trace of it; only a test in production can tell",
        },
    ]
