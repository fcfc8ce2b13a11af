"""What the commands print: runs, verdicts, ledger entries and versions, as tables or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.cli.tables import Grid, print_grid
from hindcast.web.words import figure, moment_text

if TYPE_CHECKING:
    from hindcast.backfill import BackfillReport
    from hindcast.monitor import SkewReport
    from hindcast.registry import Entry
    from hindcast.verdicts import Verdict

__all__ = [
    "json_text", "print_backfill", "print_json", "print_ledger", "print_models", "print_run", "print_skew",
    "print_verdicts",
]  # fmt: skip

SIGNS = {"pass": "pass", "fail": "FAIL", "unknown": "unknown"}
LONGEST_REASON = 110


def json_text(value: Any) -> str:
    """Indented JSON with sorted keys; a number that is none becomes null. Equal values give equal text.

    Examples
    --------
    >>> print(json_text({"b": float("nan"), "a": [1]}), end="")
    {
      "a": [
        1
      ],
      "b": null
    }
    """
    import json

    return json.dumps(_finite(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json_text(value))


def print_run(found: Mapping[str, Any], system: Path) -> None:
    """Print what a run came to: candidates and floors, the gates, and what to do next."""
    scores = found.get("scores") or {}
    rows = [
        [str(name), *(figure(mine.get(key)) for key in ("auc", "log_loss", "ece"))] for name, mine in scores.items()
    ]
    if rows:
        print_grid(Grid("", ["Candidates, newest stretch", "AUC", "Log loss", "Calibration error"], rows))
        print()
    verdicts = found.get("verdicts") or []
    if verdicts:
        gates = [[SIGNS.get(v["outcome"], v["outcome"]), v["check"], _short(v["reason"])] for v in verdicts]
        print_grid(Grid("", ["Gate", "Check", "Why"], gates, left=(0, 1, 2)))
        print()
    version, learner = found.get("version"), found.get("learner")
    what = f"{version} ({learner})" if learner else str(version)
    if found.get("promoted"):
        print(f"{what} is the champion of {found.get('system')} at {moment_text(found.get('until'))}.")
        print(
            f"Next: hindcast serve {system}, or hindcast replay {system} --from DAY to see what it would have earned."
        )
    elif found.get("stage"):
        print(f"{what} passed its gates and is on trial ({found['stage']}) beside the champion.")
        print(f"Next: hindcast up {system}, which carries the trial on.")
    else:
        print(f"{what} is not promoted: a gate did not pass, or another is on trial. Nothing else changed.")


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print checks with their outcome and reason."""
    rows = [[SIGNS[v.outcome], v.check, v.reason] for v in verdicts]
    if rows:
        print_grid(Grid("", ["", "Check", "Why"], rows, left=(0, 1, 2)))
    failed = sum(not v.ok for v in verdicts)
    print(f"\n{len(rows)} checks, {failed} without a pass." if rows else "Nothing was checked.")


def print_backfill(report: BackfillReport, *, as_json: bool) -> None:
    """Print what was computed and why, and what was read back."""
    if as_json:
        print_json(report.as_dict())
        return
    rows = [[r.why, f"{len(r.features):,}", f"{r.rows:,}", _short(", ".join(r.features))] for r in report.reasons]
    if rows:
        print_grid(Grid("", ["Computed because", "Features", "Requests", ""], rows, left=(0, 3)))
        print()
    for table, facts in report.landed.items():
        print(f"{table}: {facts:,} facts landed since, {report.dirty.get(table, 0):,} requests touched.")
    for notice in report.notices:
        print(f"Notice: {notice}")
    whole = report.cells + report.cells_reused
    print(
        f"{len(report.computed):,} features of {report.requests:,} requests: {report.cells:,} of {whole:,} values "
        f"computed, the others kept ({report.seconds:.1f} s)."
    )


def print_skew(report: SkewReport, verdict: Verdict, *, as_json: bool) -> None:
    """Print the features that were served otherwise, why, and a first value of each."""
    if as_json:
        print_json({**report.as_dict(), "outcome": verdict.outcome, "reason": verdict.reason})
        return
    rows = [
        [
            f.feature, *(f"{n:,}" for n in (f.rows, f.mismatched, f.missing, f.extra)),
            *(figure(size) if size == size else "-" for size in (f.typical, f.largest)),  # noqa: PLR0124
            ", ".join(f"{cause} {many:,}" for cause, many in f.causes.items()),
        ]
        for f in report.features
        if f.different
    ]  # fmt: skip
    if rows:
        headings = ["Feature", "Compared", "Mismatch", "Missing", "Extra", "Typically by", "At most by", "Cause"]
        print_grid(Grid("", headings, rows, left=(0, 7)))
        print()
        shown = {(e.feature, e.cause): e for e in reversed(report.examples)}
        rows = [
            [e.feature, e.cause, e.detail, str(e.key), _value(e.served), _value(e.recomputed)]
            for e in reversed(shown.values())
        ]
        print_grid(Grid("", ["Such as", "Cause", "", "Request", "Served", "Recomputed"], rows, left=(0, 1, 2, 3)))
        print()
    print(f"{SIGNS[verdict.outcome]}: {verdict.reason}.")
    left = [f"{many:,} {reason}" for reason, many in report.left_out.items() if many]
    if left:
        print(f"Requests left out: {', '.join(left)}.")


def _value(value: Any) -> str:
    return "null" if value is None else _short(value)


def print_ledger(entries: Iterable[Entry], *, as_json: bool) -> None:
    """Print ledger entries, a line each."""
    if as_json:
        import json

        for entry in entries:
            fields = {name: getattr(entry, name) for name in ("number", "at_us", "system", "target", "kind", "group")}
            body = _finite({**fields, "body": entry.body})
            print(json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False))
        return
    from hindcast.values import iso

    rows = [[str(e.number), moment_text(iso(e.at_us)), e.kind, _short(_said(e.body))] for e in entries]
    if rows:
        print_grid(Grid("", ["No.", "At (UTC)", "Kind", "What and why"], rows, left=(1, 2, 3)))
    else:
        print("The ledger holds no such entries.")


def print_models(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print versions with role and scores."""
    if as_json:
        print_json(list(found))
        return
    if not found:
        print("No versions yet; `hindcast run` trains the first.")
        return
    rows = []
    for version in found:
        scores = version.get("metrics") or version.get("scores") or {}
        mine = scores.get(version.get("learner"), scores) if isinstance(scores, Mapping) else {}
        rows.append(
            [
                str(version.get("version")),
                str(version.get("role", "")),
                str(version.get("learner", "")),
                moment_text(version.get("at")),
                *(
                    figure(mine.get(key)) if isinstance(mine, Mapping) else "missing"
                    for key in ("auc", "log_loss", "ece")
                ),
                str(version.get("verdict", "")),
            ]
        )
    headings = ["Version", "Role", "Learner", "Made (UTC)", "AUC", "Log loss", "Calibration error", "Gates"]
    print_grid(Grid("", headings, rows, left=(0, 1, 2, 3, 7)))


def _said(body: Mapping[str, Any]) -> str:
    """The sentence of an entry: what it names, and its reason."""
    named = [str(body[key]) for key in ("version", "name", "stage", "check", "trigger") if body.get(key)]
    reason = body.get("reason") or body.get("sentence") or body.get("failed") or body.get("outcome") or ""
    return f"{' '.join(dict.fromkeys(named))}: {reason}" if named and reason else " ".join(named) or str(reason)


def _short(text: Any) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
