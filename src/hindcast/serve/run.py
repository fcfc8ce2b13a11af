"""One process, one event loop, one server."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO

from hindcast.errors import ConfigError, HindcastError
from hindcast.serve.app import Limits, build_app
from hindcast.serve.listening import address_of, event_loop, is_loopback, listen, quiet_signals
from hindcast.serve.service import Service

__all__ = ["run_server"]


def run_server(
    open_service: Callable[[], Service],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    page: bytes | Path | None = None,
    limits: Limits | None = None,
    out: TextIO | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish what is in flight, drain, and return.

    Parameters
    ----------
    open_service : function
        Gives the service, usually ``lambda: Service.open(...)``; run in a thread, while health already answers.
    host : str
        The loopback by default. Any other needs a token.
    port : int
        0 takes a free one; the address is printed to `out` (standard output) when the service is ready.
    token : str, optional
        At least 16 characters.

    Raises
    ------
    ConfigError
        For a host that others reach, without a token; for an address that cannot be had.
    HindcastError
        When the service could not be opened.
    """
    import uvicorn

    if token is not None and len(token) < 16:
        raise ConfigError("a token needs at least 16 characters; make one with: openssl rand -hex 16")
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"host {host} can be reached by others, so a token is needed: set HINDCAST_TOKEN, or bind to 127.0.0.1."
        )
    stream = out if out is not None else sys.stdout
    listening = listen(host, port)
    where = address_of(listening)

    def on_ready(service: Service) -> None:
        gc.freeze()  # the state stays: no search for cycles need walk over it, which would hold up a request
        print(
            f"serving {service.system}/{service.target} at {where} ({service.status()})",
            file=stream,
            flush=True,
        )

    app = build_app(_in_thread(open_service), token=token, page=page, limits=limits, on_ready=on_ready)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=10, server_header=False
    )
    server = uvicorn.Server(config)
    failure: list[BaseException] = []

    async def watch() -> None:
        """Stop when the service cannot be opened."""
        while not server.started and not server.should_exit:
            await asyncio.sleep(0.01)
        try:
            await asyncio.wait_for(asyncio.shield(app.state.opening), None)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            failure.append(error)
            server.should_exit = True

    async def serve() -> None:
        watching = asyncio.create_task(watch())
        try:
            await server.serve(sockets=[listening])
        finally:
            watching.cancel()

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with listening, quiet_signals(), asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(serve())
    if failure:
        error = failure[0]
        raise error if isinstance(error, HindcastError) else ConfigError(f"the service could not be opened: {error!r}.")


def _in_thread(open_service: Callable[[], Service]) -> Callable[[], Awaitable[Service]]:
    async def opened() -> Service:
        return await asyncio.to_thread(open_service)

    return opened
