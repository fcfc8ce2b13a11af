"""What ``hindcast lineage`` prints: a model's labels, a request's outcome, the reach of a fact."""

from __future__ import annotations

from typing import Any

from hindcast.cli.tables import Grid, print_grid

__all__ = ["print_forward", "print_model", "print_request"]


def print_model(told: dict[str, Any]) -> None:
    """Print what a version learnt from."""
    found = "its rows are found again" if told["verified"] else "ITS ROWS ARE NOT FOUND AGAIN AS THEY WERE"
    print(
        f"{told['version']} ({told['learner']}), trained on what was known at {told['as_of']}: "
        f"{told['rows_used']:,} rows, {told['positives']:,} positive; training set {told['training_set']}, {found}"
    )
    print_grid(Grid("", ["Labels from", "Rows"], [[name, f"{count:,}"] for name, count in told["sources"].items()]))
    if told["rows"]:
        rows = [
            [row["request"], row["as_of"], str(row["label"]), row["known"], *_origin(row["fact"])]
            for row in told["rows"]
        ]
        headings = ["Request", "Asked", "Label", "Known", "Fact", "From", "Said"]
        print()
        print_grid(Grid("", headings, rows, left=(0, 1, 3, 4, 5, 6)))
    if "weak" in told:
        weak = told["weak"]
        print(f"\nRules of thumb taught others, by their {weak['by']}: {', '.join(weak['functions'])}")
        rows = [[row["request"], row["as_of"], _votes(row["votes"])] for row in told["taught"]]
        print_grid(Grid("", ["Request", "Asked", "Votes"], rows, left=(0, 1, 2)))


def print_request(told: dict[str, Any]) -> None:
    """Print what became of a request."""
    if not told["predictions"]:
        print(f"{told['request']}: the prediction log does not have it")
    for one in told["predictions"]:
        made = f" ({one['learner']}, trained on what was known at {one['trained_as_of']})" if "learner" in one else ""
        acted = "acted" if one["acted"] else "did not act"
        print(f"{one['as_of']}: {one['version']}{made} as {one['role']} said {one['probability']:.4f} and {acted}")
    rows = [["none" if row["label"] is None else str(row["label"]), row["known"] or "always", *_origin(row)]
            for row in told["outcomes"]]  # fmt: skip
    if rows:
        print_grid(Grid("", ["Outcome", "Known", "Fact", "From", "Said"], rows, left=(0, 1, 2, 3, 4)))
    else:
        print("No outcome has landed.")
    print(f"Learnt from by: {', '.join(told['learnt_by']) or 'no version'}")


def print_forward(told: dict[str, Any]) -> None:
    """Print who learnt from some facts."""
    facts = ", ".join(f"{count:,} of {table}" for table, count in told["facts"].items())
    print(f"Facts meant: {facts}")
    if not told["models"]:
        print("No model learnt from them.")
        return
    made = {one["version"]: one for one in told["predictions"]}
    rows = []
    for one in told["models"]:
        said = made.get(one["version"])
        when = ["0", "", ""] if said is None else [f"{said['predictions']:,}", said["first"], said["last"]]
        rows.append([one["version"], one["as_of"], f"{one['rows']:,} of {one['of']:,}", f"{one['taught']:,}", *when])
    headings = ["Model", "Trained on", "Rows touched", "Taught by rules", "Predictions", "First", "Last"]
    print_grid(Grid("", headings, rows, left=(0, 1, 5, 6)))
    names = [row["request"] for row in told["models"][-1]["requests"]]
    print(f"Requests touched, of the last model: {', '.join(names)}")


def _origin(fact: dict[str, Any]) -> list[str]:
    if not fact:
        return ["none", "nothing came in time", ""]
    row = "" if fact["row"] is None else f" row {fact['row']}"
    said = "; ".join(
        f"{one.get('who')} {one['what'] if 'label' not in one else one['label']} (guideline {one.get('guideline', 1)})"
        for one in fact.get("said", ())
    )
    return [f"{fact['table']}:{fact['number']}", f"{fact['file']}{row}", said]


def _votes(votes: dict[str, int]) -> str:
    return ", ".join(f"{name} {vote}" for name, vote in votes.items())
