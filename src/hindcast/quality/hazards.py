"""What would spoil a first model on a table: one look each for leaks, copies, gaps, drift and thin classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.columns import Frame
from hindcast.findings import Finding
from hindcast.quality.floors import Floor
from hindcast.quality.framing import Framing
from hindcast.quality.guess import profile
from hindcast.quality.leaks import SURE_LEAK, alone, parts_of, suspects
from hindcast.quality.missing import MissingColumn
from hindcast.values import Bools, Floats, Ints, iso

__all__ = ["Roles", "hazards", "leaking_columns", "row_codes", "worst_first"]

_RANK = {"stop": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns stand for what; empty for none."""

    label: str
    time: str = ""
    entity: str = ""
    label_time: str = ""
    source: str = ""


def hazards(
    frame: Frame,
    roles: Roles,
    framing: Framing,
    inputs: Frame,
    order: Ints,
    gaps: Sequence[MissingColumn],
    by_time: Sequence[Floor],
    at_random: Sequence[Floor],
) -> list[Finding]:
    """All findings of a table but leaks, the worst first.

    Parameters
    ----------
    frame, roles, framing, gaps
        Those of :func:`hindcast.quality.scope`, worked out.
    inputs : Frame
        The columns that could be learnt from.
    order : int64 array
        Places of rows in the order of time.
    by_time, at_random : sequence of Floor
        Scores where the rows are split by time, and where they are split at random.
    """
    found: list[Finding] = []
    time = roles.time
    if not time:
        found.append(
            Finding(
                "HC001",
                "table",
                "warn",
                "No column says when a row happened.",
                "Add the moment: a split at random hides every change of the world and every leak of the future.",
            )
        )
    found += _copies(frame, inputs, framing, order, bool(time))
    if time and framing.kind != "unlabelled":
        found += _drift(by_time, at_random)
        found += _censored(framing, order, roles.label)
    if roles.entity:
        found += _groups(frame, roles.entity)
    found += _prepared(inputs, framing)
    found += _gaps(gaps, frame, order, time)
    found += _thin(framing)
    found += _useless(inputs)
    if roles.source:
        found += _collection(inputs, frame, roles.source)
    return found


def worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by severity, then by number and place."""
    return tuple(sorted(found, key=lambda f: (_RANK[f.severity], f.number, f.where)))


def row_codes(frame: Frame, names: Sequence[str]) -> Ints:
    """A number per row, equal exactly where all of `names` are equal (null equals null), shape (n,)."""
    codes = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        column = frame[name]
        if column.kind == "list":
            part = np.unique([repr(item) for item in column.values], return_inverse=True)[1]
        else:
            part = column.codes()[0]
        _, codes = np.unique(codes * (int(part.max(initial=0)) + 2) + part + 1, return_inverse=True)
    return codes.astype(np.int64)


# ---- columns that know the answer -------------------------------------------------------------------------


def leaking_columns(frame: Frame, framing: Framing, number: Floats, inputs: Frame, roles: Roles) -> Iterator[Finding]:
    """Columns that know the answer, or add up to it; `number` is the label as one number per row, shape (n,)."""
    if framing.kind == "unlabelled":
        return
    sums = parts_of(frame, [roles.label], list(inputs)) if framing.kind == "regression" else []
    for leak in sums:
        yield Finding(
            "HC004", leak.name, "stop", f"It is a part of the outcome: {leak.why}.", "Leave it out of the features."
        )
    held = (number > np.nanmedian(number)).astype(np.float64) if framing.kind == "regression" else number
    held = np.where(np.isnan(number), np.nan, held)
    clock = frame if roles.time else frame.having(_row=np.arange(len(frame), dtype=np.float64))
    names = [n for n in frame if n in inputs or (frame[n].kind == "time" and n not in (roles.time, roles.label_time))]
    names = [n for n in names if n not in {leak.name for leak in sums} and frame[n].kind != "list"]
    hints = suspects(clock, held, roles.time or "_row", names)
    sure = [leak for leak in hints if leak.strength >= SURE_LEAK]
    if len(sure) >= 3:
        yield Finding(
            "HC003",
            ", ".join(leak.name for leak in sure[:6]),
            "warn",
            f"{len(sure)} columns tell the outcome almost perfectly, each alone (AUC from "
            f"{min(leak.strength for leak in sure):.2f}).",
            "Either the question is easy, or they were written down with the answer: ask when they become known.",
        )
        hints = [leak for leak in hints if leak not in sure]
    for leak in hints:
        if np.isnan(leak.strength):
            yield Finding(
                "HC002",
                leak.name,
                "warn",
                f"It {leak.why}.",
                "It is known only later: make it a table of its own with its own known time.",
            )
        else:
            yield Finding(
                "HC003",
                leak.name,
                "stop" if leak.strength >= SURE_LEAK else "warn",
                f"{leak.why[:1].upper()}{leak.why[1:]}.",
                "Ask when it becomes known; if that is after the question, leave it out.",
                {"auc": round(leak.strength, 4)},
            )


# ---- copies -----------------------------------------------------------------------------------------------


def _copies(frame: Frame, inputs: Frame, framing: Framing, order: Ints, timed: bool) -> Iterator[Finding]:
    n = len(frame)
    whole = row_codes(frame, frame.names)
    copies = n - len(np.unique(whole))
    if copies:
        yield Finding(
            "HC005",
            "table",
            "warn" if copies / n > 0.001 else "note",
            f"{copies:,} of {n:,} rows repeat another one ({copies / n:.1%}).",
            "Drop repeats before any split, unless the same thing really happened twice.",
            {"copies": copies, "distinct": n - copies},
        )
        cut = len(order) * 3 // 4
        shared = np.isin(whole[order[cut:]], whole[order[:cut]])
        if shared.mean() > 0.001:
            part = "the last quarter" if timed else "a random quarter"
            yield Finding(
                "HC020",
                "table",
                "stop" if shared.mean() > 0.05 else "warn",
                f"{shared.mean():.1%} of {part} stand word for word in the rows before it.",
                "A test on them would ask what was learnt by heart: drop repeats first.",
                {"share": round(float(shared.mean()), 4)},
            )
    if not inputs.names or framing.kind in ("unlabelled", "regression"):
        return
    yield from _conflicts(row_codes(inputs, inputs.names), framing)
    yield from _balanced(whole, framing)


def _conflicts(same: Ints, framing: Framing) -> Iterator[Finding]:
    known = ~np.isnan(framing.label)
    pairs = np.unique(np.column_stack([same[known], framing.label[known].astype(np.int64)]), axis=0)
    inputs, labels = np.unique(pairs[:, 0], return_counts=True)
    disputed = np.isin(same, inputs[labels > 1]) & known
    if disputed.any():
        yield Finding(
            "HC006",
            "label",
            "warn" if disputed.mean() > 0.01 else "note",
            f"{int(disputed.sum()):,} rows share all their inputs with a row of another label.",
            "Have them looked at, or find the column that would tell them apart; no model can.",
            {"rows": int(disputed.sum())},
        )


def _balanced(whole: Ints, framing: Framing) -> Iterator[Finding]:
    """Classes of exactly one size, or one class alone that repeats itself: somebody balanced the table."""
    if len(framing.classes) < 2 or min(framing.counts) < 50:
        return
    _, first = np.unique(whole, return_index=True)
    fresh: Bools = np.zeros(len(whole), dtype=np.bool_)
    fresh[first] = True
    repeats = [float((~fresh[framing.label == k]).mean()) for k in range(len(framing.classes))]
    most = int(np.argmax(repeats))
    others = max(r for k, r in enumerate(repeats) if k != most)
    rest = max(n for k, n in enumerate(framing.counts) if k != most)
    if framing.counts[most] > 1.1 * rest:  # nobody copies the class there is most of
        return
    if repeats[most] > 0.2 and repeats[most] > 10 * max(others, 0.001):
        yield Finding(
            "HC010",
            "label",
            "stop",
            f"{repeats[most]:.0%} of the rows of {framing.classes[most]!r} repeat another, {others:.1%} of the others.",
            "It looks oversampled before the split: go back to the rows as they were, and rebalance inside training.",
        )
    elif len(framing.classes) == 2 and framing.counts[0] == framing.counts[1]:
        yield Finding(
            "HC010",
            "label",
            "note",
            f"Both classes have exactly {framing.counts[0]:,} rows.",
            "If somebody made them equal, probabilities will be wrong for the world: learn its base rate.",
        )


# ---- time -------------------------------------------------------------------------------------------------


def _drift(by_time: Sequence[Floor], at_random: Sequence[Floor]) -> Iterator[Finding]:
    """Whether a split at random would flatter: the first model's loss under both, each against its own base rate."""
    if not by_time or not at_random:
        return
    zero, model, zero_random, model_random = by_time[0], by_time[-1], at_random[0], at_random[-1]
    worse = model.low > model_random.high
    moved = zero.low > zero_random.high or zero.high < zero_random.low
    if not worse and not moved:
        return
    says = []
    if worse:
        promise = f"A split at random would promise {model.metric} {model_random.value:.3f}"
        says.append(f"{promise}; split by time it is {model.value:.3f}")
    if moved:
        says.append(f"the label itself moves (floor {zero_random.value:.3f} at random, {zero.value:.3f} later)")
    text = "; ".join(says)
    yield Finding(
        "HC007",
        "table",
        "warn",
        f"{text[:1].upper()}{text[1:]}.",
        "Split by time, with the labels' delay as the gap; expect to train again.",
        {"random": round(model_random.value, 4), "time": round(model.value, 4)},
    )


def _censored(framing: Framing, order: Ints, label: str) -> Iterator[Finding]:
    gone = np.isnan(framing.label[order])
    if not gone.any() or len(gone) < 100:
        return
    tail = len(gone) * 9 // 10
    early, late = float(gone[:tail].mean()), float(gone[tail:].mean())
    if late > max(2 * early, early + 0.05):
        yield Finding(
            "HC014",
            label,
            "warn",
            f"{late:.0%} of the newest tenth of rows have no label, {early:.0%} of the older ones.",
            "Those labels are still to come: keep rows younger than the labels' delay out of training and of scores.",
        )


def _groups(frame: Frame, entity: str) -> Iterator[Finding]:
    found = profile(entity, frame[entity])
    rows = len(frame) - found.missing
    if found.distinct and rows / found.distinct >= 1.5:
        yield Finding(
            "HC008",
            entity,
            "note",
            f"{rows / found.distinct:.1f} rows for each of {found.distinct:,} values.",
            "A split at random puts one entity on both sides: split by time, or keep an entity on one side.",
        )


# ---- columns ----------------------------------------------------------------------------------------------


def _prepared(inputs: Frame, framing: Framing) -> Iterator[Finding]:
    """Columns whose mean and spread, or ends, are exactly those a scaler leaves over the whole table."""
    scaled, ranged, filled, seen = [], [], [], 0
    for name in inputs:
        if inputs[name].kind != "number":
            continue
        x = inputs[name].floats()
        x = x[np.isfinite(x)]
        if len(x) < 100 or len(np.unique(x)) < 20:
            continue
        seen += 1
        if abs(float(x.mean())) < 1e-6 and abs(float(x.std()) - 1) < 1e-2:
            scaled.append(name)
        elif x.min() == 0 and x.max() == 1:
            ranged.append(name)
        values, counts = np.unique(x, return_counts=True)
        common = values[counts.argmax()]
        rest = x[x != common]
        if counts.max() > 0.02 * len(x) and rest.size and abs(common - rest.mean()) < 1e-9 * max(1.0, abs(common)):
            filled.append(name)
    if scaled or (len(ranged) >= 3 and len(ranged) >= 0.8 * seen):
        names = scaled or ranged
        what = "mean 0 and spread 1" if scaled else "least 0 and greatest 1"
        yield Finding(
            "HC009",
            ", ".join(names[:6]),
            "note",
            f"{len(names)} columns have {what} over all rows.",
            "A scaler has seen the test rows: take the raw columns, models scale on their training part.",
        )
    if filled:
        yield Finding(
            "HC009",
            ", ".join(filled[:6]),
            "warn",
            "The most frequent value is the mean of all the others.",
            "Gaps were filled over all rows, the test rows too: take the raw columns.",
        )


def _gaps(gaps: Sequence[MissingColumn], frame: Frame, order: Ints, time: str) -> Iterator[Finding]:
    for gap in gaps:
        if gap.since is not None:
            when = ""
            if time:
                when = f" at {iso(int(frame[time].values[order[min(gap.since, len(order) - 1)]]))}"
            yield Finding(
                "HC012", gap.name, "warn", f"It begins or stops{when}; {gap.share:.0%} of rows lack it.", gap.advice
            )
        elif not np.isnan(gap.label_gap) and abs(gap.label_gap) > 0.05 and gap.label_gap_low * gap.label_gap_high > 0:
            yield Finding(
                "HC011",
                gap.name,
                "note",
                f"Where it is missing ({gap.share:.0%}) the label is {gap.label_gap:+.2f} higher ({gap.mechanism}).",
                gap.advice,
            )


def _thin(framing: Framing) -> Iterator[Finding]:
    if framing.kind in ("unlabelled", "regression"):
        return
    thin = [(c, n) for c, n in zip(framing.classes, framing.counts, strict=True) if n < 100]
    if thin:
        shown = ", ".join(f"{c} ({n})" for c, n in thin[:6]) + (f" and {len(thin) - 6} more" if len(thin) > 6 else "")
        yield Finding(
            "HC013",
            "label",
            "warn",
            f"Under 100 rows of {shown}.",
            "Scores of so few are guesses: have more of them labelled (hindcast.active), or put classes together.",
        )


def _useless(inputs: Frame) -> Iterator[Finding]:
    for name in inputs:
        found = profile(name, inputs[name])
        rows = len(inputs) - found.missing
        if found.distinct <= 1:
            yield Finding(
                "HC015", name, "note", "It is the same in every row.", "Leave it out; watch for the day it changes."
            )
        elif found.kind == "text" and rows >= 100 and found.distinct > 0.9 * rows:
            words = np.mean([len(str(w).split()) for w in inputs[name].vocabulary[:200]])  # type: ignore[index]
            if words < 3:
                yield Finding(
                    "HC016",
                    name,
                    "note",
                    f"{found.distinct:,} different values in {rows:,} rows.",
                    "It names rows: use it as a key or an entity, not as a feature.",
                )


def _collection(inputs: Frame, frame: Frame, source: str) -> Iterator[Finding]:
    """Columns that tell how a row was collected, against the commonest source."""
    codes, values = frame[source].codes()
    if not (codes >= 0).any():
        return
    commonest = int(np.bincount(codes[codes >= 0]).argmax())
    mine = (codes == commonest).astype(np.float64)
    for name in inputs:
        strength = alone(inputs[name], mine) if inputs[name].kind != "list" else 0.5
        if strength >= 0.9:
            yield Finding(
                "HC017",
                name,
                "warn",
                f"It tells rows of {values[commonest]!r} from the others (AUC {strength:.2f}).",
                "A model would learn the source instead of the subject: leave it out, or judge per source.",
                {"auc": round(strength, 4)},
            )
