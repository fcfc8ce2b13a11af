"""``hindcast lineage``: where a model's labels come from, what became of a request, and who learnt from a bad fact."""

from __future__ import annotations

from pathlib import Path

import click

from hindcast.cli.grouping import Command

__all__ = ["lineage"]


@click.command(
    cls=Command,
    short_help="Labels of a model, outcome of a request, reach of a bad fact.",
    epilog="hindcast lineage system.py --item c17",
)
@click.argument("system", type=click.Path(path_type=Path), metavar="SYSTEM.PY")
@click.option("--model", metavar="VERSION", help="What this version learnt from.  [default: the champion]")
@click.option("--request", metavar="ID", help="Its prediction, its outcome with corrections, and who learnt from it.")
@click.option("--file", metavar="NAME", help="Which models learnt from this file's facts, and what they predicted.")
@click.option("--fact", metavar="TABLE:NUMBER", help="The same for one fact, by its place in the order of landing.")
@click.option("--item", metavar="ID", help="The same for all that people decided of an item.")
@click.option("-n", "--rows", type=click.IntRange(0), default=20, show_default=True, help="So many rows; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), envvar="HINDCAST_HOME", show_envvar=True,
    help="Where facts, models and the ledger are kept; by default .hindcast beside the system file.",
)  # fmt: skip
def lineage(
    system: Path, model: str | None, request: str | None, file: str | None, fact: str | None, item: str | None,
    rows: int, as_json: bool, home: Path | None,
) -> int:  # fmt: skip
    """Where the labels of a model come from: each with when it became known, the file or the people that say so, and
    which rules voted. With --request what became of one request; with --file, --fact or --item which models learnt from
    it, and what they predicted. Lands nothing.

    Leaves with 1 when the rows that a model was trained on are not found again as they were.
    """
    from hindcast.assemble import open_system
    from hindcast.cli.lineages import print_forward, print_model, print_request
    from hindcast.cli.results import print_json

    if sum(given is not None for given in (model, request, file, fact, item)) > 1:
        raise click.UsageError("give one of --model, --request, --file, --fact and --item.")
    found = open_system(system, home).lineage()
    if request is not None:
        told, show = found.request(request), print_request
    elif model is None and (file, fact, item) != (None, None, None):
        told, show = found.forward(file=file, fact=fact, item=item, rows=rows), print_forward
    else:
        told, show = found.model(model, rows), print_model
    print_json(told) if as_json else show(told)
    return 0 if told.get("verified", True) else 1
