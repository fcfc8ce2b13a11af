"""The commands: each reads its options, calls one method of an assembly, and prints what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast import __version__
from hindcast.cli.grouping import Group
from hindcast.cli.label import label
from hindcast.cli.lineage import lineage
from hindcast.cli.suggest import suggest

if TYPE_CHECKING:
    from hindcast.assemble import Assembly

__all__ = ["commands", "main"]

FAILED, WRONG, BUG, INTERRUPTED = 1, 2, 70, 130
"""Exit codes: a check failed; the user can mend it; hindcast has a bug; Ctrl-C."""

POLICY_NAMES = ("renewed", "never", "straight")


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code: 0 fine, 1 a check failed, 2 something to mend, 130 interrupted."""
    sys.exit(_run(argv))


def _run(argv: Sequence[str] | None) -> int:
    from hindcast.errors import HindcastError

    try:
        result = commands.main(
            args=list(argv) if argv is not None else None, prog_name="hindcast", standalone_mode=False
        )
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, click.Abort):
        print("hindcast: interrupted; what was acknowledged is kept.", file=sys.stderr)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG
    except click.ClickException as error:
        error.show()
        return WRONG
    except HindcastError as error:
        print(f"hindcast: {error}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        import traceback

        traceback.print_exc()
        print(
            f"hindcast {__version__}: this is a bug in hindcast, not in your file; please report it.", file=sys.stderr
        )
        return BUG


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="hindcast %(version)s")
@click.option("-q", "--quiet", is_flag=True, help="No progress; results only.")
@click.pass_context
def commands(ctx: click.Context, quiet: bool) -> None:
    """One Python file declares a whole ML system; hindcast trains, judges, serves, watches and renews it, and replays
    all of that over history.

    Start with `hindcast init data.csv`, then `hindcast run system.py`.
    """
    ctx.obj = quiet


SYSTEM = click.argument("system", type=click.Path(path_type=Path), metavar="SYSTEM.PY")
HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), envvar="HINDCAST_HOME", show_envvar=True,
    help="Where facts, models and the ledger are kept; by default .hindcast beside the system file.",
)  # fmt: skip


def _open(system: Path, home: Path | None, **more: Any) -> Assembly:
    from hindcast.assemble import open_system

    return open_system(system, home, **more)


# ---- a first system -------------------------------------------------------------------------------------


@commands.command(
    short_help="Write a first system file for your own CSV or Parquet file.",
    epilog="hindcast init orders.csv --target 'status == \"returned\"' --time ordered_at",
)
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option("--table", help="Name of the table; by default the file's name.")
@click.option("--target", help='The outcome: a column, or a condition such as "cnt >= 300".')
@click.option("--time", "time", metavar="COLUMN", help="The column that says when a row's question is asked.")
@click.option("--key", metavar="COLUMNS", help="The column, or columns with commas between, that name a row.")
@click.option("--entity", metavar="COLUMN", help="The column whose past outcomes say something: a customer, a machine.")
@click.option("--as-of", "as_of", default="0s", show_default=True, help="Ask this long before the time column.")
@click.option("--known-after", help="How long after the time column the outcome is known.  [default: 1d]")
@click.option("--zone", help="Whose clock times without an offset are read on.  [default: UTC]")
@click.option("--name", help="Name of the system; by default the table's.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("system.py"), show_default=True)
@click.option("--force", is_flag=True, help="Write over an existing file.")
def init(data: Path, out: Path, force: bool, **options: Any) -> int:
    """Write a first, commented system file for your own CSV or Parquet file, one row per event.

    Guesses what each column is, shows the guesses and why, and takes options where they are wrong.
    """
    from hindcast.cli.init import write_system

    return write_system(data, out, force=force, **options)


@commands.command(
    short_help="Look a table over before anything is built on it.",
    epilog="hindcast scope orders.parquet --label returned --time ordered_at --html scope.html",
)
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option("--label", metavar="COLUMN", help="The column to predict; guessed where one is clearly it.")
@click.option("--time", "time", metavar="COLUMN", help="The column that says when a row happened.")
@click.option("--entity", metavar="COLUMN", help="Who or what a row is about.")
@click.option("--label-time", metavar="COLUMN", help="The column that says when the label became known.")
@click.option("--source", metavar="COLUMN", help="How a row was collected; columns that give it away are found.")
@click.option("--hit", type=float, help="What acting on a row of the rarer class is worth, such as 40.")
@click.option("--false-alarm", type=float, help="What acting on another row is worth, such as -15.")
@click.option("--unit", default="", help="Of both, such as USD.")
@click.option("--zone", help="Whose clock times without an offset are read on.  [default: UTC]")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to pass around, one HTML file."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def scope(data: Path, **options: Any) -> int:
    """Look a CSV or Parquet table over: question, balance, delay, floors, leaks, gaps, and what is still to be said.

    Ends with 1 where something would make every figure meaningless.
    """
    from hindcast.cli.scope import scope_file

    return scope_file(data, **options)


# ---- the loop -------------------------------------------------------------------------------------------


@commands.command(
    short_help="Land facts, train, judge, promote a champion.",
    epilog="hindcast run system.py --until 2013-07-01",
)
@SYSTEM
@click.option("--until", metavar="MOMENT", help="Use only what was known before this moment; by default all.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@HOME
@click.pass_obj
def run(quiet: bool, system: Path, until: str | None, as_json: bool, home: Path | None) -> int:
    """Land new facts, train the candidates, judge them at the gates, and promote a champion that passes.

    Leaves with 1 when no gate let a model through.
    """
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_json, print_run

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        found = assembly.run(until=until, progress=progress)
    if as_json:
        print_json(found)
    else:
        print_run(found, system)
    return 0 if found.get("promoted") or found.get("stage") else FAILED


@commands.command(
    short_help="Replay history: what would it have earned?",
    epilog="hindcast replay system.py --from 2013-07-01 --policy renewed --policy never --report report.html",
)
@SYSTEM
@click.option("--from", "from_", metavar="MOMENT", required=True, help="Where the replay begins.")
@click.option("--until", metavar="MOMENT", help="Where it ends; by default with the last fact.")
@click.option(
    "--policy", "policies", multiple=True, type=click.Choice(POLICY_NAMES),
    help="renewed as declared, never retrained, or promoted straight; may be given several times.  [default: all]",
)  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report, one HTML file.")
@click.option("--summary", type=click.Path(path_type=Path, dir_okay=False), help="Write the summary as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of the table.")
@HOME
@click.pass_obj
def replay(
    quiet: bool, system: Path, from_: str, until: str | None, policies: tuple[str, ...], report: Path | None,
    summary: Path | None, as_json: bool, home: Path | None,
) -> int:  # fmt: skip
    """Run the whole system over history, knowing at each moment only what was known then, and tell what it would have
    earned."""
    from hindcast.cli.progress import shown
    from hindcast.cli.results import json_text, print_json
    from hindcast.cli.tables import print_story

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        story = assembly.replay(from_, until, list(policies or POLICY_NAMES), progress=progress, report_path=report)
    if summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(json_text(story["summary"]), encoding="utf-8")
    if as_json:
        print_json(story["summary"])
    else:
        print_story(story)
        if report is not None:
            print(f"\nThe report with its plots: {report}")
    return 0


@commands.command(
    short_help="Check declaration, facts, models and ledger.",
    epilog="hindcast check system.py",
)
@SYSTEM
@HOME
@click.pass_obj
def check(quiet: bool, system: Path, home: Path | None) -> int:
    """Check declaration, facts, stored models and ledger; leaves with 1 unless everything passes."""
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_verdicts

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        verdicts = assembly.check(progress=progress)
    print_verdicts(verdicts)
    return 0 if verdicts and all(verdict.ok for verdict in verdicts) else FAILED


@commands.command(
    short_help="Answer what changed, and say what that was.",
    epilog="hindcast backfill system.py",
)
@SYSTEM
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@HOME
@click.pass_obj
def backfill(quiet: bool, system: Path, as_json: bool, home: Path | None) -> int:
    """Land new facts and answer the features of every request, computing only what is new, changed or touched by a late
    fact; the rest is kept from the last time. `run`, `replay` and `check` do so by themselves."""
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_backfill

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        report = assembly.backfill(progress=progress)
    print_backfill(report, as_json=as_json)
    return 0


@commands.command(
    short_help="Compare served features with recomputed ones.",
    epilog='hindcast skew system.py --since 2013-07-01 --allow "late fact"',
)
@SYSTEM
@click.option("--since", metavar="MOMENT", help="Only requests after this.")
@click.option("--until", metavar="MOMENT", help="Only requests up to this.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="The newest so many requests.")
@click.option("--replay", is_flag=True, help="Instead of the log: batch beside online, over the facts' own requests.")
@click.option("--allow", multiple=True, metavar="CAUSE", help="A cause that is no failure, besides float; several.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@HOME
@click.pass_obj
def skew(
    quiet: bool, system: Path, since: str | None, until: str | None, limit: int, replay: bool, allow: tuple[str, ...],
    as_json: bool, home: Path | None,
) -> int:  # fmt: skip
    """Compare features as served with features recomputed from the facts, value by value, and name the cause of every
    difference: float, definition, late fact, correction, clock, or unexplained.

    Leaves with 1 when a value differs for a cause that is not allowed, or nothing could be compared.
    """
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_skew

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        report = assembly.skew(since, until, limit=limit, replay=replay, progress=progress)
    verdict = report.verdict(("float", *allow))
    print_skew(report, verdict, as_json=as_json)
    return 0 if verdict.ok else FAILED


# ---- serving --------------------------------------------------------------------------------------------


HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
PORT = click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
TOKEN = click.option(
    "--token", envvar="HINDCAST_TOKEN", show_envvar=True, help="Callers must send it as a bearer token."
)


@commands.command(
    short_help="Serve the champion over HTTP.",
    epilog="hindcast serve system.py --port 8000",
)
@SYSTEM
@HOST
@PORT
@TOKEN
@click.option("--clock-from", metavar="MOMENT", help="Start a replay clock here instead of the machine's clock.")
@HOME
def serve(system: Path, host: str, port: int, token: str | None, clock_from: str | None, home: Path | None) -> int:
    """Serve the champion over HTTP: predictions, facts in, health, metrics, and the last report at /."""
    assembly = _open(system, home)
    assembly.serve(host=host, port=port, token=token, clock=_clock(assembly, clock_from))
    return 0


@commands.command(
    short_help="Server, scheduler and monitors together.",
    epilog="hindcast up system.py",
)
@SYSTEM
@HOST
@PORT
@TOKEN
@HOME
def up(system: Path, host: str, port: int, token: str | None, home: Path | None) -> int:
    """Everything together, until Ctrl-C: the server, the scheduler that retrains, and the monitors."""
    assembly = _open(system, home)
    assembly.up(host=host, port=port, token=token)
    return 0


@commands.command(
    short_help="Answer a file of requests.",
    epilog="hindcast predict system.py requests.csv answers.parquet",
)
@SYSTEM
@click.argument("requests", type=click.Path(path_type=Path), metavar="IN")
@click.argument("answers", type=click.Path(path_type=Path), metavar="OUT")
@HOME
@click.pass_obj
def predict(quiet: bool, system: Path, requests: Path, answers: Path, home: Path | None) -> int:
    """Answer a CSV or Parquet file of requests with the champion: file in, file out."""
    from hindcast.cli.progress import shown

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        found = assembly.predict_file(requests, answers, progress=progress)
    print(f"{f'{found:,} answers' if isinstance(found, int) else 'Answers'} in {answers}")
    return 0


# ---- looking --------------------------------------------------------------------------------------------


@commands.command(
    short_help="Every decision with its reason.",
    epilog="hindcast ledger system.py --kind promotion --last 10",
)
@SYSTEM
@click.option("--kind", help="Only entries of this kind, such as promotion or alert.")
@click.option("--last", type=click.IntRange(1), help="Only the last ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, whole bodies.")
@HOME
def ledger(system: Path, kind: str | None, last: int | None, as_json: bool, home: Path | None) -> int:
    """Every decision with its reason, oldest first."""
    from hindcast.cli.results import print_ledger

    print_ledger(_open(system, home).ledger(kind=kind, last=last), as_json=as_json)
    return 0


@commands.command(
    short_help="Every version with role and scores.",
    epilog="hindcast models system.py",
)
@SYSTEM
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@HOME
def models(system: Path, as_json: bool, home: Path | None) -> int:
    """Every version: its role, what it is, its scores and its verdict."""
    from hindcast.cli.results import print_models

    print_models(_open(system, home).models(), as_json=as_json)
    return 0


@commands.command(
    short_help="Every feature: meaning, version, users.",
    epilog="hindcast features system.py --depends-on weather.temp",
)
@SYSTEM
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--depends-on", "place", metavar="PLACE", help="What depends on a table, a table.column or a feature.")
@click.option("--declared", is_flag=True, help="Only what is declared; no feature is answered.")
@click.option("--costs", is_flag=True, help="Measure what answering costs.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@HOME
@click.pass_obj
def features(
    quiet: bool, system: Path, name: str | None, place: str | None, declared: bool, costs: bool, as_json: bool,
    home: Path | None,
) -> int:  # fmt: skip
    """The catalogue of features: meaning, version, origin, owner, statistics, freshness, cost, and who reads them.

    With NAME one feature in full.
    """
    from hindcast.cli.features import print_dependents, print_feature, print_features
    from hindcast.cli.progress import shown
    from hindcast.cli.results import print_json

    assembly = _open(system, home)
    with shown(quiet=quiet) as progress:
        found = assembly.catalogue(statistics=not (declared or place), costs=costs, progress=progress)
    if place is not None:
        dependents = found.depends_on(place)
        print_json(dependents.describe()) if as_json else print_dependents(dependents)
    elif name is not None:
        print_json(found[name].describe()) if as_json else print_feature(found, name)
    else:
        print_json(found.describe()) if as_json else print_features(found)
    return 0


commands.add_command(lineage)


# ---- labelling ------------------------------------------------------------------------------------------

label.add_command(suggest)
commands.add_command(label)


def _clock(assembly: Assembly, clock_from: str | None) -> Any:
    from hindcast.clock import ReplayClock, SystemClock

    return SystemClock() if clock_from is None else ReplayClock(assembly.moment(clock_from))
