"""Commands: thin, kind when something is wrong, and told apart by their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hindcast.backfill import BackfillReport, Reason
from hindcast.cli.main import commands, main
from hindcast.clock import ReplayClock, SystemClock
from hindcast.errors import ConfigError
from hindcast.registry import Ledger
from hindcast.verdicts import Verdict

RUN = {
    "system": "s", "version": "v1", "promoted": True, "learner": "logistic", "until": "2013-07-01T00:00:00Z",
    "scores": {"logistic": {"auc": 0.71, "log_loss": 0.5, "ece": float("nan")}},
    "verdicts": [{"check": "calibrated", "outcome": "pass", "reason": "fine"}],
}  # fmt: skip
STORY: dict[str, Any] = {
    "system": "s",
    "summary": {"gain": {"value": 5.0, "low": 1.0, "high": 9.0}},
    "goal": {"unit": "EUR"},
}


class Fake:
    """An assembly that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.run_gives: Any = RUN
        self.verdicts = [Verdict.passed("law", "holds")]

    def run(self, until: Any = None, progress: Any = None) -> Any:
        progress("training", 1, 1)
        if isinstance(self.run_gives, BaseException):
            raise self.run_gives
        self.asked.append(("run", until))
        return self.run_gives

    def replay(self, from_: str, until: Any, policies: list[str], progress: Any, report_path: Any) -> Any:
        self.asked.append(("replay", (from_, until, policies, report_path)))
        return STORY

    def check(self, progress: Any) -> Any:
        return self.verdicts

    def backfill(self, progress: Any) -> Any:
        why = (Reason("facts of weather landed", ("temp",), 3),)
        return BackfillReport(
            10, {"temp": 3, "wind": 0}, {"weather": 2}, {"weather": 3}, why, ("a.parquet is torn.",), 0.5
        )

    def serve(self, **options: Any) -> None:
        self.asked.append(("serve", options))

    def up(self, **options: Any) -> None:
        self.asked.append(("up", options))

    def predict_file(self, requests: Path, answers: Path, progress: Any) -> int:
        self.asked.append(("predict", (requests, answers)))
        return 1_234

    def ledger(self, kind: Any, last: Any) -> Any:
        book = Ledger("sqlite://")
        book.append(
            "promotion", {"version": "v1", "replaced": None, "reason": "gates"}, at_us=0, system="s", target="t"
        )
        return book.entries(kind=kind)

    def models(self) -> Any:
        scores = {"logistic": {"auc": 0.7}}
        return [
            {
                "version": "v1",
                "role": "champion",
                "at": "2013-07-01T00:00:00Z",
                "learner": "logistic",
                "metrics": scores,
            }
        ]

    def moment(self, value: str) -> int:
        return len(value)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    import hindcast.assemble

    made = Fake()

    def opened(system: Path, home: Path | None = None, **_: Any) -> Fake:
        made.asked.append(("open", (str(system), home)))
        return made

    monkeypatch.delenv("HINDCAST_HOME", raising=False)
    monkeypatch.setattr(hindcast.assemble, "open_system", opened)
    return made


def code(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_run_prints_candidates_gates_and_what_comes_next(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("run", "s.py", "--until", "2013-07-01", "--home", "there") == 0
    assert fake.asked == [("open", ("s.py", Path("there"))), ("run", "2013-07-01")]
    out, err = capsys.readouterr()
    assert "0.710" in out
    assert "missing" in out
    assert "v1 (logistic) is the champion of s at 1 Jul 2013, 00:00" in out
    assert "hindcast serve s.py" in out
    assert err.startswith("training: 1")


def test_a_run_that_promotes_nothing_leaves_with_1(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.run_gives = {**RUN, "promoted": False}
    assert code("-q", "run", "s.py", "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["scores"]["logistic"]["ece"] is None
    assert err == ""


@pytest.mark.parametrize(
    ("raised", "left", "says"),
    [
        (ConfigError("table 'x' is missing; add it."), 2, "hindcast: table 'x' is missing; add it.\n"),
        (KeyboardInterrupt(), 130, "hindcast: interrupted; what was acknowledged is kept.\n"),
        (ZeroDivisionError("oops"), 70, "this is a bug in hindcast"),
    ],
)
def test_errors_are_kind_and_told_apart(
    fake: Fake, capsys: pytest.CaptureFixture[str], raised: BaseException, left: int, says: str
) -> None:
    fake.run_gives = raised
    assert code("-q", "run", "s.py") == left
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip("\n") == says if left != 70 else says in err


def test_replay_prints_the_table_and_writes_the_summary(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "deep" / "summary.json"
    argv = ["replay", "s.py", "--from", "2013-07-01", "--policy", "never", "--policy", "renewed"]
    assert code(*argv, "--report", "r.html", "--summary", str(summary)) == 0
    assert fake.asked[1] == ("replay", ("2013-07-01", None, ["never", "renewed"], Path("r.html")))
    out = capsys.readouterr().out
    assert "Renewing paid: it earned 5 EUR more than never retraining (95% interval 1 to 9)." in out
    assert "r.html" in out
    assert json.loads(summary.read_text()) == STORY["summary"]
    assert code("replay", "s.py", "--from", "2013-07-01", "--json") == 0
    assert fake.asked[3][1][2] == ["renewed", "never", "straight"]


def test_check_fails_on_a_failure_an_unknown_and_on_nothing(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("check", "s.py") == 0
    fake.verdicts = [Verdict.passed("a", "fine"), Verdict.unknown("b", "no rows")]
    assert code("check", "s.py") == 1
    assert "2 checks, 1 without a pass" in capsys.readouterr().out
    fake.verdicts = []
    assert code("check", "s.py") == 1


def test_backfill_says_what_was_computed_and_why(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("-q", "backfill", "s.py") == 0
    out = capsys.readouterr().out
    assert "facts of weather landed         1         3  temp" in out
    assert "weather: 2 facts landed since, 3 requests touched." in out
    assert "Notice: a.parquet is torn." in out
    assert "2 features of 10 requests: 3 of 20 values computed, the others kept (0.5 s)." in out
    assert code("-q", "backfill", "s.py", "--json") == 0
    assert json.loads(capsys.readouterr().out)["features_reused"] == ["wind"]


def test_serve_takes_host_token_and_clock(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDCAST_TOKEN", "secret")
    assert code("serve", "s.py", "--port", "0") == 0
    options = fake.asked[-1][1]
    assert (options["host"], options["port"], options["token"]) == ("127.0.0.1", 0, "secret")
    assert isinstance(options["clock"], SystemClock)
    assert code("serve", "s.py", "--clock-from", "2013-07-01") == 0
    clock = fake.asked[-1][1]["clock"]
    assert isinstance(clock, ReplayClock)
    assert clock.now_us() == 10
    assert code("up", "s.py", "--host", "0.0.0.0") == 0
    assert fake.asked[-1] == ("up", {"host": "0.0.0.0", "port": 8000, "token": "secret"})


def test_predict_ledger_and_models(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("-q", "predict", "s.py", "in.csv", "out.csv") == 0
    assert capsys.readouterr().out == "1,234 answers in out.csv\n"
    assert code("ledger", "s.py") == 0
    assert "1 Jan 1970, 00:00  promotion  v1: gates" in capsys.readouterr().out
    assert code("ledger", "s.py", "--json") == 0
    assert json.loads(capsys.readouterr().out)["body"] == {"version": "v1", "replaced": None, "reason": "gates"}
    assert code("models", "s.py") == 0
    assert "champion" in capsys.readouterr().out
    assert code("models", "s.py", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["metrics"]["logistic"]["auc"] == 0.7


@pytest.mark.parametrize(
    "argv", [["runn"], ["replay", "s.py"], ["run"], ["replay", "s.py", "--from", "x", "--policy", "no"]]
)
def test_wrong_words_leave_with_2_and_say_so(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code(*argv) == 2
    err = capsys.readouterr().err
    assert "Usage" in err
    assert argv != ["runn"] or "Did you mean 'run'?" in err


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(name, "--help") == 0
    out = capsys.readouterr().out
    assert f"Example:\n  hindcast {name}" in out
    assert code("--help") == 0
    listed = next(line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == [name])
    assert "..." not in listed


def test_help_imports_nothing_heavy() -> None:
    code_text = (
        "import sys; from hindcast.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'numba', 'rich', 'plotly', 'pandas', 'sqlalchemy', 'starlette', 'lightgbm'}\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code_text], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_closed_pipe_is_no_error() -> None:
    script = "from hindcast.cli import main; main(['--help'])"
    shell = f'{sys.executable} -c "{script}" | head -0'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
