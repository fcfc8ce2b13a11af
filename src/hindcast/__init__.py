"""hindcast: a whole production machine-learning system in one Python file, replayable over history.

Names are imported when first used, so that ``import hindcast`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindcast.adapt import every, on_decay, on_drift, on_volume
    from hindcast.assemble import open_system
    from hindcast.augment import augment_text
    from hindcast.balance import class_weights, cost_weights, oversample, smote, tomek_links, undersample
    from hindcast.balance.focal import FocalLoss as focal
    from hindcast.columns import Column, Frame
    from hindcast.errors import HindcastError
    from hindcast.evaluate import (
        beats_baselines,
        calibrated,
        decreasing,
        fresh,
        holds,
        increasing,
        invariant,
        latency,
        not_worse_than_champion,
        present,
        size,
        slice_floor,
    )
    from hindcast.facts import Table, after, before, files, frame, hand_labels
    from hindcast.features import (
        aggregate,
        decayed,
        degree,
        enrich,
        last_full,
        last_n,
        latest,
        members,
        neighbours_mean,
        quantile,
        rate,
        request,
        session,
        shared_neighbours,
        to_date,
        top,
        weighted_mean,
        window,
    )
    from hindcast.features.logged import logged
    from hindcast.features.noted import feature
    from hindcast.metrics import Goal
    from hindcast.models import in_two_phases, last_label, random, rule, sampled_dynamically, trained, zero_rule
    from hindcast.models.lightgbm import LightGBM as lightgbm
    from hindcast.models.logistic import Logistic as logistic
    from hindcast.quality import scope
    from hindcast.sampling import recent_rows, sample_rows, stratified_rows, weighted_rows
    from hindcast.semi import self_trained
    from hindcast.system import Monitoring, System, Training, load_system
    from hindcast.trainset import Binary, outcome
    from hindcast.trial import canary, shadow
    from hindcast.values import local_hour, local_weekday
    from hindcast.weak import labelling_function, weak_labels

__all__ = [
    "Binary",
    "Column",
    "Frame",
    "Goal",
    "HindcastError",
    "Monitoring",
    "System",
    "Table",
    "Training",
    "after",
    "aggregate",
    "augment_text",
    "beats_baselines",
    "before",
    "calibrated",
    "canary",
    "class_weights",
    "cost_weights",
    "decayed",
    "decreasing",
    "degree",
    "enrich",
    "every",
    "feature",
    "files",
    "focal",
    "frame",
    "fresh",
    "hand_labels",
    "holds",
    "in_two_phases",
    "increasing",
    "invariant",
    "labelling_function",
    "last_full",
    "last_label",
    "last_n",
    "latency",
    "latest",
    "lightgbm",
    "load_system",
    "local_hour",
    "local_weekday",
    "logged",
    "logistic",
    "members",
    "neighbours_mean",
    "not_worse_than_champion",
    "on_decay",
    "on_drift",
    "on_volume",
    "open_system",
    "outcome",
    "oversample",
    "present",
    "quantile",
    "random",
    "rate",
    "recent_rows",
    "request",
    "rule",
    "sample_rows",
    "sampled_dynamically",
    "scope",
    "self_trained",
    "session",
    "shadow",
    "shared_neighbours",
    "size",
    "slice_floor",
    "smote",
    "stratified_rows",
    "to_date",
    "tomek_links",
    "top",
    "trained",
    "undersample",
    "weak_labels",
    "weighted_mean",
    "weighted_rows",
    "window",
    "zero_rule",
]

__version__ = "0.1.0"

_ROOMS: dict[str, tuple[str, ...]] = {
    "hindcast.adapt": ("every", "on_decay", "on_drift", "on_volume"),
    "hindcast.assemble": ("open_system",),
    "hindcast.augment": ("augment_text",),
    "hindcast.balance": ("class_weights", "cost_weights", "oversample", "smote", "tomek_links", "undersample"),
    "hindcast.columns": ("Column", "Frame"),
    "hindcast.errors": ("HindcastError",),
    "hindcast.evaluate": (
        "beats_baselines",
        "calibrated",
        "decreasing",
        "fresh",
        "holds",
        "increasing",
        "invariant",
        "latency",
        "not_worse_than_champion",
        "present",
        "size",
        "slice_floor",
    ),
    "hindcast.facts": ("Table", "after", "before", "files", "frame", "hand_labels"),
    "hindcast.features.logged": ("logged",),
    "hindcast.features.noted": ("feature",),
    "hindcast.features": (
        "aggregate",
        "decayed",
        "degree",
        "enrich",
        "last_full",
        "last_n",
        "latest",
        "members",
        "neighbours_mean",
        "quantile",
        "rate",
        "request",
        "session",
        "shared_neighbours",
        "to_date",
        "top",
        "weighted_mean",
        "window",
    ),
    "hindcast.metrics": ("Goal",),
    "hindcast.models": ("in_two_phases", "last_label", "random", "rule", "sampled_dynamically", "trained", "zero_rule"),
    "hindcast.quality": ("scope",),
    "hindcast.sampling": ("recent_rows", "sample_rows", "stratified_rows", "weighted_rows"),
    "hindcast.semi": ("self_trained",),
    "hindcast.system": ("Monitoring", "System", "Training", "load_system"),
    "hindcast.trainset": ("Binary", "outcome"),
    "hindcast.trial": ("canary", "shadow"),
    "hindcast.values": ("local_hour", "local_weekday"),
    "hindcast.weak": ("labelling_function", "weak_labels"),
}
_EXPORTS = {name: (room, name) for room, names in _ROOMS.items() for name in names} | {
    "focal": ("hindcast.balance.focal", "FocalLoss"),
    "lightgbm": ("hindcast.models.lightgbm", "LightGBM"),
    "logistic": ("hindcast.models.logistic", "Logistic"),
}


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        room, its_name = _EXPORTS[name]
        value = getattr(import_module(room), its_name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hindcast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
