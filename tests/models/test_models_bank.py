"""Real calls of a bank: trained on the first 70%, judged on the last 30%, where everything has drifted.

The columns that are known only after the call (`duration`) are left out, as a system would have to.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hindcast.columns import Frame
from hindcast.evaluate import Evidence, beats_baselines, importance, increasing, judge_all, latency, size, slice_floor
from hindcast.metrics import auc, log_loss
from hindcast.models import load_model, write
from hindcast.models.baselines import random, rule, zero_rule
from hindcast.models.lightgbm import lightgbm
from hindcast.models.logistic import logistic
from hindcast.values import DAY_US

PATH = Path(os.environ.get("HINDCAST_DATA", "nowhere")) / "bank_marketing" / "bank_additional_full.parquet"
pytestmark = pytest.mark.skipif(not PATH.is_file(), reason="needs bank marketing in the folder HINDCAST_DATA")


def succeeded_before(row):
    return row["poutcome"] == "success"


@pytest.fixture(scope="module")
def bank():
    import pyarrow.parquet as pq

    table = pq.ParquetFile(PATH).read()
    frame = Frame.from_arrow(table.drop_columns(["y", "duration", "year_derived"]))
    label = np.array([float(y == "yes") for y in table["y"].to_pylist()])
    return frame, label, int(0.7 * len(label))


def trained(learner, bank):
    frame, label, cut = bank
    return learner.fit(frame.take(slice(0, cut)), label[:cut], as_of=np.arange(cut), seed=0)


@pytest.fixture(scope="module")
def models(bank):
    learners = [random(), zero_rule(), rule(succeeded_before), logistic(), lightgbm(trees=100, leaves=15)]
    return {learner.name: trained(learner, bank) for learner in learners}


def test_order_of_the_models_in_time(models, bank):
    frame, label, cut = bank
    later = {name: auc(label[cut:], model.predict(frame.take(slice(cut, None)))) for name, model in models.items()}
    assert later["zero_rule"] == 0.5
    assert later["random"] == pytest.approx(0.5, abs=0.02)
    assert later["succeeded_before"] > 0.53
    assert later["logistic"] > 0.58
    assert later["lightgbm"] > 0.58
    earlier = auc(label[:cut], models["lightgbm"].predict(frame.take(slice(0, cut))))
    assert earlier > later["lightgbm"] + 0.1  # what a random split would have promised


def test_both_learners_fit_their_own_period(models, bank):
    frame, label, cut = bank
    base = log_loss(label[:cut], models["zero_rule"].predict(frame.take(slice(0, cut))))
    for name in ("logistic", "lightgbm"):
        assert log_loss(label[:cut], models[name].predict(frame.take(slice(0, cut)))) < 0.95 * base


def test_stored_models_answer_single_calls_as_blocks(models, bank, tmp_path):
    frame, _, cut = bank
    calls = frame.take(slice(cut, cut + 200))
    for name, model in models.items():
        write(tmp_path / name, model)
        again = load_model(tmp_path / name, functions={"succeeded_before": succeeded_before})
        assert [again.predict_row(row) for row in calls.rows()] == model.predict(calls).tolist()


def test_gates_on_what_came_later(models, bank):
    frame, label, cut = bank
    later, model = frame.take(slice(cut, None)), models["lightgbm"]
    evidence = Evidence(
        model,
        later,
        label[cut:],
        as_of=np.arange(len(later)) // 400 * DAY_US,
        probability=model.predict(later),
        baselines={name: models[name].predict(later) for name in ("random", "zero_rule", "succeeded_before")},
    )
    gates = [
        beats_baselines("log_loss"),
        beats_baselines("auc", by=0.01),
        slice_floor("contact", auc=0.9),
        increasing("previous", tolerance=0.05, share=0.9, rows=200),
        latency(p99="10ms"),
        size(5),
    ]
    verdicts, overall = judge_all(gates, evidence)
    assert overall.outcome == "fail"
    reasons = {v.check: f"{v.outcome}: {v.reason}" for v in verdicts}
    assert [v.outcome for v in verdicts] == ["pass", "unknown", "fail", "pass", "pass", "pass"], reasons
    assert "succeeded_before it might be noise" in verdicts[1].reason  # 30 blocks cannot tell the two AUCs apart


def test_what_matters_is_the_economy(models, bank):
    frame, label, cut = bank
    first = importance(models["lightgbm"], frame.take(slice(0, cut)), label[:cut], rows=3000, repeats=1)
    names = [item.feature for item in first]
    assert {"euribor3m", "nr.employed", "cons.conf.idx", "emp.var.rate", "month", "poutcome", "contact"} & set(
        names[:3]
    )
    assert set(names) == set(frame.names)
