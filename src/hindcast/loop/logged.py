"""The prediction log as a source of training values: for systems that declare logged features."""

from __future__ import annotations

from pathlib import Path

from hindcast.columns import Column
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.loop.meanings import served_meanings
from hindcast.registry import Registry
from hindcast.serve.prediction_log import prediction_table
from hindcast.system import System
from hindcast.trainset.logged import LoggedAnswers

__all__ = ["log_fingerprint", "logged_answers"]


def log_fingerprint(system: System, lake: Lake) -> dict[str, str]:
    """What identifies the prediction log, by table name; empty for a system that takes nothing from it."""
    name = prediction_table(system.target.name).name
    return {name: lake.fingerprint(name)} if system.logged else {}


def logged_answers(system: System, lake: Lake, registry: Registry, noted: Path) -> LoggedAnswers | None:
    """What the server has logged of the system's logged features; None for a system that declares none.

    Parameters
    ----------
    system : System
    lake : Lake
    registry : Registry
        Whose versions answered.
    noted : Path
        Where :func:`~hindcast.loop.meanings.keep_meanings` noted what features meant: a value that was served under
        another definition is not taken.
    """
    if not system.logged:
        return None
    name, on = prediction_table(system.target.name).name, system.target.label.on
    if name not in lake.tables():
        return LoggedAnswers.of(Facts.empty({}), list(system.logged), on, system=system.name)
    wanted = [
        "system",
        "version",
        "request_id",
        *(f"request_{n}" for n in on),
        *(f"feature_{n}" for n in system.logged),
    ]
    there = lake.schema(name)
    log = lake.facts(name, [column for column in wanted if column in there])
    plan = log.frame["plan"] if "plan" in log.frame else Column.empty("text", len(log))
    meant = served_meanings(system, plan, log.frame["version"], registry, noted)
    return LoggedAnswers.of(log, list(system.logged), on, system=system.name, current=meant.current())
