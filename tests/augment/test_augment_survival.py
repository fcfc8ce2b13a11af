"""A change that keeps labels passes, one that turns them fails, and a judge that knows nothing gives no verdict."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.augment import changed_texts, delete_words, label_survival
from hindcast.errors import DataError


def judge(texts):
    return ["bad" if "not" in text.split() else "good" for text in texts]


TEXTS = ["this is good"] * 60 + ["this is not good"] * 60
LABELS = ["good"] * 60 + ["bad"] * 60


def test_what_matters_may_not_be_deleted():
    careless = changed_texts(delete_words(0.5), TEXTS, 1)
    careful = changed_texts(delete_words(0.5, keep=["not"]), TEXTS, 1)
    lost = label_survival(TEXTS, careless, LABELS, judge)
    kept = label_survival(TEXTS, careful, LABELS, judge)
    assert lost.verdict.outcome == "fail"
    assert lost.by_class["good"] == (60, 1.0)
    assert lost.by_class["bad"][1] < 0.8
    assert (lost.lost >= 60).all()
    assert kept.verdict.outcome == "pass"
    assert kept.kept == 1.0


def test_too_few_pairs_or_a_blind_judge_tell_nothing():
    few = label_survival(TEXTS[:5], TEXTS[:5], LABELS[:5], judge)
    assert few.verdict.outcome == "unknown"
    blind = label_survival(TEXTS, TEXTS, LABELS, lambda texts: ["neither"] * len(texts))
    assert blind.verdict.outcome == "unknown"
    assert np.isnan(blind.kept)
    assert label_survival([], [], [], judge).verdict.outcome == "unknown"


def test_pairs_must_be_pairs():
    with pytest.raises(DataError, match="one of each per pair"):
        label_survival(["a"], [], ["good"], judge)
