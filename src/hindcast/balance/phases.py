"""Learners that go on: first on balanced rows, then on the rows as they are, or round by round on other shares.

Two-phase learning lets balanced rows show a learner what rare classes look like and lets all rows put the odds right
again: the second phase undoes what the first did to probabilities.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hindcast.balance.arrays import row_count, taken
from hindcast.balance.classes import class_counts, coded
from hindcast.balance.resampling import Resampling, Reweighting, resample
from hindcast.errors import ConfigError
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, seed_of, whole
from hindcast.values import Floats, Ints

__all__ = ["Boosting", "GoingOn", "Gradual", "Network", "Phases", "two_phase"]

_SEED = 0x70686173


class GoingOn(Protocol):
    """A learner that can go on from where it stood, on other rows.

    Laws: the same rows and seed give the same answers; going on leaves the state it went on from as it was.
    """

    def start(self, X: Any, codes: Ints, weight: Floats, classes: int, seed: int) -> Any:
        """A state learnt from rows X of class `codes`, 0 to `classes` - 1."""
        ...

    def go_on(self, state: Any, X: Any, codes: Ints, weight: Floats, seed: int) -> Any:
        """Another state, learnt from `state` on by these rows; not every class need occur."""
        ...

    def probability(self, state: Any, X: Any) -> Floats:
        """Probabilities of each class, shape (n, K)."""
        ...


@dataclass(frozen=True)
class Boosting:
    """LightGBM: the later phases add trees to those of the earlier ones (``init_model``).

    Parameters
    ----------
    trees, more : int, default 100, 50
        Of the first phase, and of each later one.
    parameters : mapping, optional
        LightGBM's; objective, classes, seed and determinism are set here.
    categorical : sequence of int, optional
        Columns whose numbers are codes of categories, split as such.
    """

    trees: int = 100
    more: int = 50
    parameters: Mapping[str, Any] = field(default_factory=dict)
    categorical: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("trees", "more"):
            whole(f"Boosting: {name}", getattr(self, name), least=1, most=100_000)

    def _train(self, X: Any, codes: Ints, weight: Floats, classes: int, seed: int, before: Any) -> Any:
        import lightgbm

        kind = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
        fixed = {"verbosity": -1, "deterministic": True, "force_row_wise": True, "seed": seed % (1 << 31)}
        parameters = {"num_threads": 2, **self.parameters, **kind, **fixed}
        data = lightgbm.Dataset(
            X, codes, weight=weight, params=parameters, categorical_feature=list(self.categorical) or "auto"
        )
        rounds = self.trees if before is None else self.more
        return lightgbm.train(parameters, data, num_boost_round=rounds, init_model=before)

    def start(self, X: Any, codes: Ints, weight: Floats, classes: int, seed: int) -> Any:
        return self._train(X, codes, weight, classes, seed, None)

    def go_on(self, state: Any, X: Any, codes: Ints, weight: Floats, seed: int) -> Any:
        return self._train(X, codes, weight, max(2, state.num_model_per_iteration()), seed, state)

    def probability(self, state: Any, X: Any) -> Floats:
        p = np.asarray(state.predict(X), dtype=np.float64)
        return np.stack([1.0 - p, p], axis=1) if p.ndim == 1 else p


@dataclass(frozen=True)
class Gradual:
    """A scikit-learn classifier with ``partial_fit``, such as ``SGDClassifier(loss="log_loss")``.

    Parameters
    ----------
    estimator : classifier
        Copied, never changed.
    epochs, more : int, default 5, 2
        How often the rows are gone through, in another order each time.
    batch : int, default 256
        Rows per step.
    """

    estimator: Any
    epochs: int = 5
    more: int = 2
    batch: int = 256

    def __post_init__(self) -> None:
        if not (hasattr(self.estimator, "partial_fit") and hasattr(self.estimator, "predict_proba")):
            raise ConfigError(f"Gradual takes a classifier with partial_fit and predict_proba, got {self.estimator!r}.")
        _checked_steps("Gradual", self)

    def _learn(self, model: Any, X: Any, codes: Ints, weight: Floats, classes: int, epochs: int, seed: int) -> Any:
        random = np.random.default_rng([seed, _SEED])
        even = bool((weight == 1).all())
        for _ in range(epochs):
            order = random.permutation(len(codes))
            for rows in np.array_split(order, max(1, -(-len(order) // self.batch))):
                more = {} if even else {"sample_weight": weight[rows]}
                model.partial_fit(taken(X, rows), codes[rows], classes=np.arange(classes), **more)
        return model

    def start(self, X: Any, codes: Ints, weight: Floats, classes: int, seed: int) -> Any:
        from hindcast.balance.fitting import cloned

        return self._learn(cloned(self.estimator, seed), X, codes, weight, classes, self.epochs, seed)

    def go_on(self, state: Any, X: Any, codes: Ints, weight: Floats, seed: int) -> Any:
        return self._learn(copy.deepcopy(state), X, codes, weight, len(state.classes_), self.more, seed)

    def probability(self, state: Any, X: Any) -> Floats:
        return np.asarray(state.predict_proba(X), dtype=np.float64)


@dataclass(frozen=True)
class Network:
    """A PyTorch module that gives a score per class, trained with Adam.

    Parameters
    ----------
    make : callable
        Gives a fresh module from numbers, shape (n, columns), to scores, shape (n, K).
    epochs, more : int, default 20, 5
    batch : int, default 256
    rate, more_rate : float, default 1e-2, 1e-3
        Learning rates of the first and of later phases.
    tuned : tuple of str, optional
        Beginnings of the names of parameters that later phases change, such as ``("head",)``; all unless given.
    loss : callable, optional
        From scores and codes to a loss per row; cross-entropy unless given.
    """

    make: Callable[[], Any]
    epochs: int = 20
    more: int = 5
    batch: int = 256
    rate: float = 1e-2
    more_rate: float = 1e-3
    tuned: tuple[str, ...] = ()
    loss: Callable[[Any, Any], Any] | None = None

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise ConfigError(f"Network: make is a function that gives a fresh module, got {self.make!r:.60}.")
        _checked_steps("Network", self)
        for name in ("rate", "more_rate"):
            number(f"Network: {name}", getattr(self, name), above=0.0)

    def _learn(
        self,
        net: Any,
        X: Any,
        codes: Ints,
        weight: Floats,
        *,
        epochs: int,
        rate: float,
        names: tuple[str, ...],
        seed: int,
    ) -> Any:
        import torch

        random = np.random.default_rng([seed, _SEED])
        loss = self.loss or torch.nn.CrossEntropyLoss(reduction="none")
        learnt = [p for name, p in net.named_parameters() if not names or name.startswith(names)]
        if not learnt:
            raise ConfigError(f"no parameter of the module starts with {' or '.join(names)}.")
        optimiser = torch.optim.Adam(learnt, lr=rate)
        x = torch.as_tensor(np.asarray(X, dtype=np.float32))
        y, w = torch.as_tensor(codes), torch.as_tensor(weight.astype(np.float32))
        net.train()
        for _ in range(epochs):
            order = torch.as_tensor(random.permutation(len(codes)))
            for rows in order.split(self.batch):
                optimiser.zero_grad()
                (loss(net(x[rows]), y[rows]) * w[rows]).mean().backward()
                optimiser.step()
        return net.eval()

    def start(self, X: Any, codes: Ints, weight: Floats, classes: int, seed: int) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self.make()
            return self._learn(net, X, codes, weight, epochs=self.epochs, rate=self.rate, names=(), seed=seed)

    def go_on(self, state: Any, X: Any, codes: Ints, weight: Floats, seed: int) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = copy.deepcopy(state)
            return self._learn(
                net, X, codes, weight, epochs=self.more, rate=self.more_rate, names=self.tuned, seed=seed
            )

    def probability(self, state: Any, X: Any) -> Floats:
        import torch

        with torch.no_grad():
            scores = state(torch.as_tensor(np.asarray(X, dtype=np.float32)))
            return np.asarray(torch.softmax(scores.double(), dim=1).numpy())


@dataclass(frozen=True, eq=False)
class Phases:
    """What was learnt, phase by phase.

    Parameters
    ----------
    classes_ : array, shape (K,)
    learner : GoingOn
    states : tuple
        After each phase; the last answers.
    """

    classes_: np.ndarray[Any, Any]
    learner: GoingOn
    states: tuple[Any, ...]

    def predict_proba(self, X: Any, phase: int = -1) -> Floats:
        """Probabilities of each class after a phase (0 the first), shape (n, K)."""
        return self.learner.probability(self.states[phase], X)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def class_array(classes: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Classes as an array of their own type, or of objects where they differ."""
    if len({type(name) for name in classes}) == 1:
        return np.asarray(classes)
    names = np.empty(len(classes), dtype=object)
    names[:] = classes
    return names


def _checked_steps(what: str, learner: Any) -> None:
    for name, most in (("epochs", 100_000), ("more", 100_000), ("batch", None)):
        whole(f"{what}: {name}", getattr(learner, name), least=1, most=most)


def going_on(learner: Any, what: str) -> None:
    """Refuse a learner that cannot go on from what it has learnt."""
    able = all(callable(getattr(learner, name, None)) for name in ("start", "go_on", "probability"))
    if able and not isinstance(learner, type):
        return
    raise ConfigError(
        f"{what} takes a learner that goes on: Boosting(), Gradual(), Network() or one with start, go_on and "
        f"probability; got {learner!r:.60}."
    )


def two_phase(
    learner: GoingOn, X: Any, y: Any, balance: Resampling | Reweighting, *, weight: Any = None, seed: int = 0
) -> Phases:
    """Learn from balanced rows first, then go on with the rows as they are.

    Parameters
    ----------
    learner : GoingOn
        :class:`Boosting`, :class:`Gradual`, :class:`Network`, or one's own.
    X, y, weight
        Rows to learn from; see :func:`hindcast.balance.resample`.
    balance : step
        What the first phase's rows go through, such as ``undersample(0.5)``.
    seed : int, default 0

    References
    ----------
    Lee, Park and Kim, "Plankton Classification on Imbalanced Large Scale Database via Convolutional Neural Networks
    with Transfer Learning", ICIP 2016; Havaei et al., "Brain Tumor Segmentation with Deep Neural Networks", 2017.

    Examples
    --------
    >>> from hindcast.balance import undersample
    >>> random = np.random.default_rng(0)
    >>> y = (random.random(2000) < 0.1).astype(int)
    >>> X = random.normal(size=(2000, 2)) + y[:, None]
    >>> both = two_phase(Boosting(trees=20, more=20), X, y, undersample(1.0))
    >>> first, last = both.predict_proba(X, 0)[:, 1].mean(), both.predict_proba(X)[:, 1].mean()
    >>> bool(first > 0.2 > last)
    True
    """
    going_on(learner, "two_phase")
    seed = seed_of(seed)
    codes, classes = coded(y)
    class_counts(codes, len(classes), "two_phase")
    w = np.ones(row_count(X)) if weight is None else numbers(weight, "weights")
    even = resample(X, codes, balance, weight=w, seed=seed)
    first = learner.start(even.X, np.asarray(even.y, dtype=np.int64), even.weight, len(classes), seed)
    last = learner.go_on(first, X, codes, w, seed + 1)
    return Phases(class_array(classes), learner, (first, last))
