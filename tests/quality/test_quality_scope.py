"""What is planted in a table is found under its number, and a plain table is left in peace."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from hindcast.cli.main import main
from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.findings import FINDINGS, MEANINGS, Finding
from hindcast.metrics.value import Goal
from hindcast.quality.framing import frame_question
from hindcast.quality.hazards import row_codes
from hindcast.quality.scope import scope
from hindcast.values import DAY_US, HOUR_US

N = 2_000
DATA = os.environ.get("HINDCAST_DATA")


def plain(seed=0, n=N):
    rng = np.random.default_rng([seed, 9])
    x, z = rng.normal(size=n), rng.uniform(5, 9, n)
    label = np.where(rng.random(n) < 1 / (1 + np.exp(1 - x - (z - 7))), "yes", "no")
    at = Column("time", np.arange(n, dtype=np.int64) * HOUR_US)
    side = rng.choice(["left", "right"], n)
    return rng, {"at": at, "x": x, "z": z, "side": side.tolist(), "y": label.tolist()}


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def numbers(columns, **options):
    found = scope(Frame.of(columns), label="y", **options)
    return {finding.number: finding for finding in found.findings}, found


def test_a_plain_table_is_left_in_peace():
    found, whole = numbers(plain(n=5_000)[1])
    assert found == {}
    assert whole.framing.kind == "binary"
    assert all(floor.over_low > 0 for floor in whole.floors[:-1])  # there is something to learn
    assert whole.fitness.answer == "yes"
    assert whole.summary()[:2] == ["Will y be “yes”?", whole.fitness.says]


def test_it_is_deterministic():
    columns = plain()[1]
    one, two = (json.dumps(scope(Frame.of(columns), label="y").describe()) for _ in range(2))
    assert one == two


def plant(number):
    rng, columns = plain()
    y = np.array(columns["y"]) == "yes"
    options = {}
    match number:
        case "HC001":
            del columns["at"]
        case "HC002":
            columns["closed"] = Column("time", columns["at"].values + HOUR_US * rng.integers(1, 50, N))
        case "HC003":
            columns["told"] = np.where(rng.random(N) < 0.99, y, ~y).astype(float) + rng.normal(0, 0.01, N)
        case "HC005" | "HC020":
            rows = np.r_[np.arange(N), rng.integers(0, N // 2, 400)]
            columns = {k: v.take(rows) for k, v in Frame.of(columns).items()}
            del columns["at"]
        case "HC006":
            columns = {k: v.take(np.r_[np.arange(N), np.arange(50)]) for k, v in Frame.of(columns).items()}
            flipped = columns["y"].objects().tolist()
            columns["y"] = flipped[:N] + ["yes" if v == "no" else "no" for v in flipped[N:]]
            columns["at"] = Column("time", np.arange(N + 50, dtype=np.int64) * HOUR_US)
        case "HC007":
            turned = np.arange(N) > N * 0.7
            p = 1 / (1 + np.exp(1 - np.where(turned, -3, 3) * columns["x"]))
            columns["y"] = np.where(rng.random(N) < p, "yes", "no").tolist()
        case "HC008":
            columns["customer"] = rng.integers(0, 100, N)
        case "HC009":
            columns["x"] = (columns["x"] - columns["x"].mean()) / columns["x"].std()
        case "HC010":
            rare = np.flatnonzero(y)
            rows = np.r_[np.arange(N), rng.choice(rare, N - 2 * len(rare))]
            columns = {k: v.take(rows) for k, v in Frame.of(columns).items()}
            del columns["at"]
        case "HC011":
            columns["z"] = np.where(y & (rng.random(N) < 0.5), np.nan, columns["z"])
        case "HC012":
            columns["z"] = np.where(np.arange(N) < 700, np.nan, columns["z"])
        case "HC013":
            columns["y"] = ["rare" if i % 50 == 0 else v for i, v in enumerate(columns["y"])]
        case "HC014":
            columns["y"] = [None if i > N * 0.92 else v for i, v in enumerate(columns["y"])]
        case "HC015":
            columns["same"] = np.ones(N)
        case "HC016":
            columns["code"] = [f"k{i:05d}" for i in rng.permutation(N)]
        case "HC017":
            columns["feed"] = ["web" if v > 7 else "shop" for v in columns["z"]]
            options["source"] = "feed"
    return columns, options


@pytest.mark.parametrize("number", [f"HC{n:03d}" for n in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20)])
def test_what_is_planted_is_found(number):
    columns, options = plant(number)
    found, _ = numbers(columns, **options)
    assert number in found
    finding = found[number]
    assert finding.title == FINDINGS[number]
    assert finding.says.endswith(".")
    assert finding.mend.endswith(".")


def test_parts_of_an_amount_are_found():
    rng, columns = plain()
    a, b = rng.integers(0, 50, N), rng.integers(0, 500, N)
    found, whole = numbers({**columns, "a": a, "b": b, "y": a + b})
    assert whole.framing.kind == "regression"
    assert found["HC004"].severity == "stop"


def test_the_delay_of_labels_is_told():
    rng, columns = plain()
    wait = rng.exponential(5, N) * DAY_US
    known = Column("time", columns["at"].values + wait.astype(np.int64), rng.random(N) < 0.9)
    _, found = numbers({**columns, "settled": known}, label_time="settled")
    assert found.delay.known + found.delay.unknown == N
    assert found.delay.median_us == pytest.approx(5 * np.log(2) * DAY_US, rel=0.1)
    with pytest.raises(ConfigError, match="not times"):
        numbers(columns, label_time="x")


def test_what_a_first_model_would_earn_is_told():
    _, columns = plain()
    goal = Goal("act", hit=10, false_alarm=-5, unit="EUR")
    found = scope(Frame.of(columns), label="y", goal=goal)
    first = next(floor for floor in found.floors if floor.name == "first model")
    assert first.worth_low <= first.worth <= first.worth_high
    assert first.worth > 0
    assert any("EUR" in sentence for sentence in found.summary())
    assert not any("hc.Goal" in sentence for sentence in found.lacking)
    assert all(np.isnan(floor.worth) for floor in scope(Frame.of(columns), label="y").floors)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 0], "binary"),
        ([True, False, None], "binary"),
        (["a", "b", "c", "a"], "multiclass"),
        ([1, 2, 3, 2], "multiclass"),
        (list(range(50)), "regression"),
        ([0.1, 0.2, 0.3], "regression"),
        ([1, 1, 1], "unlabelled"),
        ([None, None], "unlabelled"),
        ([f"name {i}" for i in range(500)], "unlabelled"),
    ],
)
def test_the_question_follows_the_values(values, kind):
    framing = frame_question(Column.of(values), "y")
    assert framing.kind == kind
    assert len(framing.label) == len(values)
    if framing.classes:
        assert list(framing.counts) == sorted(framing.counts, reverse=True)


def test_odd_tables():
    with pytest.raises(ConfigError, match="no rows"):
        scope(Frame.of({"y": np.zeros(0)}), label="y")
    with pytest.raises(UnknownName, match="Did you mean 'label'"):
        scope(Frame.of({"label": [0, 1]}), label="labl")
    tiny = scope(Frame.of({"x": [1.0, 2.0], "y": [0, 1]}), label="y")
    assert tiny.floors == ()
    alone = scope(Frame.of({"y": [0, 1] * 50}), label="y")
    assert alone.framing.kind == "binary"
    listed = scope(Frame.of({"tags": [("a",), ("a",), None] * 20, "y": [0, 1, 0] * 20}), label="y")
    assert listed.rows == 60


def test_rows_have_one_code_where_they_are_equal():
    frame = Frame.of({"a": [1.0, None, 1.0, None], "b": ["x", None, "x", "y"], "c": [(1.0,), None, (1.0,), None]})
    codes = row_codes(frame, frame.names)
    assert codes[0] == codes[2]
    assert len({int(c) for c in codes}) == 3


def test_an_unknown_number_is_no_finding():
    with pytest.raises(UnknownName):
        Finding("HC999", "x", "note", "x.", "y.")


def test_every_number_has_a_paragraph():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "findings.md").read_text(encoding="utf-8")
    for number, title in FINDINGS.items():
        found = re.search(rf"^## {number}: {re.escape(title)}$\n(.*?)(?=^## |\Z)", page, re.M | re.S)
        assert found, f"docs/reference/findings.md lacks {number}"
        assert " ".join(found[1].replace("`", "").split()) == MEANINGS[number]
    assert list(MEANINGS) == list(FINDINGS)


def test_the_command_prints_it_and_says_by_its_end_whether_to_stop(tmp_path, capsys):
    columns, _ = plant("HC003")
    import pyarrow.parquet as pq

    pq.write_table(Frame.of(columns).to_arrow(), tmp_path / "t.parquet")
    assert run("scope", str(tmp_path / "t.parquet"), "--label", "y") == 1
    shown = capsys.readouterr().out
    assert "HC003" in shown
    assert "Still to be said" in shown
    assert run("scope", str(tmp_path / "t.parquet"), "--label", "y", "--json") == 1
    assert json.loads(capsys.readouterr().out)["framing"]["kind"] == "binary"
    assert run("scope", str(tmp_path / "t.parquet"), "--label", "y", "--html", str(tmp_path / "new" / "t.html")) == 1
    assert "Will y be “yes”?" in (tmp_path / "new" / "t.html").read_text(encoding="utf-8")
    assert "t.html" in capsys.readouterr().out


@pytest.mark.skipif(DATA is None, reason="HINDCAST_DATA is not set")
def test_the_bank_hides_a_leak_and_a_drift():
    from hindcast.cli.init import read_table

    bank = read_table(Path(str(DATA)) / "bank_marketing" / "bank_full.parquet").frame
    found = {finding.number: finding for finding in scope(bank, label="y", time="date_derived").findings}
    assert found["HC003"].where == "duration"
    assert found["HC007"].evidence["time"] > 2 * found["HC007"].evidence["random"]
