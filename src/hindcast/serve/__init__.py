"""Serving: facts in, predictions out, over HTTP, with nothing acknowledged ever lost.

:class:`Service` owns the state and the journal; :func:`build_app` gives it a face and :func:`run_server` a process.
:class:`Predictor` turns features into decisions; every answer is logged with the features it was made of, and drained
to the lake, where labels, monitors and trials find it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindcast.serve.app import Limits, build_app
    from hindcast.serve.ask import Ask
    from hindcast.serve.landing import Receipt
    from hindcast.serve.prediction_log import PredictionRecord, prediction_facts, prediction_table
    from hindcast.serve.predictor import Prediction, Predictor
    from hindcast.serve.run import run_server
    from hindcast.serve.service import Service
    from hindcast.serve.settings import Settings

_EXPORTS = {
    "Ask": "ask",
    "Limits": "app",
    "Prediction": "predictor",
    "PredictionRecord": "prediction_log",
    "Predictor": "predictor",
    "Receipt": "landing",
    "Service": "service",
    "Settings": "settings",
    "build_app": "app",
    "prediction_facts": "prediction_log",
    "prediction_table": "prediction_log",
    "run_server": "run",
}

__all__ = [
    "Ask",
    "Limits",
    "Prediction",
    "PredictionRecord",
    "Predictor",
    "Receipt",
    "Service",
    "Settings",
    "build_app",
    "prediction_facts",
    "prediction_table",
    "run_server",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(import_module(f"hindcast.serve.{_EXPORTS[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hindcast.serve' has no attribute {name!r}")
