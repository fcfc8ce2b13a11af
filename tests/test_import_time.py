"""Importing hindcast, asking for help and serving load nothing heavy. Times are printed, never asserted."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "numba", "llvmlite", "pyarrow", "deltalake", "scipy", "sklearn", "lightgbm", "pandas", "polars", "sqlalchemy",
    "starlette", "uvicorn", "plotly", "rich", "narwhals", "prometheus_client", "matplotlib",
    "lmdb", "redis",
}  # fmt: skip

COUNT = """
import sys, time
began = time.perf_counter()
{code}
seconds = time.perf_counter() - began
print(f"{{seconds:.3f}}", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded(code: str) -> tuple[float, set[str]]:
    """Seconds that `code` took in a fresh process, and the packages it loaded."""
    run = subprocess.run([sys.executable, "-c", COUNT.format(code=code)], capture_output=True, text=True, check=True)
    seconds, *names = run.stdout.split()
    return float(seconds), set(names)


HELP = """
from click.testing import CliRunner; from hindcast.cli.main import commands
assert CliRunner().invoke(commands, ["--help"]).exit_code == 0
"""


@pytest.mark.parametrize(
    "code",
    [
        "import hindcast",
        "import hindcast; dir(hindcast)",
        "from hindcast import Goal, System, Table, window",
        "import hindcast.cli",
        HELP,
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    seconds, names = loaded(code)
    print(f"{code.strip().splitlines()[0]}: {seconds:.3f} s")
    assert not names & HEAVY


def test_the_server_never_loads_training() -> None:
    code = """
import importlib, pkgutil, hindcast.serve
for module in pkgutil.iter_modules(hindcast.serve.__path__):
    importlib.import_module("hindcast.serve." + module.name)
import hindcast.features.online, hindcast.models
for name in ("hindcast.features.batch", "pyarrow.dataset", "hindcast.loop", "hindcast.web"):
    assert name not in sys.modules, name
"""
    seconds, names = loaded(code)
    print(f"the serving modules: {seconds:.3f} s")
    assert not names & {"pandas", "sklearn", "lightgbm", "plotly", "polars", "deltalake"}
