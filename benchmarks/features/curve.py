"""`curve`: `windows` from a hundred thousand facts to a hundred million: what a fact costs, and what memory it takes.

The size counts facts; requests are a fifth of them. hindcast has a budget of 4 GiB, whatever the size.
"""

from __future__ import annotations

from dataclasses import replace

from features import data, windows

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)

JOB = replace(
    windows.JOB,
    asks="windows over more and more facts, under 4 GiB",
    size=SIZES[0],
    sizes=SIZES,
    unit="facts",
    data=lambda size: data.make("windows", size // 5),
    peers={"hindcast": windows.hindcast, "polars": windows.polars},
    limits={"hindcast": 10_000_000, "polars": 10_000_000},  # in memory, more would take more than there is
    touch=lambda size: 1_024 * size,
    input_bytes=lambda size: size * 24 + size // 5 * 24,
    warm_size=5_000,
    once_above=10_000_000,
)
