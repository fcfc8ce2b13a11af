"""One process that serves one project's labelling page."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from hindcast.clock import Clock
from hindcast.labelling.project import Project
from hindcast.labelling.tasks import Role
from hindcast.serve.listening import address_of, event_loop, is_loopback, listen, quiet_signals
from hindcast.web.labelling.app import labelling_app
from hindcast.web.labelling.owner import admitted

__all__ = ["run"]


def run(
    folder: Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8100,
    people: Mapping[str, Role] | None = None,
    clock: Clock | None = None,
    out: TextIO | None = None,
) -> None:
    """Serve a project's labelling page until SIGINT or SIGTERM; then finish what is in flight, and return.

    Meanwhile the commands of ``hindcast label`` and :func:`hindcast.web.labelling.perform` write through this process.

    Parameters
    ----------
    folder : path
        Of a project; see :meth:`hindcast.labelling.Project.create`.
    host : str
        The loopback by default. Everybody needs a token in any case; but nothing is encrypted, so what others reach
        belongs behind a proxy that speaks TLS.
    port : int
        0 takes a free one.
    people : mapping of name to {"annotator", "adjudicator"}, optional
        Who is to be let in. The links of those who are new are printed, once: only a hash of a token is kept.
    clock : Clock, optional
    out : text stream, optional
        Where the address and the links go; standard output by default.

    Raises
    ------
    StateError
        When there is no project, or another process has it.
    ConfigError
        For an address that cannot be had.
    """
    import uvicorn

    from hindcast.web.labelling.connections import ImpatientProtocol

    stream = out if out is not None else sys.stdout
    with (
        Project.open(folder, clock=clock) as project,
        listen(host, port) as listening,
        listen("127.0.0.1", 0) as owner,
        admitted(project, labelling_app(project), owner) as app,
    ):
        gc.freeze()  # what was read stays: a collection that walks a million items would keep everybody waiting
        where = address_of(listening)
        known = {person.name for person in project.annotators() if person.active}
        links = {
            name: project.add_annotator(name, role=role) for name, role in (people or {}).items() if name not in known
        }
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=10,
            server_header=False, limit_concurrency=500, http=ImpatientProtocol, ws="none",
        )  # fmt: skip
        server = uvicorn.Server(config)
        said = [f"labelling {project.name!r} at {where}"]
        said += [f"{name}: {where}/#token={token}" for name, token in links.items()]
        if not known and not links:
            said.append("nobody is let in yet: name people (--annotator NAME), and a link is printed for each")
        if not is_loopback(host):
            said.append("others reach this address, and nothing is encrypted: put a proxy that speaks TLS in front")
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

        async def tell() -> None:
            """Say where, once signals are heeded."""
            while not server.started and not server.should_exit:
                await asyncio.sleep(0.01)
            print("\n".join(said), file=stream, flush=True)

        async def serve() -> None:
            telling = asyncio.create_task(tell())
            await server.serve(sockets=[listening, owner])
            await telling

        with quiet_signals(), asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(serve())
