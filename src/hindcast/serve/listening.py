"""The socket a server listens at, and the signals that stop it."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from hindcast.errors import ConfigError

__all__ = ["address_of", "event_loop", "is_loopback", "listen", "quiet_signals"]


@contextmanager
def quiet_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more when it is done; by then it has been heeded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(stop, lambda *_: None) for stop in stops]
    try:
        yield
    finally:
        for stop, handler in zip(stops, before, strict=True):
            signal.signal(stop, handler)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, if it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop  # type: ignore[no-any-return]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `host`; port 0 takes a free one.

    Raises
    ------
    ConfigError
        When the address cannot be had.
    """
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
        listening.setblocking(False)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise ConfigError(f"cannot listen at {host}:{port}: {error}. Choose another with --port.") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Where a browser finds it."""
    where = listening.getsockname()
    name = f"[{where[0]}]" if listening.family == socket.AF_INET6 else where[0]
    return f"http://{name}:{where[1]}"
