"""A scikit-learn style learner fitted on rows by code: seeded, single-threaded, and kind to one class only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.models.threads import let_threads_sleep
from hindcast.parameters import seed_of
from hindcast.semi.classes import Labelled
from hindcast.semi.items import count, take
from hindcast.values import Floats, Ints

__all__ = ["Fitted", "fit", "one_thread", "predictions", "takes_weight"]


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS on one thread while this lasts: two would change the last bits of what is fitted."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted learner that answers for all classes, in the order of `classes`; itself of scikit-learn's shape.

    Parameters
    ----------
    model : object or None
        The fitted learner; None where all labels were of one class, which is then the answer.
    classes : tuple
    only : int
        The code of that one class, else -1.
    """

    model: Any
    classes: tuple[Any, ...]
    only: int = -1

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The classes, shape (K,)."""
        return np.array(self.classes)

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (n, K); a class that the learner never saw has 0."""
        n = count(items)
        result = np.zeros((n, len(self.classes)))
        if n == 0:
            return result
        if self.model is None:
            result[:, self.only] = 1.0
            return result
        with one_thread():
            found = np.asarray(self.model.predict_proba(items), dtype=np.float64)
        code = {name: place for place, name in enumerate(self.classes)}
        seen = [code[c.item() if isinstance(c, np.generic) else c] for c in self.model.classes_]
        result[:, seen] = found
        return result

    def predict(self, items: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each item, shape (n,); the first of the classes where several are."""
        likeliest: np.ndarray[Any, Any] = self.classes_[self.predict_proba(items).argmax(axis=1)]
        return likeliest


def predictions(model: Any, items: Any) -> Floats:
    """`model.predict_proba` as float64, shape (n, K), checked to be probabilities.

    Raises
    ------
    ConfigError, DataError
        For a model without probabilities; for the first row that is not finite.
    """
    if not hasattr(model, "predict_proba"):
        raise ConfigError(
            f"{type(model).__name__} has no predict_proba; wrap it, for instance in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    if count(items) == 0:
        return np.zeros((0, len(getattr(model, "classes_", ()))))
    with one_thread():
        found = np.asarray(model.predict_proba(items), dtype=np.float64)
    wrong = ~np.isfinite(found).all(axis=1)
    if wrong.any():
        raise DataError("the model's probabilities are not finite", row=int(wrong.argmax()) + 1)
    return found


def _last_step(learner: Any) -> tuple[str, Any]:
    steps = getattr(learner, "steps", None)
    if steps and isinstance(steps, list):
        return f"{steps[-1][0]}__", steps[-1][1]
    return "", learner


def takes_weight(learner: Any) -> bool:
    """Whether the learner (or the last step of a pipeline) takes ``sample_weight``."""
    import inspect

    try:
        return "sample_weight" in inspect.signature(_last_step(learner)[1].fit).parameters
    except (AttributeError, TypeError, ValueError):
        return False


def fresh(learner: Any, seed: int) -> Any:
    """An unfitted copy, whose every open ``random_state`` is set from `seed`."""
    seed = seed_of(seed)
    let_threads_sleep()
    from sklearn.base import clone

    try:
        copy = clone(learner)
    except TypeError:
        raise ConfigError(
            f"a learner must follow scikit-learn (fit, predict_proba, get_params), got {type(learner).__name__}."
        ) from None
    if not (hasattr(copy, "predict_proba") and hasattr(copy, "fit")):
        raise ConfigError(
            f"{type(learner).__name__} has no predict_proba; wrap it, for instance in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    parameters = copy.get_params(deep=True)
    open_seeds = sorted(n for n, v in parameters.items() if n.split("__")[-1] == "random_state" and v is None)
    if open_seeds:
        state = np.random.SeedSequence([seed, 40_111]).generate_state(len(open_seeds))
        copy.set_params(**{n: int(s) for n, s in zip(open_seeds, state & 0x7FFFFFFF, strict=True)})
    return copy


def fit(
    learner: Any, items: Any, y: Labelled, places: Ints, *, codes: Ints | None = None, weight: Any = None, seed: int = 0
) -> Fitted:
    """`learner` fitted on the items at `places`.

    Parameters
    ----------
    learner : scikit-learn style classifier, left unfitted
    items : anything :func:`~hindcast.semi.items.take` takes
    y : Labelled
        Names the classes, and the labels unless `codes` are given.
    places : int64 array, shape (m,)
        A place may come more than once.
    codes : int64 array, shape (m,), optional
        The labels to learn, such as pseudo-labels.
    weight : float64 array, shape (m,), optional
        All the same weight is no weight: the learner is called without.

    Raises
    ------
    DataError
        For no rows.
    ConfigError
        For weights that the learner does not take.
    """
    codes = y.codes[places] if codes is None else codes
    if not len(codes):
        raise DataError("no labelled rows to learn from.")
    return fit_rows(learner, take(items, places), y, codes, weight=weight, seed=seed)


def fit_rows(learner: Any, rows: Any, y: Labelled, codes: Ints, *, weight: Any = None, seed: int = 0) -> Fitted:
    """`learner` fitted on `rows` with labels `codes`; see :func:`fit`."""
    model = fresh(learner, seed)
    if codes.min() == codes.max():
        return Fitted(None, y.classes, int(codes[0]))
    extra: dict[str, Any] = {}
    if weight is not None and len(weight) and not np.all(weight == weight[0]):
        if not takes_weight(learner):
            raise ConfigError(
                f"{type(learner).__name__} takes no sample_weight, which soft labels need; use hard ones."
            )
        extra[f"{_last_step(learner)[0]}sample_weight"] = np.asarray(weight, dtype=np.float64)
    with one_thread(), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="The number of unique classes", category=UserWarning
        )  # labels are few
        model.fit(rows, y.names[codes], **extra)
    return Fitted(model, y.classes)
