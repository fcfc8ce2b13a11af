"""`apply`: ten labelling functions over texts, beside the plainest loop that could call them.

Every peer is given the same list of texts in memory and gives the matrix of votes. `hindcast-helpers` says the same
with `keyword` and `regex`; `hindcast-known` finds all votes on disk, kept by an earlier run. Snorkel reads a frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from harness.data import kept, write
from harness.job import Job, Work

SPAM, HAM = 1, 0
TEXT = """
the a song video love my channel please subscribe check it out http win cash now great best free nice one more you me
watch like money music this that here go so very really old good bad help new site click
"""
WORDS = TEXT.split()

LINK = re.compile(r"https?|www")
OUT = re.compile(r"check.*out")
SHOUT = re.compile(r"win.*now|free.*cash")


def has_my(text):
    return SPAM if "my" in text else None


def has_subscribe(text):
    return SPAM if "subscribe" in text else None


def has_link(text):
    return SPAM if LINK.search(text) else None


def has_please(text):
    return SPAM if "please" in text else None


def has_song(text):
    return HAM if "song" in text else None


def checks_out(text):
    return SPAM if OUT.search(text) else None


def promises(text):
    return SPAM if SHOUT.search(text) else None


def has_love(text):
    return HAM if "love" in text else None


def has_great(text):
    return HAM if "great" in text else None


def has_money(text):
    return SPAM if "money" in text else None


FUNCTIONS: list[Callable[[str], int | None]] = [
    has_my, has_subscribe, has_link, has_please, has_song, checks_out, promises, has_love, has_great, has_money,
]  # fmt: skip


def draw(place: Path, size: int, random: np.random.Generator) -> None:
    """Texts of 3 to 25 common words."""
    lengths = random.integers(3, 26, size)
    words = np.array(WORDS, dtype=object)[random.integers(0, len(WORDS), lengths.sum())]
    parts = np.split(words, np.cumsum(lengths)[:-1])
    write(place / "texts.parquet", {"text": [" ".join(part) for part in parts]})


def data(size: int) -> Path:
    return kept(f"texts-{size}", lambda place, random: draw(place, size, random), 3)


def texts(place: Path) -> list[str]:
    import pyarrow.parquet as pq

    found: list[str] = pq.read_table(place / "texts.parquet")["text"].to_pylist()
    return found


def loop(place: Path) -> Work:
    rows = texts(place)

    def work() -> Any:
        votes = np.full((len(rows), len(FUNCTIONS)), -1, dtype=np.int8)
        for i, text in enumerate(rows):
            for j, function in enumerate(FUNCTIONS):
                vote = function(text)
                if vote is not None:
                    votes[i, j] = vote
        return votes

    return work


def calls(place: Path) -> Work:
    """Nothing but the calls: what no way of applying can undercut in one process."""
    rows = texts(place)

    def work() -> Any:
        for function in FUNCTIONS:
            for text in rows:
                function(text)

    return work


def hindcast(place: Path, **options: Any) -> Work:
    from hindcast.weak import apply

    rows = texts(place)
    return lambda: np.asarray(apply(FUNCTIONS, rows, classes=[HAM, SPAM], **options))


def one_process(place: Path) -> Work:
    return hindcast(place, workers=1)


def known(place: Path) -> Work:
    from hindcast.weak import apply

    rmtree(place / "votes", ignore_errors=True)
    apply(FUNCTIONS, texts(place), classes=[HAM, SPAM], cache=place / "votes")
    return hindcast(place, cache=place / "votes")


def helpers(place: Path) -> Work:
    from hindcast.weak import apply, keyword, regex

    made = [
        keyword("my", SPAM, match_case=True),
        keyword("subscribe", SPAM, match_case=True),
        regex(LINK, SPAM),
        keyword("please", SPAM, match_case=True),
        keyword("song", HAM, match_case=True),
        regex(OUT, SPAM),
        regex(SHOUT, SPAM),
        keyword("love", HAM, match_case=True),
        keyword("great", HAM, match_case=True),
        keyword("money", SPAM, match_case=True),
    ]
    rows = texts(place)
    return lambda: np.asarray(apply(made, rows, classes=[HAM, SPAM], workers=1))


def snorkel(place: Path) -> Work:
    import pandas as pd
    from snorkel.labeling import LabelingFunction, PandasLFApplier

    frame = pd.DataFrame({"text": texts(place)})

    def made(function: Callable[[str], int | None]) -> Any:
        def vote(x: Any) -> int:
            found = function(x.text)
            return -1 if found is None else found

        return LabelingFunction(function.__name__, vote)

    applier = PandasLFApplier([made(function) for function in FUNCTIONS])
    return lambda: applier.apply(frame, progress_bar=False)


def check(votes: Any) -> dict[str, Any]:
    if votes is None:
        return {}
    votes = np.asarray(votes)
    counts = {f.__name__: [int((votes[:, j] == c).sum()) for c in (HAM, SPAM)] for j, f in enumerate(FUNCTIONS)}
    return {
        f"{name} {label}": count
        for name, pair in counts.items()
        for label, count in zip(("ham", "spam"), pair, strict=True)
    }


JOB = Job(
    asks="the votes of ten functions on texts in memory",
    size=1_000_000,
    unit="texts",
    data=data,
    peers={
        "calls-alone": calls,
        "loop": loop,
        "hindcast": hindcast,
        "hindcast-one": one_process,
        "hindcast-helpers": helpers,
        "hindcast-known": known,
        "snorkel": snorkel,
    },
    check=check,
    packages={
        "calls-alone": (),
        "loop": (),
        **{f"hindcast-{kind}": ("hindcast",) for kind in ("one", "helpers", "known")},
    },
    children=frozenset({"hindcast"}),
    limits={"snorkel": 100_000},
    sizes=(100_000, 1_000_000),
    columns=("times ours", "CPU s", "above imports MB", "runs", "version"),
)
