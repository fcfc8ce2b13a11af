"""Only clock.py asks the machine for the time; clocks themselves keep their laws."""

from __future__ import annotations

import ast
import time
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from architecture import SOURCE, Module, imports, modules
from hindcast.clock import Clock, ReplayClock, SystemClock, stopwatch_s
from hindcast.errors import ConfigError

ASKS = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
        "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns", "localtime", "gmtime",
        "ctime", "strftime", "asctime",
    },
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "Timestamp": {"now", "utcnow", "today"},
    "timeit": {"default_timer"},
    "uuid": {"uuid1", "uuid6", "uuid7"},
}  # fmt: skip
"""Attributes that read a clock, by the name of what they hang on."""


def readings(module: Module) -> list[str]:
    """Where `module` asks a clock other than through :mod:`hindcast.clock`."""
    found = []
    for line, name, member in imports(module.tree):
        if name in ASKS and member in ASKS[name]:
            found.append(f"{module.where}:{line} imports {member} from {name}")
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if node.attr in ASKS.get(owner, ()):
            found.append(f"{module.where}:{node.lineno} uses {owner}.{node.attr}")
        if owner in ("np", "numpy") and node.attr == "datetime64":
            found += _numpy_now(module, node)
    return found


def _numpy_now(module: Module, attribute: ast.Attribute) -> list[str]:
    """numpy.datetime64("now") and ("today") read the clock too."""
    return [
        f"{module.where}:{node.lineno} uses numpy.datetime64({node.args[0].value!r})"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and node.func is attribute
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in ("now", "today")
    ]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.where)
def test_nobody_else_reads_a_clock(module: Module) -> None:
    if module.room != "clock.py":
        assert not readings(module)


def test_clock_itself_does() -> None:
    assert readings(next(module for module in modules() if module.room == "clock.py"))


@pytest.mark.parametrize(
    "code",
    [
        "import time\nt = time.time()",
        "import time\nf = time.monotonic",
        "from time import perf_counter as p",
        "from datetime import datetime\nt = datetime.now()",
        "import datetime\nt = datetime.datetime.utcnow()",
        "from datetime import date\nt = date.today()",
        "import pandas as pd\nt = pd.Timestamp.now()",
        "import numpy as np\nt = np.datetime64('now')",
        "import uuid\nu = uuid.uuid1()",
    ],
)
def test_what_the_walk_must_find(code: str) -> None:
    assert readings(Module(SOURCE / "planted.py", ast.parse(code)))


def test_sleeping_and_converting_are_no_readings() -> None:
    code = "import time\nfrom datetime import datetime\ntime.sleep(1)\ndatetime.fromisoformat('2013-07-01')"
    assert not readings(Module(SOURCE / "planted.py", ast.parse(code)))


@pytest.mark.parametrize("clock", [SystemClock(), ReplayClock(5)], ids=["system", "replay"])
def test_stamps_increase_and_are_never_before_now(clock: Clock) -> None:
    last = -1
    for _ in range(200):
        now, stamp = clock.now_us(), clock.stamp_us()
        assert stamp > last
        assert stamp >= now
        last = stamp
        assert clock.now_us() >= stamp


def test_a_system_clock_goes_on_after_the_greatest_stamp_on_disk() -> None:
    ahead = SystemClock().now_us() + 3_600_000_000
    clock = SystemClock(after_us=ahead)
    assert clock.stamp_us() == ahead + 1
    assert clock.now_us() == ahead + 1


def test_a_machine_set_back_does_not_turn_the_clock_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    stamp = clock.stamp_us()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert clock.now_us() == stamp
    assert clock.stamp_us() == stamp + 1


@pytest.mark.parametrize("clock", [SystemClock(), ReplayClock()], ids=["system", "replay"])
def test_no_two_threads_get_one_stamp(clock: Clock) -> None:
    stamps: list[list[int]] = [[] for _ in range(4)]
    threads = [Thread(target=lambda mine=mine: mine.extend(clock.stamp_us() for _ in range(500))) for mine in stamps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({stamp for mine in stamps for stamp in mine}) == 2_000
    assert all(mine == sorted(mine) for mine in stamps)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_a_replay_clock_goes_forward_or_complains(moments: list[int]) -> None:
    clock = ReplayClock()
    for moment in moments:
        before = clock.now_us()
        if moment < before:
            with pytest.raises(ConfigError, match="cannot go back"):
                clock.advance(moment)
            assert clock.now_us() == before
        else:
            clock.advance(moment)
            assert clock.now_us() == moment


def test_a_stopwatch_never_goes_back() -> None:
    times = [stopwatch_s() for _ in range(100)]
    assert times == sorted(times)
