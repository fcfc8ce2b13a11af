"""Labels that flow along a graph of neighbours: propagation keeps the given labels, spreading may doubt them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, number, share, switch, whole
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import finite_matrix, take
from hindcast.semi.learner import Fitted, fit, takes_weight
from hindcast.semi.method import Model, SemiModel, untaught
from hindcast.semi.neighbours import Metric, Neighbours, nearest
from hindcast.values import Bools, Floats, Ints

__all__ = ["Flow", "GraphModel", "Propagation", "propagation", "flow", "graph", "graph_bytes"]


def graph(neighbours: Neighbours, n: int) -> Any:
    """A symmetric CSR graph of shape (n, n) from the k nearest neighbours of n items.

    Two items are joined when either is among the other's nearest. The weight is ``exp(-d^2 / (s_i s_j))``, where `s` is
    an item's distance to the last of its own neighbours, so that dense and thin regions need no scale of their own;
    copies of one item are joined by 1.

    References
    ----------
    Zelnik-Manor and Perona, "Self-Tuning Spectral Clustering", NIPS 2004.
    """
    from scipy import sparse

    if not isinstance(neighbours, Neighbours) or len(neighbours.place) != whole("n", n, least=0):
        raise DataError(f"a graph of {n} items needs their Neighbours, one row per item; see nearest().")
    k = neighbours.place.shape[1]
    if k == 0:
        return sparse.csr_array((n, n), dtype=np.float64)
    row, column, d = np.repeat(np.arange(n), k), neighbours.place.ravel(), neighbours.distance.ravel()
    scale = neighbours.distance[:, -1]
    product = scale[row] * scale[column]
    exponent = np.divide(d**2, product, out=np.where(d > 0, np.inf, 0.0), where=product > 0)
    weight = np.exp(-np.minimum(exponent, 50.0))
    weights = sparse.csr_array((weight, (row, column)), shape=(n, n))
    return weights.maximum(weights.T).tocsr()


def graph_bytes(n: int, k: int, classes: int) -> int:
    """About how many bytes propagation over n items needs at once: the graph, its making, and 6 tables of (n, classes).

    Examples
    --------
    >>> graph_bytes(100_000, 15, 2) / 2**20 < 400
    True
    """
    n, k, classes = (whole(name, value, least=0) for name, value in (("n", n), ("k", k), ("classes", classes)))
    edges = 2 * n * k
    return 12 * edges * 3 + 16 * n * k * 3 + 8 * n * classes * 6


@dataclass(frozen=True, eq=False)
class Flow:
    """Where labels have flowed to.

    Parameters
    ----------
    probability : float64 array, shape (n, K)
        Rows sum to 1; the prior where no label reaches.
    reached : bool array, shape (n,)
    iterations : int
    converged : bool
    """

    probability: Floats
    reached: Bools
    iterations: int
    converged: bool


def _conjugate(
    multiply: Callable[[Floats], Floats], right: Floats, diagonal: Floats, tol: float, most: int
) -> tuple[Floats, int, bool]:
    """Conjugate gradients for all columns at once, the diagonal as preconditioner; positive definite systems."""
    x = np.zeros_like(right)
    residual = right.copy()
    z = residual / diagonal[:, None]
    direction = z.copy()
    rho = (residual * z).sum(axis=0)
    target = tol**2 * np.maximum((right**2).sum(axis=0), 1e-300)
    for step in range(most):
        if ((residual**2).sum(axis=0) <= target).all():
            return x, step, True
        image = multiply(direction)
        bend = (direction * image).sum(axis=0)
        alpha = np.divide(rho, bend, out=np.zeros_like(rho), where=bend > 0)
        x += alpha * direction
        residual -= alpha * image
        z = residual / diagonal[:, None]
        after = (residual * z).sum(axis=0)
        direction *= np.divide(after, rho, out=np.zeros_like(rho), where=rho > 0)
        direction += z
        rho = after
    return x, most, bool(((residual**2).sum(axis=0) <= target).all())


def _checked_flow(alpha: Any, tol: Any, iterations: Any) -> None:
    if alpha is not None:
        share("alpha (None keeps given labels)", alpha, one=False)
    number("tol", tol, above=0.0, most=1.0)
    whole("iterations", iterations, least=1)


def flow(
    weights: Any,
    codes: Ints,
    prior: Floats,
    *,
    alpha: float | None = None,
    tol: float = 1e-4,
    iterations: int = 1000,
) -> Flow:
    """Let labels flow over a symmetric graph.

    Parameters
    ----------
    weights : sparse, shape (n, n), symmetric, not below zero
    codes : int64 array, shape (n,)
        -1 where there is no label.
    prior : float64 array, shape (K,)
        What a row is answered with that no label reaches.
    alpha : float in (0, 1), optional
        None: propagation, the harmonic function: given labels stay, every other row is the weighted mean of its
        neighbours. A number: spreading; each row keeps 1 - alpha of its own label, so that a wrong label can be
        outvoted.
    tol : float
        Of the residual, relative.
    iterations : int
        Steps of conjugate gradients at most; each costs a product of the graph and an (n, K) table. They need about
        the root of the steps that iterating the definition would.

    References
    ----------
    Zhu, Ghahramani and Lafferty, "Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions", ICML 2003.
    Zhou et al., "Learning with Local and Global Consistency", NIPS 2003.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    _checked_flow(alpha, tol, iterations)
    codes, prior = np.asarray(numbers(codes, "codes"), dtype=np.int64), numbers(prior, "prior")
    if codes.ndim != 1 or prior.ndim != 1 or (codes >= len(prior)).any():
        raise DataError(f"codes below {len(prior)}, shape (n,), meet a prior of shape {prior.shape}.")
    n, size = len(codes), len(prior)
    if getattr(weights, "shape", None) != (n, n):
        raise DataError(f"{n} codes came with weights of shape {getattr(weights, 'shape', None)}; give (n, n), sparse.")
    known = codes >= 0
    given = np.zeros((n, size))
    given[known, codes[known]] = 1.0
    _, part = connected_components(weights, directed=False) if n else (0, np.zeros(0, dtype=np.int64))
    has_label = np.zeros(n, dtype=np.bool_)
    has_label[part[known]] = True
    reached = has_label[part]
    degree = np.asarray(weights.sum(axis=1), dtype=np.float64).ravel()
    if alpha is None:
        inner = np.flatnonzero(reached & ~known)
        result = given
        steps, converged = 0, True
        if len(inner):
            rows = weights[inner]
            right = rows[:, np.flatnonzero(known)] @ given[known]
            among = rows[:, inner].tocsr()
            own = degree[inner]
            found, steps, converged = _conjugate(
                lambda v: own[:, None] * v - among @ v, np.asarray(right), own, tol, iterations
            )
            result[inner] = found
    else:
        root = np.divide(1.0, np.sqrt(degree), out=np.zeros(n), where=degree > 0)
        scaled = sparse.diags_array(root) @ weights @ sparse.diags_array(root)
        result, steps, converged = _conjugate(
            lambda v: v - alpha * (scaled @ v), (1.0 - alpha) * given, np.ones(n), tol, iterations
        )
    result = np.maximum(result, 0.0)
    total = result.sum(axis=1)
    reached &= total > 0
    result[~reached], total[~reached] = prior, 1.0
    return Flow(result / total[:, None], reached, steps, converged)


@dataclass(frozen=True, eq=False)
class GraphModel:
    """Answers for new items by the weighted mean of the nearest known ones' probabilities.

    Parameters
    ----------
    base : matrix, shape (n, d)
    probability : float64 array, shape (n, K)
    prior : float64 array, shape (K,)
    k : int
    metric : str
    encoder : fitted transformer or None
    """

    base: Any
    probability: Floats
    prior: Floats
    k: int
    metric: Metric
    encoder: Any = None

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, shape (m, K)."""
        matrix = items if self.encoder is None else self.encoder.transform(items)
        found = nearest(self.base, self.k, queries=matrix, metric=self.metric)
        if not found.place.shape[0]:
            return np.zeros((0, len(self.prior)))
        scale = found.distance[:, -1:]
        weight = np.exp(-(np.divide(found.distance, scale, out=np.zeros_like(found.distance), where=scale > 0) ** 2))
        weight /= weight.sum(axis=1, keepdims=True)
        answer: Floats = np.einsum("mk,mkc->mc", weight, self.probability[found.place])
        return answer


@dataclass(frozen=True)
class Propagation:
    """Label propagation (`alpha` None) or label spreading over a graph of nearest neighbours.

    Helps where classes are separated by thin regions that the labelled rows are too few to show, and neighbours in
    the given features mean something. Exact neighbours by blocks or by a k-d tree, a sparse graph, conjugate
    gradients: 10^5 rows take seconds (two columns) to two minutes (fifty); :func:`graph_bytes`
    tells the memory.

    Parameters
    ----------
    learner : classifier, optional
        Learns from all rows with the labels that reached them, each weighted by how sure it is (where the learner takes
        weights). Without one, new items are answered by their nearest neighbours in the graph.
    k : int, default 10
    alpha : float, optional
        In (0, 1): spreading, where a given label may be outvoted; 0.9 is usual. None: given labels stay.
    metric : {"euclidean", "cosine"}
        "cosine" for text.
    encoder : transformer, optional
        Makes numbers of items for the graph (TF-IDF for text); fitted on all rows, labelled or not.
    class_mass : bool, default False
        Rescale the flows so that classes have the labelled rows' shares, before the likeliest is taken.

    Examples
    --------
    >>> x = np.r_[np.linspace(0, 1, 20), np.linspace(2, 3, 20)].reshape(-1, 1)
    >>> labels = ["left"] + [None] * 38 + ["right"]
    >>> Propagation(k=3).fit(x, labels).predict([[0.9], [2.1]]).tolist()
    ['left', 'right']
    """

    learner: Any = None
    k: int = 10
    alpha: float | None = None
    metric: Metric = "euclidean"
    encoder: Any = None
    class_mass: bool = False
    tol: float = 1e-4
    iterations: int = 1000

    def __post_init__(self) -> None:
        whole("Propagation: k", self.k, least=1)
        choice("metric", self.metric, ["euclidean", "cosine"], where="Propagation")
        switch("Propagation: class_mass", self.class_mass)
        _checked_flow(self.alpha, self.tol, self.iterations)
        if self.encoder is not None and not hasattr(self.encoder, "fit_transform"):
            raise ConfigError(f"an encoder has fit_transform and transform, got {self.encoder!r:.60}.")

    @property
    def name(self) -> str:
        return "propagation" if self.alpha is None else "spreading"

    def describe(self) -> dict[str, Any]:
        return {
            "method": self.name,
            "learner": None if self.learner is None else repr(self.learner),
            "encoder": None if self.encoder is None else repr(self.encoder),
            **{n: getattr(self, n) for n in ("k", "alpha", "metric", "class_mass", "tol", "iterations")},
        }

    def supervised(self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0) -> Model:
        """The learner on the labelled rows alone; without one, nearest labelled neighbours."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        places = np.flatnonzero(y.known)
        if self.learner is not None:
            return fit(self.learner, items, y, places, seed=seed)
        return self._alone(take(items, places), Labelled(y.codes[places], y.classes))

    def _alone(self, items: Any, y: Labelled) -> GraphModel:
        base, encoder = self._encoded(items)
        given = np.zeros((len(y), len(y.classes)))
        given[np.arange(len(y)), y.codes] = 1.0
        return GraphModel(base, given, y.prior, self.k, self.metric, encoder)

    def _encoded(self, items: Any) -> tuple[Any, Any]:
        if self.encoder is None:
            return finite_matrix(items), None
        from sklearn.base import clone

        encoder = clone(self.encoder)
        return finite_matrix(encoder.fit_transform(items)), encoder

    def fit(
        self,
        items: Any,
        labels: Any,
        *,
        unlabelled: Any = -1,
        classes: Any = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> SemiModel:
        """Let the labels flow, then learn from them; `progress` is called with (rows searched, rows)."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        if y.known.all():
            alone: Fitted | GraphModel = (
                self._alone(items, y)
                if self.learner is None
                else fit(self.learner, items, y, np.arange(len(y)), seed=seed)
            )
            return untaught(alone, y)
        base, encoder = self._encoded(items)
        weights = graph(nearest(base, self.k, metric=self.metric, progress=progress), len(y))
        flowed = flow(weights, y.codes, y.prior, alpha=self.alpha, tol=self.tol, iterations=self.iterations)
        probability = self._balanced(flowed, y)
        notes = []
        lost = int((~flowed.reached).sum())
        if lost:
            notes.append(f"no label reaches {lost} of {len(y)} rows: they are answered with the labelled rows' shares.")
        if not flowed.converged:
            notes.append(f"the flow had not settled after {flowed.iterations} steps; allow more iterations.")
        pseudo = np.where(~y.known & flowed.reached, probability.argmax(axis=1), -1).astype(np.int64)
        model: Model
        if self.learner is None:
            model = GraphModel(base, probability, y.prior, self.k, self.metric, encoder)
        else:
            model = self._learn(items, y, pseudo, probability, seed)
        return SemiModel(model, y.classes, pseudo, notes=tuple(notes))

    def _balanced(self, flowed: Flow, y: Labelled) -> Floats:
        if not self.class_mass:
            return flowed.probability
        open_ = flowed.reached & ~y.known
        mass = flowed.probability[open_].mean(axis=0) if open_.any() else y.prior
        scale = np.divide(y.prior, mass, out=np.zeros_like(mass), where=mass > 0)
        result = flowed.probability.copy()
        result[open_] *= scale
        total = result.sum(axis=1, keepdims=True)
        balanced: Floats = np.divide(result, total, out=np.tile(y.prior, (len(result), 1)), where=total > 0)
        return balanced

    def _learn(self, items: Any, y: Labelled, pseudo: Ints, probability: Floats, seed: int) -> Fitted:
        places = np.flatnonzero(y.known | (pseudo >= 0))
        codes = np.where(y.known, y.codes, pseudo)[places]
        weight = None
        if takes_weight(self.learner) and len(y.classes) > 1:
            logs = np.log(np.clip(probability[places], 1e-12, 1.0))
            doubt = -(probability[places] * logs).sum(axis=1) / np.log(len(y.classes))
            weight = np.where(y.known[places], 1.0, np.clip(1.0 - doubt, 1e-6, 1.0))
        return fit(self.learner, items, y, places, codes=codes, weight=weight, seed=seed)


propagation = Propagation
