"""Conflicts are groups whose labels disagree, and the ceiling is what the best function of the input could reach."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import DataError
from hindcast.quality import Conflicts, Duplicates, duplicate_texts, label_conflicts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z", None])), min_size=1, max_size=30))
def test_conflicts_are_their_definition(rows):
    texts, labels = zip(*rows, strict=True)
    found = label_conflicts(duplicate_texts(texts), labels)
    by_text = {t: Counter(label for text, label in rows if text == t and label is not None) for t in set(texts)}
    mixed = {t for t, counts in by_text.items() if len(counts) > 1}
    assert len(found.group) == len(mixed)
    labelled = sum(sum(c.values()) for c in by_text.values())
    if not labelled:
        assert math.isnan(found.ceiling)
        return
    best = sum(max(c.values()) for c in by_text.values() if c)
    assert found.ceiling == pytest.approx(best / labelled)
    doubted = set()
    for row, (text, label) in enumerate(rows):
        counts = by_text[text]
        if text in mixed and label is not None:
            top = [k for k, v in counts.items() if v == max(counts.values())]
            if label not in top or len(top) > 1:
                doubted.add(row)
    assert set(found.suspects.row.tolist()) == doubted
    assert bool(found.findings()) == bool(mixed)
    assert isinstance(found, Conflicts)


def test_the_finding_has_the_figures():
    found = label_conflicts(Duplicates(np.array([0, 0, 0, 1])), ["a", "a", "b", "a"])
    assert found.suspects.reason == ("labelled b, as 1 of 3 rows with this input; most are a",)
    assert found.findings()[0].number == "HC006"
    assert found.findings()[0].evidence == {"groups": 1, "rows": 3, "ceiling": 0.75}
    assert label_conflicts(Duplicates(np.zeros(0, dtype=np.int64)), []).findings() == []
    with pytest.raises(DataError, match="one per row"):
        label_conflicts(Duplicates(np.array([0])), [])
