"""``hindcast label suggest``: from a system's doubts to the labelling page."""

from __future__ import annotations

from pathlib import Path

import click

from hindcast.cli.grouping import Command

__all__ = ["suggest"]


@click.command(
    cls=Command,
    short_help="Have a system's doubtful requests labelled.",
    epilog="hindcast label suggest system.py labels/spam -n 100",
)
@click.argument("system", type=click.Path(path_type=Path), metavar="SYSTEM.PY")
@click.argument("project", type=click.Path(path_type=Path), metavar="PROJECT")
@click.option("-n", "--rows", type=click.IntRange(1), default=100, show_default=True, help="At most so many requests.")
@click.option("--since", metavar="MOMENT", help="Only requests after this.")
@click.option("--content", multiple=True, metavar="COLUMN", help="What annotators see; of texts and images one column.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, with what the champion says.")
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), envvar="HINDCAST_HOME", show_envvar=True,
    help="Where facts, models and the ledger are kept; by default .hindcast beside the system file.",
)  # fmt: skip
@click.pass_obj
def suggest(
    quiet: bool, system: Path, project: Path, rows: int, since: str | None, content: tuple[str, ...], as_json: bool,
    home: Path | None,
) -> int:  # fmt: skip
    """Add the requests without a label about which the champion is least sure, the least sure first; those that are in
    the project already move up. Also while the labelling page is served. PROJECT is a folder, from here on."""
    from hindcast.assemble import open_system
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_json

    assembly = open_system(system, home)
    with shown(quiet=quiet) as progress:
        found = assembly.suggest(project, rows, since=since, content=content, progress=progress)
    if as_json:
        print_json(found)
    else:
        print(
            f"{len(found['suggested']):,} requests about which {found['version']} is least sure: "
            f"{found['added']:,} items added, {found['moved']:,} moved up"
        )
    return 0
