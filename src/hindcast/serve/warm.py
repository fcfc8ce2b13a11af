"""Everything that is slow the first time, done before the first request."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from hindcast.columns import Column, Kind
from hindcast.features.online import OnlineFeatures
from hindcast.fold.pool import Pool
from hindcast.models import Model
from hindcast.serve.predictor import Predictor

__all__ = ["blank", "warm_features", "warm_model", "warm_request"]

_BLANK: dict[Kind, Any] = {"number": 0.0, "integer": 0, "time": 0, "boolean": False, "text": "", "list": ()}
_log = logging.getLogger("hindcast.serve")


def blank(predictor: Predictor) -> dict[str, Any]:
    """A request without content."""
    return {name: _BLANK[kind] for name, kind in predictor.kinds.items()}


def warm_features(online: OnlineFeatures) -> None:
    """Load the compiled kernels, by one fact in a fold that nobody reads."""
    one = np.zeros(1, dtype=np.int64)
    for group in online.plan.groups:
        pool = Pool(group.spec, 1)
        values = np.zeros((len(group.slots), 1))
        pool.feed(pool.ids({"key": Column("integer", one)}, ["key"], 1), 0, one, one, one, values)
        out, ages = np.empty(group.cells), np.empty(len(group.readings), dtype=np.int64)
        pool.read(0, 0, group.own, 0, values[:, 0].copy(), out, ages)
        pool.kill(0, 0, 0, 0)


def warm_request(online: OnlineFeatures, predictor: Predictor, now_us: int) -> None:
    """Look up a blank request; what a feature function makes of it says nothing of real ones, so it is only noted."""
    try:
        online.read(blank(predictor), now_us, predictor.kinds)
    except Exception as error:
        _log.info("the blank request failed: %r", error)


def warm_model(model: Model) -> None:
    """Let a model answer a row without content."""
    try:
        model.predict_row({name: _BLANK[kind] for name, kind in model.kinds.items()})
    except Exception as error:
        _log.info("the model %s failed on a blank row: %r", model.name, error)
