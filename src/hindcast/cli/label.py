"""``hindcast label``: labelling projects from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.grouping import Group

if TYPE_CHECKING:
    from hindcast.labelling.operations import Operation
    from hindcast.labelling.project import Project

__all__ = ["label"]

KINDS = ("text", "row", "image")
FORMATS = ("facts", "long", "wide", "label-studio", "doccano", "prodigy")
METHODS = ("majority", "weighted", "dawid-skene", "one-coin", "glad")

PROJECT = click.argument("project", type=click.Path(path_type=Path), metavar="PROJECT")
FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), envvar="HINDCAST_HOME", show_envvar=True,
    help="Where projects given by their name lie, in labels/; by default .hindcast here.",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
METHOD = click.option(
    "--method", type=click.Choice(METHODS), default="dawid-skene", show_default=True,
    help="How answers become a label where nobody decided.",
)  # fmt: skip


@click.group(
    cls=Group,
    short_help="Labels from people.",
    epilog="hindcast label new spam --class ham --class spam",
)
def label() -> None:
    """Labels from people. PROJECT is a folder, or the name of a project in the home folder."""


@label.command(
    short_help="Make a labelling project.",
    epilog="hindcast label new spam --class ham --class spam --guideline guideline.md",
)
@PROJECT
@click.option("--class", "classes", multiple=True, required=True, metavar="NAME", help="A class; at least two.")
@click.option("--kind", type=click.Choice(KINDS), default="text", show_default=True, help="What an item is.")
@click.option("--question", default="", help="What is asked of each item.")
@click.option("--instructions", default="", help="A line of help below it.")
@click.option("--guideline", type=click.Path(path_type=Path, dir_okay=False), help="Its first version, Markdown.")
@click.option("--overlap", type=click.IntRange(1), default=2, show_default=True, help="Answers wanted per item.")
@click.option("--lease", default="30m", show_default=True, help="How long an item is kept for who was shown it.")
@click.option("--gold-every", type=click.IntRange(0), default=0, help="One of so many tasks is a control item.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the annotators' orders.")
@HOME
def new(project: Path, home: Path | None, guideline: Path | None, classes: tuple[str, ...], **more: Any) -> int:
    """Make a labelling project, in a folder of its own."""
    from hindcast.labelling.project import Project

    folder = _folder(project, home)
    text = "" if guideline is None else _text(guideline)
    with Project.create(folder, name=folder.name, classes=classes, guideline=text, **more):
        print(f"{folder}\nNext: hindcast label add {project} items.csv")
    return 0


@label.command(short_help="Add items from a file.", epilog="hindcast label add spam messages.csv")
@PROJECT
@FILE
@click.option("--reason", default="given", show_default=True, help="Why they are to be labelled.")
@click.option("--priority", type=float, default=0.0, show_default=True, help="Greater ones are asked first.")
@HOME
def add(project: Path, file: Path, reason: str, priority: float, home: Path | None) -> int:
    """Add items from a CSV, JSON-lines or Parquet file with the columns id and text (or image, or a row's own).

    Leaves with 1 when a row was refused; the others are in.
    """
    from hindcast.labelling.operations import AddItems

    found = _perform(project, home, AddItems(items=str(file.expanduser().absolute()), reason=reason, priority=priority))
    print(f"{found.added:,} items added, {found.known:,} were there, {len(found.refused):,} rows refused")
    for one in found.refused[:20]:
        print(f"  row {one.row}{'' if one.id is None else f' ({one.id})'}: {one.reason}")
    if len(found.refused) > 20:
        print(f"  and {len(found.refused) - 20:,} more")
    return 1 if found.refused else 0


@label.command(short_help="Let somebody in, or out.", epilog="hindcast label annotator spam Ann")
@PROJECT
@click.argument("name")
@click.option("--adjudicator", is_flag=True, help="May decide where others differ.")
@click.option("--renew", is_flag=True, help="A new token, or role, for somebody who is there.")
@click.option("--revoke", is_flag=True, help="Make the token dead; the answers stay.")
@HOME
def annotator(project: Path, name: str, adjudicator: bool, renew: bool, revoke: bool, home: Path | None) -> int:
    """Let somebody in and print the token they show, which nobody can read again."""
    from hindcast.labelling.operations import LetIn, Revoke

    if revoke:
        _perform(project, home, Revoke(name=name))
        print(f"{name} is out; the answers stay")
    else:
        print(
            _perform(project, home, LetIn(name=name, role="adjudicator" if adjudicator else "annotator", renew=renew))
        )
    return 0


@label.command(short_help="Show the guideline, or set its next version.", epilog="hindcast label guideline spam new.md")
@PROJECT
@click.argument("file", type=click.Path(path_type=Path), required=False, metavar="[FILE]")
@click.option("--version", type=click.IntRange(1), help="Show this version instead of the current one.")
@HOME
def guideline(project: Path, file: Path | None, version: int | None, home: Path | None) -> int:
    """Print the guideline; with FILE make that its next version. Earlier answers keep theirs."""
    from hindcast.labelling.operations import SetGuideline

    if file is not None:
        print(f"version {_perform(project, home, SetGuideline(text=_text(file)))}")
    else:
        with _open(project, home) as opened:
            print(opened.guideline(version).text)
    return 0


@label.command(
    short_help="Serve the labelling page.", epilog="hindcast label serve spam --annotator Ann --annotator Bo"
)
@PROJECT
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8100, show_default=True, type=click.IntRange(0, 65535))
@click.option("--annotator", "annotators", multiple=True, metavar="NAME", help="Let somebody in; several.")
@click.option("--adjudicator", "adjudicators", multiple=True, metavar="NAME", help="Let an adjudicator in; several.")
@HOME
def serve(
    project: Path, host: str, port: int, annotators: tuple[str, ...], adjudicators: tuple[str, ...], home: Path | None
) -> int:
    """Serve the labelling page until Ctrl-C, and print the links of those who are new."""
    from hindcast.web.labelling import run

    people: dict[str, Any] = dict.fromkeys(annotators, "annotator") | dict.fromkeys(adjudicators, "adjudicator")
    run(_folder(project, home), host=host, port=port, people=people)
    return 0


@label.command(short_help="How far a project is.", epilog="hindcast label status spam")
@PROJECT
@JSON
@HOME
def status(project: Path, as_json: bool, home: Path | None) -> int:
    """How far a project is, and who did how much; also while it is served."""
    from hindcast.cli.labelling import print_status

    with _open(project, home) as opened:
        print_status(opened, as_json=as_json)
    return 0


@label.command(short_help="How far annotators agree.", epilog="hindcast label agreement spam")
@PROJECT
@JSON
@HOME
def agreement(project: Path, as_json: bool, home: Path | None) -> int:
    """Agreement with intervals, and how good each annotator is."""
    from hindcast.cli.labelling import print_agreement

    with _open(project, home) as opened:
        print_agreement(opened, as_json=as_json)
    return 0


@label.command(short_help="What waits for a decision; decide.", epilog="hindcast label adjudicate spam c7 ham --as Jo")
@PROJECT
@click.argument("item", required=False, metavar="[ITEM]")
@click.argument("decision", required=False, metavar="[LABEL]")
@click.option("--as", "who", metavar="NAME", help="The adjudicator who decides.")
@click.option("--comment", default="", help="Why.")
@click.option("--no-label", is_flag=True, help="Decide that the item has no label.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Show so many of the queue.")
@HOME
def adjudicate(
    project: Path, item: str | None, decision: str | None, who: str | None, comment: str, no_label: bool, last: int,
    home: Path | None,
) -> int:  # fmt: skip
    """Print the queue of items on which annotators differ, the most urgent first; with ITEM and LABEL decide one."""
    from hindcast.cli.labelling import print_queue
    from hindcast.labelling.operations import Adjudicate

    if item is None:
        with _open(project, home) as opened:
            print_queue(opened, last)
        return 0
    if (decision is None) != no_label or who is None:
        raise click.UsageError("to decide, give ITEM, then LABEL or --no-label, and --as NAME.")
    _perform(project, home, Adjudicate(who=who, item=item, label=decision, comment=comment))
    print(f"{item}: {decision or 'no label'}")
    return 0


@label.command(short_help="The label of each item.", epilog="hindcast label truth spam --method majority")
@PROJECT
@METHOD
@click.option("--unfinished", is_flag=True, help="Also items that still want answers.")
@JSON
@HOME
def truth(project: Path, method: str, unfinished: bool, as_json: bool, home: Path | None) -> int:
    """The label of each item, as decided, else as inferred, with its probability and how it came about."""
    from hindcast.cli.labelling import print_labels

    with _open(project, home) as opened:
        print_labels(opened, method, unfinished=unfinished, as_json=as_json)
    return 0


@label.command(short_help="Everything that happened to an item.", epilog="hindcast label lineage spam c7")
@PROJECT
@click.argument("item")
@JSON
@HOME
def lineage(project: Path, item: str, as_json: bool, home: Path | None) -> int:
    """Everything that ever happened to an item: who, when, under which guideline, what was undone, who decided."""
    from hindcast.cli.labelling import print_lineage

    with _open(project, home) as opened:
        print_lineage(opened, item, as_json=as_json)
    return 0


@label.command(short_help="Write labels or answers to a file.", epilog="hindcast label export spam labels.parquet")
@PROJECT
@FILE
@click.option("--format", type=click.Choice(FORMATS), default="facts", show_default=True)
@METHOD
@HOME
def export(project: Path, file: Path, format: str, method: str, home: Path | None) -> int:
    """Write labels as facts (for a table of a system file), or answers in another tool's format."""
    with _open(project, home) as opened:
        print(f"{opened.export(file, format, method=method):,} rows in {file}")
    return 0


@label.command(
    "import", short_help="Read items and answers from a file.", epilog="hindcast label import spam crowd.csv"
)
@PROJECT
@FILE
@click.option("--format", type=click.Choice(FORMATS), default="long", show_default=True)
@click.option("--annotator", metavar="NAME", help="Whose answers they are where the file does not say.")
@HOME
def import_(project: Path, file: Path, format: str, annotator: str | None, home: Path | None) -> int:
    """Read items and answers of another tool. One row that does not fit, and nothing is read."""
    from hindcast.labelling.operations import Import

    whole = str(file.expanduser().absolute())
    found = _perform(project, home, Import(path=whole, format=format, annotator=annotator))
    print(
        f"{found.items:,} items, {found.answers:,} answers and {found.decisions:,} decisions are new; "
        f"{found.known:,} were there"
    )
    return 0


def _folder(project: Path, home: Path | None) -> Path:
    """A project by its folder; a bare name that is no folder here is one in the home folder."""
    if len(project.parts) > 1 or (project / "project.json").exists():
        return project
    return (home or Path(".hindcast")) / "labels" / project


def _open(project: Path, home: Path | None) -> Project:
    """A project to be looked at, also while it is served."""
    from hindcast.labelling.project import Project

    return Project.open(_folder(project, home), writing=False)


def _perform(project: Path, home: Path | None, operation: Operation) -> Any:
    """What comes of an operation, also while the project is served."""
    from hindcast.web.labelling import perform

    return perform(_folder(project, home), operation)


def _text(path: Path) -> str:
    from hindcast.errors import DataError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from None
