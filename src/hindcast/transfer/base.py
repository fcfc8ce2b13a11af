"""A base learnt elsewhere, frozen: rows in, features out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.models.threads import let_threads_sleep
from hindcast.semi.classes import labels_of
from hindcast.semi.items import count, finite_matrix, take
from hindcast.semi.learner import Fitted, fit_rows, one_thread
from hindcast.values import Floats

__all__ = ["Base", "Beside", "Frozen", "FrozenTransfer", "LayerBase", "LeafBase", "Transferred", "frozen"]


@runtime_checkable
class Base(Protocol):
    """What turns rows into features and learns nothing by it.

    Law: a row's features depend on that row alone, and the same row always has the same.
    """

    def encode(self, items: Any) -> Any:
        """Features of n items: array or sparse matrix, shape (n, d)."""
        ...


@dataclass(frozen=True, eq=False)
class Frozen:
    """A fitted scikit-learn transformer or classifier as a base.

    A transformer gives what it transforms to; a classifier, which has no ``transform``, the logarithms of its
    probabilities: what it would answer on its own task is what the new task starts from.

    Parameters
    ----------
    estimator : fitted transformer, pipeline of them, or classifier

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> Frozen(PCA(1).fit([[0.0, 0.0], [1.0, 1.0]])).encode(np.array([[2.0, 2.0]])).shape
    (1, 1)
    """

    estimator: Any

    def __post_init__(self) -> None:
        if not (hasattr(self.estimator, "transform") or hasattr(self.estimator, "predict_proba")):
            raise ConfigError(f"{type(self.estimator).__name__} has neither transform nor predict_proba: no base.")

    def encode(self, items: Any) -> Any:
        """What the estimator makes of the items, shape (n, d)."""
        from sklearn.exceptions import NotFittedError

        try:
            with one_thread():
                if hasattr(self.estimator, "transform"):
                    return self.estimator.transform(items)
                found = np.asarray(self.estimator.predict_proba(items), dtype=np.float64)
        except NotFittedError:
            raise ConfigError(f"{type(self.estimator).__name__} is not fitted; a base is learnt beforehand.") from None
        return np.log(np.clip(found, 1e-6, 1.0))


@dataclass(frozen=True, eq=False)
class LeafBase:
    """The leaves of a boosted forest as features: one column for each leaf of each tree, 1 where a row falls into it.

    The forest's trees are rules that mattered for its own task; a linear model on their leaves weighs them anew for
    another. A sparse matrix with as many ones a row as there are trees.

    Parameters
    ----------
    forest : lightgbm.Booster, or a fitted LightGBM estimator
    trees : int, optional
        Only the first so many.

    References
    ----------
    He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014.
    """

    forest: Any
    trees: int | None = None

    def __post_init__(self) -> None:
        booster = getattr(self.forest, "booster_", self.forest)
        if not hasattr(booster, "num_trees"):
            raise ConfigError(f"LeafBase needs a fitted LightGBM model, got {type(self.forest).__name__}.")
        if self.trees is not None and self.trees < 1:
            raise ConfigError(f"LeafBase needs trees >= 1, got {self.trees}.")
        let_threads_sleep()
        number = min(booster.num_trees(), self.trees or booster.num_trees())
        sizes = [int(tree["num_leaves"]) for tree in booster.dump_model(num_iteration=-1)["tree_info"][:number]]
        object.__setattr__(self, "_booster", booster)
        object.__setattr__(self, "_starts", np.cumsum([0, *sizes]).astype(np.int64))

    @property
    def width(self) -> int:
        """The number of leaves, which is that of the features."""
        return int(self._starts[-1])  # type: ignore[attr-defined]

    def encode(self, items: Any) -> Any:
        """A CSR matrix of shape (n, width), float64."""
        from scipy import sparse

        n, starts = count(items), self._starts  # type: ignore[attr-defined]
        trees = len(starts) - 1
        if n == 0:
            return sparse.csr_array((0, self.width))
        leaf = np.asarray(self._booster.predict(items, pred_leaf=True), dtype=np.int64).reshape(n, -1)[:, :trees]  # type: ignore[attr-defined]
        columns = (leaf + starts[:-1]).ravel()
        return sparse.csr_array((np.ones(n * trees), columns, np.arange(n + 1) * trees), shape=(n, self.width))


@dataclass(frozen=True, eq=False)
class LayerBase:
    """What a layer of a PyTorch module puts out, as features.

    Parameters
    ----------
    module : torch.nn.Module
        Runs in evaluation mode without gradients; its mode is put back.
    layer : str, optional
        A name of ``module.named_modules()``; the module's own output by default. More than two dimensions are
        flattened after the first.
    batch : int, default 1024

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> LayerBase(net, "1").encode(np.ones((4, 3))).shape
    (4, 2)
    """

    module: Any
    layer: str = ""
    batch: int = 1024

    def __post_init__(self) -> None:
        from hindcast.errors import UnknownName

        names = [name for name, _ in self.module.named_modules() if name]
        if self.layer and self.layer not in names:
            raise UnknownName("layer", self.layer, names, where=type(self.module).__name__)
        if self.batch < 1:
            raise ConfigError(f"LayerBase needs batch >= 1, got {self.batch}.")

    def encode(self, items: Any) -> Floats:
        """The layer's outputs, float64, shape (n, d)."""
        import torch

        x = finite_matrix(items)
        dense = np.ascontiguousarray(x.toarray() if hasattr(x, "toarray") else x)
        kept: list[Any] = []
        part = dict(self.module.named_modules())[self.layer] if self.layer else self.module
        hook = part.register_forward_hook(lambda _module, _inputs, output: kept.append(output.detach()))
        mode = self.module.training
        self.module.eval()
        kind = next((p.dtype for p in self.module.parameters()), torch.float32)
        try:
            with torch.no_grad():
                for start in range(0, max(1, len(dense)), self.batch):
                    self.module(torch.as_tensor(dense[start : start + self.batch], dtype=kind))
        finally:
            hook.remove()
            self.module.train(mode)
        out = torch.cat([k.reshape(k.shape[0], -1) for k in kept]).cpu().numpy()
        if len(out) != len(dense):
            raise DataError(
                f"layer {self.layer!r} put out {len(out)} rows for {len(dense)} items; choose one per item."
            )
        return np.asarray(out, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Transferred:
    """A frozen base with a model on top; itself of scikit-learn's shape."""

    base: Base
    model: Fitted

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The classes, shape (K,)."""
        return self.model.classes_

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (n, K)."""
        return self.model.predict_proba(self.base.encode(items))

    def predict(self, items: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each item, shape (n,)."""
        likeliest: np.ndarray[Any, Any] = self.classes_[self.predict_proba(items).argmax(axis=1)]
        return likeliest


@dataclass(frozen=True)
class FrozenTransfer:
    """A way of learning: encode by a frozen base, fit `head` on top.

    Parameters
    ----------
    base : Base
    head : scikit-learn style classifier
    join : sequence of Base, optional
        Other bases whose features stand beside it, such as those of the new task itself: what the base lost can then
        be learnt anew.
    """

    base: Any
    head: Any
    join: Sequence[Any] = ()

    @property
    def name(self) -> str:
        return "frozen"

    def describe(self) -> dict[str, Any]:
        """Its name and parts, plain values."""
        return {"method": self.name, "base": type(self.base).__name__, "head": repr(self.head), "join": len(self.join)}

    def fit(self, items: Any, labels: Any, *, classes: Any = None, seed: int = 0) -> Transferred:
        """Fit the head on the labelled items (those without a label, -1, None or NaN, are left out)."""
        y = labels_of(items, labels, classes=classes, what="a transferred model")
        places = np.flatnonzero(y.known)
        base: Base = Beside((self.base, *self.join)) if self.join else self.base
        rows = base.encode(take(items, places))
        if count(rows) != len(places):
            raise DataError(f"the base made {count(rows)} rows of {len(places)} items; it must make one of each.")
        return Transferred(base, fit_rows(self.head, rows, y, y.codes[places], seed=seed))


@dataclass(frozen=True, eq=False)
class Beside:
    """The features of several bases side by side; sparse where any is."""

    bases: tuple[Any, ...]

    def encode(self, items: Any) -> Any:
        """Shape (n, sum of widths)."""
        parts = [base.encode(items) for base in self.bases]
        if any(hasattr(part, "tocsr") for part in parts):
            from scipy import sparse

            return sparse.hstack([sparse.csr_array(part) for part in parts]).tocsr()
        return np.hstack([np.asarray(part, dtype=np.float64) for part in parts])


frozen = FrozenTransfer
