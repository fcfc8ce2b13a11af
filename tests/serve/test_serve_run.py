"""Real server processes: start, address, imports, signals."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from serve_system import promote

from hindcast.errors import ConfigError
from hindcast.facts import Lake
from hindcast.serve import run_server

HERE = Path(__file__).parent
WHO = {"who": "ann", "lane": 1, "hour": 19}


def started(home) -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "serve_system.py"), str(home)], stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, line
    return process, found[0]


@pytest.mark.slow
@pytest.mark.service
def test_a_fresh_server_answers_imports_little_and_leaves_cleanly(tmp_path):
    home = tmp_path / "home"
    promote(home)
    with started(home)[0] as process:
        process.kill()  # its compiled kernels are cached now, its locks are free
    process, url = started(home)
    with process:
        assert httpx.post(f"{url}/v1/predict", json={"requests": [WHO]}).status_code == 200
        assert httpx.post(f"{url}/v1/facts/pings", json={"rows": [{"lane": 1, "speed": 3}]}).status_code == 200
        second = subprocess.run(
            [sys.executable, str(HERE / "serve_system.py"), str(home)], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0
        assert f"held by process {process.pid} (serve)" in second.stderr
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "heavy []" in out
    lake = Lake(home / "lake")
    assert (lake.rows("predictions_late"), lake.rows("pings")) == (1, 1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_others_reach_a_server_with_a_token_only(host):
    with pytest.raises(ConfigError, match="a token is needed"):
        run_server(lambda: None, host=host)
    with pytest.raises(ConfigError, match="at least 16 characters"):
        run_server(lambda: None, host=host, token="short")


def test_an_address_that_is_taken_is_told(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot listen at 127"):
            run_server(lambda: None, port=taken.getsockname()[1])


def test_a_service_that_cannot_be_opened_ends_the_server_with_its_reason():
    def fails():
        raise ConfigError("no such system")

    with pytest.raises(ConfigError, match="no such system"):
        run_server(fails, port=0)
