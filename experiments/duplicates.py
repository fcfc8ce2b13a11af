"""Duplicates in three real sets: network connections, phone calls, text messages; what they do to a random split.

Run as ``HINDCAST_DATA=... python experiments/duplicates.py``. Nothing is fitted; times are of one run and vary.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from hindcast.clock import stopwatch_s
from hindcast.columns import Frame
from hindcast.quality import duplicate_rows, duplicate_texts, label_conflicts, near_duplicate_texts, shared_between


def split(n: int) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(n) < 0.7, "train", "test")


def main() -> None:
    folder = Path(os.environ["HINDCAST_DATA"])
    lines = (folder / "text" / "sms_spam.tsv").read_text(encoding="utf-8").splitlines()
    label, text = zip(*(line.split("\t", 1) for line in lines if "\t" in line), strict=True)
    kdd = Frame.from_arrow(pq.read_table(folder / "kdd99" / "kddcup99_10_percent.parquet"))
    inputs = Frame({name: kdd[name] for name in kdd.names if name != "label"})
    bank = Frame.from_arrow(pq.read_table(folder / "bank_marketing" / "bank_additional_full.parquet"))
    near_duplicate_texts(["compiled first", "compiled First!"])
    jobs = {
        "kdd99, all columns": lambda: (duplicate_rows(kdd), None),
        "kdd99, inputs": lambda: (duplicate_rows(inputs), kdd["label"].objects()),
        "bank, all columns": lambda: (duplicate_rows(bank), None),
        "sms, to the character": lambda: (duplicate_texts(text, exact=True), label),
        "sms, written alike": lambda: (duplicate_texts(text), label),
        "sms, near (0.8)": lambda: (near_duplicate_texts(text, threshold=0.8), label),
        "sms, near (0.6)": lambda: (near_duplicate_texts(text, threshold=0.6), label),
    }
    results = []
    print("| rows | distinct | largest group | conflicting groups | of a random test part also in training |")
    print("|---|---|---|---|---|")
    for name, job in jobs.items():
        began = stopwatch_s()
        found, labels = job()
        seconds = stopwatch_s() - began
        n = len(found.group)
        part = split(n)
        shared = len(shared_between(found, part)[0]) / (part == "test").sum()
        conflicts = None if labels is None else len(label_conflicts(found, labels).group)
        results.append(
            {"set": name, "rows": n, "distinct": found.distinct, "largest": int(found.sizes.max()), "shared": shared}
            | {"conflicts": conflicts}
        )
        told = "" if conflicts is None else f"{conflicts:,}"
        print(
            f"| {name}: {n:,} | {found.distinct:,} | {found.sizes.max():,} | {told} | {shared:.1%} |  ({seconds:.2f} s)"
        )
    place = Path(__file__).parent / "results" / "duplicates.json"
    place.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
