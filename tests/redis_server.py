"""A real Redis server for tests: its own process, on a free port of loopback, in a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """A server that is up from :meth:`start` to :meth:`stop`; what it has appended is there after a restart."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        """Return once it answers, on the port it had before if it had one."""
        if PROGRAM is None:
            pytest.skip("redis-server is not installed (Debian: apt install redis-server)")
        import redis

        for _ in range(20):
            port = self.port or _free_port()
            command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
            self._process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
            with redis.Redis(port=port, socket_timeout=5) as client:
                while self._process.poll() is None:
                    try:
                        mine = client.info("server")["process_id"] == self._process.pid
                    except redis.ConnectionError:  # it starts, or loads what it had
                        sleep(0.01)
                        continue
                    if mine:
                        self.port = port
                        return self
                    self._process.wait()  # another's server answers on this port; ours cannot bind it and ends
        raise RuntimeError("no port of loopback was free for a Redis server")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests of a process; each test takes a name of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()
