"""The command that compares what was served with what is recomputed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.cli.main import main
from hindcast.cli.results import print_skew
from hindcast.columns import Column, Frame
from hindcast.monitor import Explanation, SkewReport, skew

SERVED = Frame.of({"mean": [0.1 + 0.2, 5.0, None], "word": ["a", "b", "c"], "same": [1.0, 2.0, 3.0]})
NOW = Frame.of({"mean": [0.3, 4.0, 1.0], "word": ["a", "x", "c"], "same": [1.0, 2.0, 3.0]})


def report(**changes: Any) -> SkewReport:
    late = Explanation("late fact", np.array([1]), Frame.of({"mean": [5.0], "word": ["b"], "same": [2.0]}))
    given = {"keys": Column.of(["r1", "r2", "r3"]), "explanations": [late], "left_out": {"given": 7}, **changes}
    return skew(SERVED, NOW, **given)


class Fake:
    def __init__(self, found: SkewReport) -> None:
        self.found = found
        self.asked: Any = None

    def skew(self, since: Any, until: Any, *, limit: int, replay: bool, progress: Any) -> SkewReport:
        self.asked = (since, until, limit, replay)
        return self.found


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    import hindcast.assemble

    made = Fake(report())
    monkeypatch.setattr(hindcast.assemble, "open_system", lambda system, home=None: made)
    return made


def code(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_differences_are_told_with_their_cause_and_leave_with_1(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("skew", "s.py", "--since", "2013-07-01", "--limit", "50", "--replay") == 1
    assert fake.asked == ("2013-07-01", None, 50, True)
    out = capsys.readouterr().out
    assert "float 1, late fact 1, unexplained 1" in out
    assert "r2" in out
    assert "same" not in out.split("\n\n")[0], "what is equal is not listed"
    assert "FAIL: 4 of 9 values differ" in out
    assert "7 given" in out


def test_causes_that_are_allowed_are_no_failure(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("skew", "s.py", "--allow", "late fact") == 1
    assert code("skew", "s.py", "--allow", "late fact", "--allow", "unexplained") == 0
    assert code("skew", "s.py", "--allow", "late facts") == 2
    assert "Did you mean 'late fact'" in capsys.readouterr().err


def test_the_report_as_json(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("skew", "s.py", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["causes"]) == ("fail", {"float": 1, "late fact": 2, "unexplained": 1})
    assert {f["feature"]: f["equal"] for f in found["features"]} == {"mean": 0, "word": 2, "same": 3}
    assert found["examples"][0]["key"] == "r1"


def test_a_clean_log_says_so_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    clean = skew(NOW, NOW)
    print_skew(clean, clean.verdict(), as_json=False)
    assert capsys.readouterr().out == "pass: 9 values over 3 requests are equal.\n"


def test_an_empty_log_leaves_with_1(fake: Fake, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fake.found = skew(Frame({}, 0), Frame({}, 0))
    assert code("skew", "s.py", "--home", str(tmp_path)) == 1
    assert "unknown: no served value could be compared" in capsys.readouterr().out
