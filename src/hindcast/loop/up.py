"""``up``: the loop on the machine's clock, beside a server that is a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from hindcast.adapt import policy
from hindcast.clock import Clock
from hindcast.columns import Frame
from hindcast.errors import HindcastError, StateError
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.journal import Home
from hindcast.loop.catalogue import declare_features
from hindcast.loop.history import History
from hindcast.loop.live import LiveTrainer, LiveWorld
from hindcast.loop.logged import log_fingerprint, logged_answers
from hindcast.loop.loop import Loop
from hindcast.loop.trainer import Trainer
from hindcast.models import Model, check_features, disagreement, load_model, read
from hindcast.registry import Registry
from hindcast.serve.prediction_log import prediction_table
from hindcast.system import System
from hindcast.values import iso

__all__ = ["Assembled", "run_up"]

_POLL_S = 1.0


class Assembled(Protocol):
    """What the loop needs of a system that has a place to live."""

    system: System
    home: Home
    path: Path | None
    clock: Clock
    lake: Lake

    def facts(self) -> dict[str, Facts]:
        """The facts of every table the system reads."""

    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions that stored models name."""

    def standing_registry(self) -> Registry:
        """The registry over the home's ledger, open until the process ends."""


def run_up(assembly: Assembled, *, host: str, port: int, token: str | None) -> None:
    """Start the server, then turn the loop until SIGINT or SIGTERM; stop the server last, so that it drains.

    A tick that fails is told and tried again at the next: the server goes on answering.
    """
    stop = Event()
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    command = [sys.executable, "-m", "hindcast.cli", "serve", str(assembly.path), "--host", host, "--port", str(port)]
    environment = {**os.environ, "HINDCAST_HOME": str(assembly.home.root)}
    if token is not None:
        environment["HINDCAST_TOKEN"] = token
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        loop = open_loop(assembly)
        print(
            f"the loop turns: it looks every {assembly.system.monitoring.every}, next at {iso(loop.next_tick())}",
            flush=True,
        )
        while not stop.is_set():
            if server.poll() is not None:
                raise StateError(
                    f"the server stopped by itself with exit code {server.returncode}; see its message above."
                )
            while (at := loop.next_tick()) <= assembly.clock.now_us() and not stop.is_set():
                try:
                    loop.tick(at)
                except HindcastError as error:
                    print(f"hindcast up, look at {iso(at)}: {error}", file=sys.stderr, flush=True)
            stop.wait(_POLL_S)
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def open_loop(assembly: Assembled) -> Loop:
    """The loop as the ledger left it, over the prediction log.

    Raises
    ------
    ArtifactError
        When the champion, or the challenger, was trained on features that mean something else now.
    """
    system = assembly.system
    registry: Any = assembly.standing_registry()
    declare_features(system, registry, assembly.clock.now_us())
    models = _models(assembly, registry)
    name = prediction_table(system.target.name).name

    def look() -> tuple[History, Facts]:
        facts = assembly.facts()
        fingerprints = {table: assembly.lake.fingerprint(table) for table in sorted(system.tables)}
        fingerprints |= log_fingerprint(system, assembly.lake)
        answers = logged_answers(system, assembly.lake, registry, assembly.home.root / "features")
        log = assembly.lake.facts(name) if name in assembly.lake.tables() else _no_log()
        kept = assembly.home.cache / "features"
        return History.build(system, facts, fingerprints, kept=kept, answers=answers), log

    world = LiveWorld(look, models)
    trainer = LiveTrainer(world, lambda history: Trainer(history, assembly.home.cache))
    loop = Loop(system, world, trainer, registry, policy("renewed"))
    loop.resume(assembly.clock.now_us())
    return loop


def _models(assembly: Assembled, registry: Registry) -> dict[str, Model]:
    """The models that still fit the declared features, by version; those with a role must."""
    plan, functions, roles = assembly.system.plan, assembly.functions(), registry.roles()
    found = {}
    for version in registry.versions():
        if not version.folder:
            continue
        folder = registry.folder(version.name)
        trained_on = read(folder).trained_on
        if version.name in (roles.champion, roles.challenger):
            check_features(version.name, plan, **trained_on)
        if not disagreement(plan, **trained_on):
            found[version.name] = load_model(folder, functions=functions)
    return found


def _no_log() -> Facts:
    empty = Facts.empty({"request_id": "text", "version": "text", "probability": "number"})
    return Facts(empty.event, empty.known, empty.seq, empty.retract, Frame(dict(empty.frame), 0))
