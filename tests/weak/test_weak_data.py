"""Real rules on real texts: the votes and coverages that others found."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hindcast.weak import analyse, apply, column_votes, keyword, labelling_function, regex

DATA = os.environ.get("HINDCAST_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="HINDCAST_DATA does not say where the data lie")


def test_seventy_three_rules_vote_as_they_did():
    folder = Path(DATA) / "weak_sms"
    with (folder / "labelling_rules.tsv").open(encoding="utf-8", newline="") as lines:
        rules = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    table = pq.read_table(folder / "test.parquet")
    assert len(rules) == 73
    texts = {"text": [text.lower() for text in table["text"].to_pylist()]}
    made = [regex(rule["pattern"], int(rule["label_id"]), flags=0, name=f"lf_{int(rule['lf']):02}") for rule in rules]
    said = apply(made, texts, classes=[0, 1])
    stored = apply([column_votes(rule.name) for rule in made], table, classes=[0, 1])
    np.testing.assert_array_equal(said.matrix, stored.matrix)
    assert said.covered.mean() == pytest.approx(0.384)


def test_seven_functions_of_the_tutorial_cover_what_it_says():
    folder = Path(DATA) / "text" / "youtube_spam"
    said = csv.DictReader((folder / "split.csv").read_text(encoding="utf-8").splitlines())
    split = {(row["file"], int(row["row"])): row["split"] for row in said}
    texts = []
    for path in sorted(folder.glob("Youtube*.csv")):
        lines = path.read_text(encoding="utf-8-sig").lstrip().splitlines(keepends=True)
        rows = list(csv.DictReader(lines))
        texts += [row["CONTENT"] for place, row in enumerate(rows) if split[path.name, place] == "train"]

    @labelling_function
    def short(text):
        return 0 if len(text.split()) < 5 else None

    functions = [
        keyword("my", 1), keyword("subscribe", 1), keyword("http", 1), keyword(["please", "plz"], 1),
        keyword("song", 0),
        regex("check.*out", 1), short,
    ]  # fmt: skip
    found = analyse(apply(functions, texts, classes=[0, 1]))
    assert [round(f.coverage, 4) for f in found.functions] == [0.1986, 0.1274, 0.1192, 0.1122, 0.1419, 0.2339, 0.2257]
