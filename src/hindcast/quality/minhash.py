"""Texts that are nearly the same: MinHash finds candidates among millions, their shingles are then compared exactly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError
from hindcast.quality.duplicates import Duplicates, duplicate_texts, listed_texts, normalised
from hindcast.values import Floats, Ints

__all__ = ["bands_for", "jaccard", "near_duplicate_texts"]

_CHUNK = 100_000
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
    O(characters x hashes) for signatures. Memory: about 4 bytes a character and 2 to 3 x `hashes` a text.

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
    if not 0.0 < threshold <= 1.0:
        raise ConfigError(f"threshold is a share above 0 and at most 1, got {threshold!r}.")
    if size < 1 or hashes < 2 or threads < 1 or not 0.0 < recall < 1.0:
        raise ConfigError("near_duplicate_texts needs size >= 1, hashes >= 2, threads >= 1 and recall in (0, 1).")
    if by not in ("characters", "words"):
        raise ConfigError(f"by is 'characters' or 'words', got {by!r}.")
    listed = listed_texts(texts)
    written = [None if text is None else normalised(text) for text in listed]
    same = duplicate_texts([text or None for text in written], exact=True)
    heads = np.flatnonzero(same.first)
    kept = [written[row] for row in heads.tolist()]
    usable = np.array([bool(text) for text in kept], dtype=np.bool_)
    places = np.flatnonzero(usable)
    codes, starts = _codes([kept[at] or "" for at in places.tolist()])
    bands, rows = bands_for(threshold, hashes, recall)
    parent, alike = np.arange(len(places), dtype=np.int64), np.ones(len(places))
    notes: tuple[str, ...] = ()
    if len(places) > 1:
        words = by == "words"
        keys, low = _signed(codes, starts, size, words, bands, bands * rows, threads, seed)
        compared = 0
        for band in range(bands):
            compared += _join_band(keys[band], low, codes, starts, size, words, threshold, parent, alike)
            if progress is not None:
                progress(band + 1, bands)
        notes = (f"{compared:,} pairs of {len(places):,} distinct texts were compared.",)
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            break
        parent = above
    of_head = np.arange(len(heads), dtype=np.int64)
    of_head[places] = places[parent]
    likeness_of_head = np.ones(len(heads))
    likeness_of_head[places] = alike
    leader = heads[of_head][same.group]
    _, group = np.unique(leader, return_inverse=True)
    found = Duplicates(group.astype(np.int64), likeness_of_head[same.group], notes)
    assert found.similarity is not None
    found.similarity[found.first] = 1.0
    return found


def _codes(texts: list[str]) -> tuple[Any, Ints]:
    """The characters of all texts one after another, and where each text starts, shape (n + 1,)."""
    joined = "".join(texts)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    if joined.isascii():
        return np.frombuffer(joined.encode("ascii"), dtype=np.uint8).astype(np.uint32), starts
    return np.frombuffer(bytearray(joined.encode("utf-32-le", "surrogatepass")), dtype=np.uint32), starts


def _signed(
    codes: Any, starts: Ints, size: int, words: bool, bands: int, hashes: int, threads: int, seed: int
) -> tuple[Any, Any]:
    """Keys of each band, shape (bands, n), and the lowest bytes of the signatures, shape (n, hashes)."""
    from hindcast.quality.minhash_kernel import signatures

    draw = np.random.default_rng([seed, 4131])
    a = (draw.integers(0, 1 << 31, hashes, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
    b = draw.integers(0, 1 << 32, hashes, dtype=np.uint32)
    n = len(starts) - 1
    keys, low = np.empty((bands, n), dtype=np.uint64), np.empty((n, hashes), dtype=np.uint8)

    def work(at: int) -> None:
        stop = min(at + _CHUNK, n)
        signatures(codes, starts[at : stop + 1], size, words, a, b, keys[:, at:stop], low[at:stop])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, n, _CHUNK)))
    return keys, low


def _join_band(
    key: Any,
    low: Any,
    codes: Any,
    starts: Ints,
    size: int,
    words: bool,
    threshold: float,
    parent: Ints,
    alike: Floats,
) -> int:
    """Texts of equal key are candidates; those alike are joined. How many pairs were compared."""
    from hindcast.quality.minhash_kernel import crowded, join_alike

    seen, again = np.zeros(1 << 19, dtype=np.uint64), np.zeros(1 << 19, dtype=np.uint64)
    shared = crowded(key, seen, again)
    left, right = (shared[side] for side in _candidates(key[shared]))
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    return int(join_alike(codes, starts, size, words, low, left, right, threshold, parent, alike))


def _candidates(key: Any) -> tuple[Ints, Ints]:
    """Pairs of rows of equal key: every pair where few share it, else each with the first and with the one before."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    start = np.ones(len(key), dtype=np.bool_)
    start[1:] = ranked[1:] != ranked[:-1]
    run = np.cumsum(start) - 1
    begins = np.flatnonzero(start)
    length = np.diff(np.append(begins, len(key)))
    place = np.arange(len(key)) - begins[run]
    lefts, rights = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    busy = np.flatnonzero(length[run] > 1)
    for lag in range(1, _ALL_PAIRS):
        small = busy[(place[busy] >= lag) & ((length[run[busy]] <= _ALL_PAIRS) | (lag == 1))]
        lefts.append(order[small - lag])
        rights.append(order[small])
    large = busy[(place[busy] > 1) & (length[run[busy]] > _ALL_PAIRS)]
    lefts.append(order[begins[run[large]]])
    rights.append(order[large])
    return np.concatenate(lefts), np.concatenate(rights)
