"""The text of a first system file: Python a person can read, change and run."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hindcast.expressions import Expression
from hindcast.quality.leaks import Leak
from hindcast.values import DAY_US, duration_text, duration_us

__all__ = ["Plan", "system_text"]


MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a first system file says.

    Parameters
    ----------
    name, table : str
        Of the system and of its table of requests.
    path : str
        The data, relative to the system file.
    zone : str
    time : str
        The column that says when a question is asked.
    as_of, known_after : str
        Durations: asked this long before, known this long after the time.
    key : sequence of str
    entity : str
        Empty for none.
    target : str
        A condition.
    rate : float
        Share of positive rows.
    features, skipped : sequence of str
        Request columns that are features; those that are left out as too varied to learn from.
    suspects : sequence of Leak
    slices : sequence of str
    days : float
        How long the data reach.
    rows : int
    date_only : bool
        Whether all times are midnights.
    made : str
        What was changed in a copy of the data; empty for nothing.
    """

    name: str
    table: str
    path: str
    zone: str
    time: str
    as_of: str
    known_after: str
    key: Sequence[str]
    entity: str
    target: str
    rate: float
    features: Sequence[str]
    skipped: Sequence[str]
    suspects: Sequence[Leak]
    slices: Sequence[str]
    days: float
    rows: int
    date_only: bool
    made: str


def system_text(plan: Plan) -> str:
    """The system file of `plan`, the same text for the same plan."""
    key = _value(plan.key[0] if len(plan.key) == 1 else tuple(plan.key))
    time, target = _value(plan.time), _value(plan.target)
    answers = sorted(Expression(plan.target).names)
    outcome_columns = dict.fromkeys(
        [*answers, *([plan.entity] if plan.entity else []), *(s.name for s in plan.suspects)]
    )
    request_columns = [c for c in (*plan.features, *plan.skipped) if c not in (*plan.key, plan.time)]
    known = duration_text(duration_us(plan.as_of) + MINUTE_US)
    windows = _windows(plan.days)
    assumed_request = _comment(
        f"Assumed: everything in this view is known {known} before {time}. If a column is filled in later, move it to "
        "the other view: hindcast cannot see that in the data."
    )
    assumed_outcome = _comment(
        f"Assumed: the outcome is known {plan.known_after} after {time}. If a column says when, write "
        'known="that_column" instead of known_after.'
    )
    return f'''"""Predict {_line(plan.target)} for each row of {_line(plan.path)}.

A first system, written by `hindcast init` from guesses: read it, correct it, then

    hindcast run system.py          # trains, judges, promotes
    hindcast replay system.py --from DAY --report report.html
"""

import numpy as np

import hindcast as hc

ZONE = {_value(plan.zone)}  # whose clock times without an offset are read on, and whose days are counted

# ---- facts: what happened, and when it could first be known ----
# One file, two views: what is known when the question is asked, and what came of it, known later.

raw = hc.files({_value(plan.path)}, zone=ZONE)

{assumed_request}{plan.table} = hc.Table(
    {_value(plan.table)}, raw, key={key}, event_time={time}, known=hc.before({time}, {_value(known)}),
    columns={_list(request_columns, 4)},
)  # fmt: skip

{_suspicion(plan.suspects)}{assumed_outcome}outcomes = hc.Table(
    "outcomes", raw, key={key}, event_time={time}, known_after={_value(plan.known_after)},
    columns={_list(outcome_columns, 4)},
)  # fmt: skip

positive = hc.outcome(outcomes, {target}, on={key})  # true for {plan.rate:.1%} of the rows


# ---- features that are plain functions: the name is the feature, the parameters are its inputs ----


{_functions(plan, windows)}

# ---- the system ----

{_system(plan, windows)}'''


def _suspicion(found: Sequence[Leak]) -> str:
    if not found:
        return ""
    named = "; ".join(f"{s.name}: {s.why}" for s in found)
    return _comment(
        f"SUSPECTED LEAKS, so they are in this view and no features: {named}. A column that knows the answer is "
        "usually filled in afterwards. If one is in truth known when the question is asked, move it to the view above "
        "and to hc.request(...)."
    )


def _functions(plan: Plan, windows: Sequence[str]) -> str:
    time = plan.time
    parts = [f"def {time}_weekday({time}):\n    return hc.local_weekday({time}, ZONE)\n"]
    if not plan.date_only:
        parts.append(f"def {time}_clock({time}):\n    return hc.local_hour({time}, ZONE)\n")
    tail = f"_by_{plan.entity}" if plan.entity else ""
    whose = f", for the same {plan.entity}" if plan.entity else ""
    for window in windows:
        hits, seen = f"positives_count_{window}{tail}", f"answers_count_{window}{tail}"
        parts.append(
            f"def positive_rate_{window}({hits}, {seen}):\n"
            f'    """How often it was true in the last {window}{whose}."""\n'
            f"    return {hits} / np.maximum({seen}, 1)\n"
        )
    return "\n\n".join(parts)


def _system(plan: Plan, windows: Sequence[str]) -> str:
    by = f", by={_value(plan.entity)}" if plan.entity else ""
    clock = [f"{plan.time}_weekday", *([] if plan.date_only else [f"{plan.time}_clock"])]
    functions = ", ".join([*clock, *(f"positive_rate_{window}" for window in windows)])
    over = _value(list(windows))
    request = f"        hc.request{_call(plan.features, 8)},\n" if plan.features else ""
    skipped = _comment(f"Left out (too many different values, only one, or a time): {', '.join(plan.skipped)}.", 8)
    payoffs = _comment(
        "MADE UP: what is it worth to act on a row that turns out positive, and what does a false alarm cost? With "
        f"these it acts above {plan.rate:.1%}, the share of positive rows.",
        4,
    )
    maturity = duration_text(duration_us(plan.as_of) + duration_us(plan.known_after))
    as_of = f"hc.before({_value(plan.time)}, {_value(plan.as_of)})"
    assumptions = [
        f"The columns of {plan.table} are known before {plan.time}.",
        f"Outcomes are known {plan.known_after} after {plan.time}.",
        f"Times without an offset are read on the clock of {plan.zone}.",
        "The payoffs of the goal are made up.",
        *([plan.made] if plan.made else []),
    ]
    return f"""system = hc.System(
    name={_value(plan.name)},
{payoffs}    goal=hc.Goal("act on it", hit=1.0, false_alarm={-plan.rate / (1 - plan.rate):.3g}, unit="points"),
    predict=hc.Binary({plan.table}, as_of={as_of}, label=positive, maturity={_value(maturity)}),
    features=[
{request}{skipped if plan.skipped else ""}        {functions},
        hc.window(outcomes, over={over}, where={_value(plan.target)}{by}, name="positives"),
        hc.window(outcomes, over={over}{by}, name="answers"),
    ],
    models=[hc.logistic(), hc.lightgbm()],
    gates=[hc.beats_baselines("log_loss"), hc.calibrated(0.1)],
    rollout=[],  # such as hc.shadow("7d"), hc.canary([0.05, 0.25, 1.0], every="3d")
    retrain=[hc.every("30d")],  # also hc.on_drift(), hc.on_decay(), hc.on_volume(10_000)
    training=hc.Training(validation={_value(_validation(plan.days))}, min_rows={max(2, min(200, plan.rows // 20))}),
    monitoring=hc.Monitoring(zone=ZONE),
    slices={_value(list(plan.slices))},
    assumptions=[
{_each(assumptions, 8)}    ],
)
"""


# ---- pieces ---------------------------------------------------------------------------------------------


def _windows(days: float) -> list[str]:
    if days > 120:
        return ["7d", "30d"]
    return ["24h", "7d"] if days > 14 else ["6h", "24h"]


def _validation(days: float) -> str:
    for text in ("180d", "90d", "60d", "30d", "14d", "7d", "3d", "24h", "6h"):
        if duration_us(text) <= 0.2 * days * DAY_US:
            return text
    return "1h"


def _comment(words: str, indent: int = 0) -> str:
    start = " " * indent + "# "
    return "\n".join(textwrap.wrap(_line(words), 112, initial_indent=start, subsequent_indent=start)) + "\n"


def _line(words: str) -> str:
    """One line of plain text that ends no comment and no docstring."""
    return re.sub(r"\s+", " ", words).replace("\\", "/").replace('"""', "'''").strip()


def _value(value: str | Sequence[str]) -> str:
    """A text, or a list or tuple of texts, as Python writes it, in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    inner = ", ".join(map(_value, value))
    return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"


def _list(names: Iterable[str], indent: int) -> str:
    names = list(names)
    flat = _value(names)
    if len(flat) + indent + 10 <= 112:
        return flat
    return "[\n" + _wrapped(names, indent + 4) + "\n" + " " * indent + "]"


def _call(names: Sequence[str], indent: int) -> str:
    flat = f"({', '.join(map(_value, names))})"
    return flat if len(flat) + indent + 12 <= 112 else f"(\n{_wrapped(names, indent + 4)}\n{' ' * indent})"


def _wrapped(names: Sequence[str], indent: int) -> str:
    lines, line = [], ""
    for name in names:
        piece = f"{_value(name)}, "
        if line and len(line) + len(piece) + indent > 112:
            lines.append(line)
            line = ""
        line += piece
    return "\n".join(" " * indent + text.rstrip() for text in [*lines, line])


def _each(values: Iterable[str], indent: int) -> str:
    return "".join(f"{' ' * indent}{_value(_line(value))},\n" for value in values)
