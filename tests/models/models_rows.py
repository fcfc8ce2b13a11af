"""Rows to learn from, for the tests of models: numbers with gaps, few and many categories, a signal."""

from __future__ import annotations

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.values import Floats


def many(rows: int, seed: int = 0) -> tuple[Frame, Floats]:
    """`rows` rows of four numbers, a boolean and two texts, and labels that depend on most of them."""
    random = np.random.default_rng(seed)
    x, y, gaps = random.normal(size=(3, rows))
    gaps[random.random(rows) < 0.2] = np.nan
    side = random.integers(-1, 3, rows).astype(np.int32)
    shop = random.integers(0, 90, rows).astype(np.int32)
    flag = random.random(rows) < 0.3
    frame = Frame(
        {
            "x": Column.of(x),
            "y": Column.of(100 * y + 3),
            "gaps": Column.of(gaps),
            "count": Column.of(random.integers(0, 9, rows)),
            "flag": Column.of(flag),
            "side": Column("text", side, None, np.array(["left", "right", "überall"], dtype=object)),
            "shop": Column("text", shop, None, np.array([f"shop {i}" for i in range(90)], dtype=object)),
        }
    )
    odds = 1.5 * x - np.abs(y) + np.nan_to_num(gaps) * 0.5 + (side == 1) - (shop % 5 == 0) + 0.5 * flag
    return frame, (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
