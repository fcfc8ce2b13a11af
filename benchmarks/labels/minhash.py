"""`minhash`: near duplicate texts, Jaccard 0.7 of runs of five characters; a fifth are copies with a word changed.

hindcast compares candidates exactly; datasketch's LSH gives candidates, which are compared by their signatures here,
the way its documentation shows. So each line says what it found: the share of copies that stand in one group with
their original.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from harness.data import kept, write
from harness.job import Found, Job, Work

THRESHOLD = 0.7
SHINGLE = 5
WORDS = 14


def draw(place: Path, size: int, random: np.random.Generator) -> None:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = np.array(["".join(random.choice(letters, random.integers(2, 10))) for _ in range(20_000)])
    often = 1.0 / np.arange(1, 20_001)
    words = random.choice(20_000, size=(size, WORDS), p=often / often.sum())
    copies = size // 5
    source = np.full(size, -1)
    source[size - copies :] = random.integers(0, size - copies, copies)
    words[size - copies :] = words[source[size - copies :]]
    words[np.arange(size - copies, size), random.integers(0, WORDS, copies)] = random.integers(0, 20_000, copies)
    texts = [" ".join(row) for row in vocabulary[words].tolist()]
    write(place / "texts.parquet", {"text": texts, "source": source})


def read(place: Path) -> tuple[list[str], np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(place / "texts.parquet")
    return table["text"].to_pylist(), table["source"].to_numpy()


def scored(group: Any, source: np.ndarray) -> Found:
    copies = np.flatnonzero(source >= 0)
    together = np.asarray(group)[copies] == np.asarray(group)[source[copies]]
    return Found(len(source), {"copies met": round(float(together.mean()), 4), "groups": int(np.max(group)) + 1})


def hindcast(place: Path) -> Work:
    from hindcast.quality import near_duplicate_texts

    def work() -> Any:
        texts, source = read(place)
        return scored(near_duplicate_texts(texts, threshold=THRESHOLD, size=SHINGLE).group, source)

    return work


def datasketch(place: Path) -> Work:
    from datasketch import MinHash, MinHashLSH

    def work() -> Any:
        texts, source = read(place)
        lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128)
        shingles = (
            [text[at : at + SHINGLE].encode() for at in range(max(len(text) - SHINGLE, 0) + 1)] for text in texts
        )
        signatures = []
        leader = list(range(len(texts)))

        def root(node: int) -> int:
            while leader[node] != node:
                leader[node] = leader[leader[node]]
                node = leader[node]
            return node

        for row, signature in enumerate(MinHash.generator(shingles, num_perm=128)):
            for other in lsh.query(signature):
                if signature.jaccard(signatures[other]) >= THRESHOLD:
                    low, high = sorted((root(other), root(row)))
                    leader[high] = low
            lsh.insert(row, signature)
            signatures.append(signature)
        _, group = np.unique([root(row) for row in range(len(texts))], return_inverse=True)
        return scored(group, source)

    return work


JOB = Job(
    asks="groups of near duplicate texts of 85 characters, Jaccard 0.7 of runs of five characters",
    size=1_000_000,
    unit="texts",
    data=lambda size: kept(f"texts-{size}", lambda place, random: draw(place, size, random), 7),
    peers={"hindcast": hindcast, "datasketch": datasketch},
    check=lambda found: {"texts": found},
    limits={"datasketch": 100_000},
    columns=("copies met", "groups", "times ours", "CPU s", "above imports MB", "of input", "runs", "version"),
    input_bytes=lambda size: size * 89,
)
