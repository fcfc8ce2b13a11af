"""A first system file: written from a stranger's table, readable, and it runs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from hindcast.cli.init import read_table, write_system
from hindcast.cli.main import main
from hindcast.cli.starter import system_text
from hindcast.errors import ConfigError, DataError
from hindcast.system import System, load_system

DATA = Path(os.environ.get("HINDCAST_DATA", ""))
BUSY = "cnt >= 300"
NEEDS_DATA = pytest.mark.skipif(
    not (DATA / "bank_marketing" / "bank_full.parquet").is_file(),
    reason="set HINDCAST_DATA to a folder with the real tables",
)


def orders(path: Path, rows: int = 2_000, *, naive: bool = True) -> Path:
    """A shop's orders over a year; large ones come back, and a refund is only paid for those that did."""
    draw = np.random.default_rng(11)
    lines = ["order id,customer_id,placed,amount,class,refund"]
    for i in range(rows):
        day = np.datetime64("2022-01-01T00:00") + np.timedelta64(int(i * 365 * 24 * 60 / rows), "m")
        amount = draw.gamma(2.0, 40.0)
        back = draw.random() < min(0.9, amount / 250)
        stamp = str(day).replace("T", " ") if naive else f"{day}:00Z"
        lines.append(f"{i + 1},{i % 97},{stamp},{amount:.2f},{'back' if back else 'kept'},{amount if back else 0:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def left(*argv: str) -> int:
    with pytest.raises(SystemExit) as gone:
        main(argv)
    return int(gone.value.code or 0)


def test_it_shows_its_guesses_and_writes_a_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made" / "system.py"
    assert write_system(orders(tmp_path / "orders.csv"), out) == 0
    shown = capsys.readouterr().out
    assert "class_ == 'back'" in shown
    assert "refund: alone it tells the outcome almost perfectly" in shown
    assert "hindcast run" in shown
    system = load_system(out)
    assert isinstance(system, System)
    assert system.target.label.expression.text == "class_ == 'back'"
    assert system.target.table.keys == ("order_id",)
    assert "refund" not in system.plan.names
    assert any("by_customer_id" in name for name in system.plan.names)
    assert "SUSPECTED LEAKS" in out.read_text()


def test_the_same_table_gives_the_same_file(tmp_path: Path) -> None:
    data = orders(tmp_path / "orders.csv", 300)
    texts = []
    for name in ("a", "b"):
        write_system(data, tmp_path / name / "system.py")
        texts.append((tmp_path / name / "system.py").read_text())
    assert texts[0] == texts[1]


def test_options_overrule_every_guess(tmp_path: Path) -> None:
    out = tmp_path / "system.py"
    data = orders(tmp_path / "orders.csv", 300)
    argv = [
        "init",
        str(data),
        "--target",
        "amount >= 100",
        "--time",
        "placed",
        "--key",
        "order_id",
        "--entity",
        "class_",
    ]
    argv += ["--as-of", "2h", "--known-after", "3d", "--zone", "Europe/Vienna", "--name", "shop", "--table", "sales"]
    assert left(*argv, "-o", str(out)) == 0
    system = load_system(out)
    assert (system.name, system.target.table.name) == ("shop", "sales")
    assert system.target.as_of.describe() == {"column": "placed", "offset": "-2h"}
    assert system.target.label.table.known_after == "3d"
    assert system.target.maturity_us == (3 * 24 + 2) * 3_600_000_000
    assert system.monitoring.zone == "Europe/Vienna"


def test_nothing_is_written_over_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "system.py"
    out.write_text("mine")
    data = orders(tmp_path / "orders.csv", 300)
    assert left("init", str(data), "-o", str(out)) == 2
    assert "exists; give another place with --out, or --force" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert left("init", str(data), "-o", str(out), "--force") == 0
    assert "hc.System(" in out.read_text()


def test_what_cannot_be_used_is_refused_with_a_way_out(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("a,b\n")
    timeless = tmp_path / "timeless.csv"
    timeless.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)))
    with pytest.raises(DataError, match="holds no rows"):
        read_table(empty)
    with pytest.raises(ConfigError, match="no column holds times"):
        write_system(timeless, tmp_path / "s.py")
    with pytest.raises(ConfigError, match="no file at"):
        read_table(tmp_path / "nowhere.csv")
    assert not (tmp_path / "s.py").exists()


def test_names_that_python_cannot_say_are_mended(tmp_path: Path) -> None:
    data = tmp_path / "odd.csv"
    lines = [f"{1_600_000_000 + 3600 * i},{i % 5},{i},1,x,{i % 2}\n" for i in range(400)]
    data.write_text('unix time,"a ""b""\nc",1st,hc,lambda,y\n' + "".join(lines))
    read = read_table(data)
    assert read.frame.names == ["unix_time", "a__b__c", "c_1st", "hc_", "lambda_", "y"]
    assert read.frame["unix_time"].kind == "time"
    write_system(data, tmp_path / "system.py")
    assert load_system(tmp_path / "system.py").target.as_of.column == "unix_time"


def test_hostile_values_stay_values(tmp_path: Path) -> None:
    data = tmp_path / "orders.csv"
    mark = tmp_path / "hurt"
    hostile = f'""" + str(open(\'{mark}\', \'w\')) + """'
    cell = '"' + hostile.replace('"', '""') + '"'
    stamps = [f"2022-01-{1 + i // 24:02d}T{i % 24:02d}:00:00Z" for i in range(400)]
    data.write_text("at,y\n" + "".join(f"{s},{cell if i % 3 == 0 else 'no'}\n" for i, s in enumerate(stamps)))
    write_system(data, tmp_path / "system.py")
    system = load_system(tmp_path / "system.py")
    assert system.target.label.expression.holds(read_table(data).frame).sum() == 134
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize("naive", [True, False], ids=["clock times", "with offset"])
def test_it_runs_from_csv_to_champion(tmp_path: Path, capsys: pytest.CaptureFixture[str], naive: bool) -> None:
    out = tmp_path / "system.py"
    assert left("-q", "init", str(orders(tmp_path / "orders.csv", naive=naive)), "-o", str(out)) == 0
    assert left("-q", "run", str(out)) == 0
    assert "is the champion of orders" in capsys.readouterr().out
    assert left("-q", "replay", str(out), "--from", "2022-11-01", "--policy", "renewed", "--policy", "never") == 0
    assert "Never retrained" in capsys.readouterr().out
    assert left("-q", "models", str(out)) == 0
    assert "champion" in capsys.readouterr().out


@NEEDS_DATA
@pytest.mark.parametrize(
    ("file", "options", "target", "time", "key", "leaks"),
    [
        ("bank_marketing/bank_full.parquet", {}, "y == 'yes'", "date_derived", "row_number", ["duration"]),
        (
            "bike_sharing/hour.csv",
            {"target": "cnt >= 300"},
            "cnt >= 300",
            "dteday_hr",
            "instant",
            ["casual", "registered"],
        ),
        ("ab_test/landing_page.parquet", {}, "converted == 1", "timestamp", "user_id", []),
    ],
)
def test_real_tables_are_read_as_their_owners_would(
    tmp_path: Path, file: str, options: dict, target: str, time: str, key: str, leaks: list[str]
) -> None:
    from hindcast.cli.init import plan_system

    plan, _, _ = plan_system(read_table(DATA / file), DATA / file, tmp_path / "system.py", **options)
    assert (plan.target, plan.time, plan.key[0]) == (target, time, key)
    assert [suspect.name for suspect in plan.suspects] == leaks
    assert not set(leaks) & set(plan.features)
    compile(system_text(plan), "system.py", "exec")


@NEEDS_DATA
def test_an_unclear_outcome_is_asked_for_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Columns with two values: yr, holiday, workingday.*--target 'cnt >= 142'"):
        write_system(DATA / "bike_sharing" / "hour.csv", tmp_path / "system.py")


@NEEDS_DATA
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "options", "every", "code"),
    [
        ("bank_marketing/bank_full.parquet", [], 1, 0),
        ("bike_sharing/hour.csv", ["--target", BUSY], 1, 0),
        ("ab_test/landing_page.parquet", [], 6, 1),  # no page was better: an honest gate says so
    ],
)
def test_real_tables_run(tmp_path: Path, file: str, options: list[str], every: int, code: int) -> None:
    """One row of `every`: of a table so long that no verdict hangs on it."""
    data, out = DATA / file, tmp_path / "system.py"
    if every > 1:
        rows = parquet.read_table(data)
        data = tmp_path / data.name
        parquet.write_table(rows.take(np.arange(0, len(rows), every)), data)
    assert left("-q", "init", str(data), "-o", str(out), *options) == 0
    assert left("-q", "run", str(out)) == code
