"""Texts that are nearly the same: MinHash finds candidates among millions, their shingles are then compared exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from hindcast.parameters import choice, progress_of, seed_of, share, whole
from hindcast.quality.duplicates import Duplicates
from hindcast.quality.written import Written, in_blocks, normalised, packed, repeated, written_alike

__all__ = ["bands_for", "jaccard", "near_duplicate_texts"]

_ALL_PAIRS = 12
"""In a bucket of so few texts every pair is a candidate."""


def jaccard(first: str, second: str, *, size: int = 5, by: Literal["characters", "words"] = "characters") -> float:
    """The share of shingles that two texts have in common, once written alike; two empty texts are the same.

    Examples
    --------
    >>> jaccard("win a prize now", "Win a prize  now")
    1.0
    >>> round(jaccard("abcdef", "abcdeg", size=3), 3)
    0.6
    """
    size = whole("size", size, least=1)
    choice("by", by, ("characters", "words"))
    sets = [_shingle_set(normalised(text), size, by) for text in (first, second)]
    union = sets[0] | sets[1]
    return len(sets[0] & sets[1]) / len(union) if union else 1.0


def _shingle_set(text: str, size: int, by: str) -> set[Any]:
    parts: Any = text.split() if by == "words" else text
    if not parts:
        return set()
    return {tuple(parts[at : at + size]) for at in range(max(len(parts) - size, 0) + 1)}


def bands_for(threshold: float, hashes: int, recall: float = 0.95) -> tuple[int, int]:
    """Bands and rows in each: as many rows as still find pairs of `threshold` with probability `recall`.

    Texts of Jaccard likeness s share a bucket with probability ``1 - (1 - s**rows) ** bands``.

    Examples
    --------
    >>> bands_for(0.8, 128)
    (18, 7)
    """
    rows = 1
    while (rows + 1) * 2 <= hashes and 1.0 - (1.0 - threshold ** (rows + 1)) ** (hashes // (rows + 1)) >= recall:
        rows += 1
    return hashes // rows, rows


def near_duplicate_texts(
    texts: Any,
    *,
    threshold: float = 0.8,
    size: int = 5,
    by: Literal["characters", "words"] = "characters",
    hashes: int = 128,
    recall: float = 0.95,
    threads: int = 2,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Duplicates:
    """Groups of texts that are nearly the same, for millions of texts.

    Texts are written alike (:func:`~hindcast.quality.normalised`), exact repetitions joined, and each cut into
    shingles: runs of `size` characters, or of words. MinHash signatures put texts that share many into the same bucket;
    whatever shares a bucket is compared shingle by shingle, and joined where the Jaccard likeness reaches the
    threshold. So no two texts are joined by chance, while of pairs right at the threshold `recall` are met, of more
    alike ones nearly all. Groups are chains: the ends of a long one may be less alike than the threshold.

    Parameters
    ----------
    texts : sequence or column of str
        Missing texts, and those without characters, are each alone.
    threshold : float, default 0.8
        In (0, 1].
    size : int, default 5
        Shorter texts are one shingle. With words, 2 or 3.
    by : {"characters", "words"}
    hashes : int, default 128
        Length of a signature; more let the threshold be met with fewer needless comparisons.
    recall : float, default 0.95
    threads : int, default 2
        The result is the same with any number.
    seed : int

    Returns
    -------
    Duplicates
        With the likeness that joined each row to its group.

    Notes
    -----
    O(characters x hashes) for signatures, O(texts log texts) for each band. Memory: 2 bytes for each byte of text (1
    where an Arrow column lends its own), 4 bytes a band and `hashes` / 8 for the signature of a text, and about 100 a
    text. Up to 2**32 texts.

    References
    ----------
    Broder, "On the Resemblance and Containment of Documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive
    Datasets", chapter 3.

    Examples
    --------
    >>> found = near_duplicate_texts(["call 0800 123 now to win cash", "call 0800 124 now to win cash", "see you at 8"],
    ...                              threshold=0.6)
    >>> found.group.tolist()
    [0, 0, 1]
    """
    threshold, recall = share("threshold", threshold), share("recall", recall, one=False)
    size, hashes = whole("size", size, least=1, most=1 << 31), whole("hashes", hashes, least=2, most=4_096)
    threads, seed = whole("threads", threads, least=1, most=1_024), seed_of(seed)
    choice("by", by, ("characters", "words"))
    told = progress_of(progress)
    written = written_alike(packed(texts), threads)
    n = len(written)
    empty = written.missing | (written.start == written.stop)
    group, heads = repeated(replace(written, missing=empty), threads)
    places = heads[~empty[heads]]
    kept = replace(written, start=written.start[places], stop=written.stop[places], missing=empty[places])
    parent, alike = np.arange(len(places), dtype=np.int64), np.ones(len(places))
    notes: tuple[str, ...] = ()
    if len(places) > 1:
        compared = _join(kept, size, by == "words", threshold, bands_for(threshold, hashes, recall), threads, seed,
                         parent, alike, told)  # fmt: skip
        notes = (f"{compared:,} pairs of {len(places):,} distinct texts were compared.",)
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            break
        parent = above
    leader, likeness = np.arange(n, dtype=np.int64), np.ones(n)
    leader[places], likeness[places] = places[parent], alike
    leader, likeness = leader[heads[group]], likeness[heads[group]]
    first = leader == np.arange(n)  # a group is led by its first row
    likeness[first] = 1.0
    return Duplicates((np.cumsum(first) - 1)[leader], likeness, notes)


def _join(
    texts: Written,
    size: int,
    words: bool,
    threshold: float,
    shape: tuple[int, int],
    threads: int,
    seed: int,
    parent: Any,
    alike: Any,
    progress: Callable[[int, int], None],
) -> int:
    """Join what is alike, in `parent` and `alike`; how many pairs were compared."""
    from hindcast.quality.minhash_kernel import join_alike, signatures

    bands, rows = shape
    m, n = bands * rows, len(texts)
    draw = np.random.default_rng([seed, 4131])
    factors = (draw.integers(0, 1 << 31, m, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
    keys, sketch = np.empty((bands, n), dtype=np.uint32), np.empty((n, -(-m // 64)), dtype=np.uint64)

    def work(p: slice) -> None:
        signatures(texts.codes, texts.start[p], texts.stop[p], size, words, factors, keys[:, p], sketch[p])

    in_blocks(work, n, threads)
    compared = 0
    for band, pairs in enumerate(_candidates(keys, threads)):
        where = (texts.codes, texts.start, texts.stop, size, words)
        compared += int(join_alike(*where, sketch, m, pairs, threshold, parent, alike))
        progress(band + 1, bands)
    return compared


def _candidates(keys: Any, threads: int) -> Iterator[Any]:
    """Of each band in turn the pairs of texts of one key, in order, as ``left * 2**32 + right``; one band ahead."""
    from hindcast.quality.minhash_kernel import pairs

    texts = np.arange(keys.shape[1], dtype=np.uint64)

    def work(key: Any) -> Any:
        ranked = key.astype(np.uint64)
        ranked <<= np.uint64(32)
        ranked |= texts
        ranked.sort()
        found = pairs(ranked, _ALL_PAIRS)
        found.sort()
        return found

    if threads == 1:
        yield from map(work, keys)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        ahead: deque[Future[Any]] = deque()
        for key in keys:
            ahead.append(pool.submit(work, key))
            if len(ahead) > threads - 1:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
