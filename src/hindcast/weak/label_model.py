"""Labels with probabilities from functions that vote, learnt from their agreement alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import number, seed_of, switch, whole
from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict
from hindcast.weak.advice import advise
from hindcast.weak.ballots import balance_of, ballots, covered, known_of, vote_rates
from hindcast.weak.em import expect
from hindcast.weak.learning import Learnt, learn
from hindcast.weak.tables import marginals
from hindcast.weak.vote import MajorityVote, decide

__all__ = ["LabelModel"]


class LabelModel:
    """A latent class model of votes: the truth behind them is never seen, but their agreement gives it away.

    Each function has a table P(vote | class), or one accuracy where all the tables together are not worth their
    numbers. It is silent at random, unless one class is all it ever votes for, or the rows say that its silence tells.
    A function may lean on one other: copies and near copies are found by what they share beyond the truth. All is
    learnt by EM, with a prior worth two rows per class, from a start given by pairwise agreement.

    What cannot be known from votes is assumed: functions are better than chance on average. Where a model of functions
    that vote for one class only leaves more than a quarter of what they have in common unexplained, those functions
    are held near the vote, the more the worse it fits; `notes` says so and :meth:`advice` advises the vote.

    Parameters
    ----------
    classes : int or sequence, optional
        By default those of the votes.
    balance : sequence of float, optional
        The share of each class, if known; otherwise it is learnt.
    dependence : bool, default True
        Whether to look for functions that lean on each other.
    steps : int, default 200
        Of EM, at most, over all rows.
    tolerance : float, default 1e-4
        EM stops when no probability moves by more.
    seed : int, default 0
        Of the rows on which the shape is chosen.
    threads : int, optional
        By default one per core; the result is the same to the bit.

    Attributes
    ----------
    classes : tuple
    accuracies : float64 array, shape (m,)
        How often each function is right when it votes; NaN where it never does.
    balance : float64 array, shape (K,)
        The share of each class, given or learnt.
    tables : float64 array, shape (m, K + 1, K)
        P(vote | class): row 0 is silence, row v + 1 vote v.
    parents : int64 array, shape (m,)
        The function that each leans on, or -1. A function that always votes like an earlier one has that as parent.
    unexplained : float
        The share of what functions have in common that the model does not explain.
    notes : tuple of str
    iterations : int
    converged : bool
    objective : tuple of float
        Log likelihood plus log prior (0 where that is highest) of the last fit, step by step.

    near_the_vote : bool
        Whether functions that vote for one class only were held near the vote.

    Notes
    -----
    O(n m K) per step over all rows, of which few are needed; O(m^2 K^2) for pairs, on a sample. Beside the votes (one
    byte each) it holds the probabilities it returns.

    References
    ----------
    Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied Statistics
    28, 1979. Ratner et al., "Data Programming", NeurIPS 2016. Friedman, Geiger and Goldszmidt, "Bayesian Network
    Classifiers", Machine Learning 29, 1997 (trees over the features of a naive Bayes model).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 2_000)
    >>> right = rng.random((2_000, 5)) < [0.9, 0.8, 0.7, 0.6, 0.6]
    >>> votes = np.where(right, truth[:, None], 1 - truth[:, None])
    >>> model = LabelModel().fit(votes)
    >>> model.accuracies.round(1).tolist()
    [0.9, 0.8, 0.7, 0.6, 0.6]
    >>> bool((model.predict(votes) == truth).mean() > 0.9)
    True
    """

    def __init__(
        self,
        classes: Any = None,
        *,
        balance: Any = None,
        dependence: bool = True,
        steps: int = 200,
        tolerance: float = 1e-4,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.given_classes, self.given_balance = classes, balance
        self.dependence = switch("dependence", dependence)
        self.steps, self.tolerance = whole("steps", steps, least=1), number("tolerance", tolerance, above=0)
        self.seed, self.threads = seed_of(seed), None if threads is None else whole("threads", threads, least=1)
        self.classes: tuple[Any, ...] = ()
        self._learnt: Learnt | None = None
        self._width = 0
        self._voted: Ints | None = None

    # ---- learning ------------------------------------------------------------------------------------------------

    def fit(self, votes: Any, truth: Any = None, *, progress: Callable[[int, int], None] | None = None) -> LabelModel:
        """Learn from `votes`, shape (n, m), and the few true classes that may be known.

        Parameters
        ----------
        votes : Votes, Answers or array
            Codes, -1 for silence; or texts, None for silence.
        truth : array, shape (n,), optional
            True classes by name, None (or -1) where unknown; where no class is a number, codes will do.
        progress : function of (steps done, steps at most), optional

        Returns
        -------
        LabelModel
            This one.
        """
        if progress is not None and not callable(progress):
            raise ConfigError(f"progress is called with (steps done, steps at most), got {progress!r}.")
        matrix, self.classes = ballots(votes, self.given_classes)
        known = known_of(truth, len(matrix), self.classes)
        given = balance_of(self.given_balance, len(self.classes))
        names = getattr(votes, "functions", None) or tuple(f"function {j}" for j in range(matrix.shape[1]))
        rate = vote_rates(matrix, len(self.classes))
        self._voted = _voted(rate, known)
        if self._voted is not None:
            matrix, known, rate = self._told(matrix), self._told(known), rate[:, self._voted]
            given = None if given is None else given[self._voted] / given[self._voted].sum()
        self._learnt = learn(
            matrix,
            rate,
            known,
            given,
            dependence=self.dependence,
            steps=self.steps,
            tolerance=self.tolerance,
            seed=self.seed,
            threads=self.threads,
            names=tuple(map(str, names)),
            progress=progress,
        )
        self._width = matrix.shape[1]
        return self

    @property
    def _fitted(self) -> Learnt:
        if self._learnt is None:
            raise ConfigError("this label model has learnt nothing yet; call fit(votes) first.")
        return self._learnt

    def _told(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Codes of classes as codes among those that are voted for; -1 for others."""
        if self._voted is None:
            return codes
        places = np.full(len(self.classes) + 1, -1, dtype=codes.dtype)
        places[self._voted] = np.arange(len(self._voted))
        return np.asarray(places[codes])

    @property
    def _unvoted(self) -> Floats:
        """The shares of classes that nobody votes for: as given, else none."""
        given = balance_of(self.given_balance, len(self.classes))
        shares = np.zeros(len(self.classes)) if given is None else given.copy()
        shares[self._voted if self._voted is not None else slice(None)] = 0.0
        return shares

    def _spread(self, probability: Floats) -> Floats:
        """Probabilities (..., voted classes) over all classes: votes say nothing of those that nobody votes for."""
        if self._voted is None:
            return probability
        rest = self._unvoted
        found = np.broadcast_to(rest, (*probability.shape[:-1], len(rest))).copy()
        found[..., self._voted] = probability * (1.0 - rest.sum())
        return found

    # ---- what was learnt -----------------------------------------------------------------------------------------

    @property
    def balance(self) -> Floats:
        return self._spread(self._fitted.estimate.balance)

    @property
    def tables(self) -> Floats:
        estimate = self._fitted.estimate
        tables = marginals(estimate.tables, estimate.shape)[self._fitted.place]
        if self._voted is None:
            return tables
        found = np.zeros((len(tables), len(self.classes) + 1, len(self.classes)))
        rows = np.append(0, self._voted + 1)
        found[:, rows] = (tables @ estimate.balance)[:, :, None]  # of a class that nobody votes for: as of any
        found[:, rows[:, None], self._voted] = tables
        return found

    @property
    def accuracies(self) -> Floats:
        tables, balance = self.tables, self.balance
        k = len(balance)
        right = tables[:, np.arange(1, k + 1), np.arange(k)] @ balance
        voted = tables[:, 1:].sum(axis=1) @ balance
        rate = self._fitted.rate[self._fitted.place].sum(axis=1)
        return np.where(rate > 0, right / np.maximum(voted, 1e-300), np.nan)

    @property
    def parents(self) -> Ints:
        learnt = self._fitted
        kept, parent = learnt.kept, learnt.estimate.shape.parent
        found = np.full(self._width, -1, dtype=np.int64)
        found[kept] = np.where(parent >= 0, kept[parent], -1)
        copies = np.setdiff1d(np.arange(self._width), kept)
        found[copies] = kept[learnt.place[copies]]
        return found

    @property
    def unexplained(self) -> float:
        return self._fitted.unexplained

    @property
    def near_the_vote(self) -> bool:
        """Whether functions that vote for one class only were held near the vote."""
        return bool(self._fitted.held)

    @property
    def notes(self) -> tuple[str, ...]:
        if self._voted is None:
            return self._fitted.notes
        silent = [str(name) for code, name in enumerate(self.classes) if code not in self._voted]
        return (
            *self._fitted.notes,
            f"nobody votes for {', '.join(silent)}: the model cannot tell these from the others",
        )

    @property
    def objective(self) -> tuple[float, ...]:
        return self._fitted.estimate.objective

    @property
    def iterations(self) -> int:
        return len(self.objective)

    @property
    def converged(self) -> bool:
        return self._fitted.estimate.converged

    # ---- labels --------------------------------------------------------------------------------------------------

    def predict_proba(self, votes: Any) -> Floats:
        """P(class | votes) of each row, shape (n, K); the balance where nobody votes.

        Of functions that always voted alike in `fit`, only the first is heard.
        """
        matrix, _ = ballots(votes, self.classes if self._learnt else None)
        learnt = self._fitted
        if matrix.shape[1] != self._width and len(matrix):
            raise DataError(f"the model learnt from {self._width} functions; these votes are of {matrix.shape[1]}.")
        if len(matrix) == 0:
            return np.empty((0, len(self.classes)))
        matrix = self._told(matrix)
        found = np.empty((len(matrix), len(learnt.estimate.balance)))
        heard = matrix if len(learnt.kept) == self._width else matrix[:, learnt.kept]
        expect(heard, learnt.estimate, out=found, silence=not learnt.held, counted=False, threads=self.threads)
        if learnt.estimate.shape.tells.any():
            found[~covered(heard)] = learnt.estimate.balance
        return self._spread(found)

    def predict(self, votes: Any, *, ties: Literal["lowest", "abstain", "random"] = "lowest", seed: int = 0) -> Ints:
        """The code of the likeliest class of each row, shape (n,)."""
        return decide(self.predict_proba(votes), ties, seed)

    def advice(self, votes: Any, truth: Any = None) -> Verdict:
        """Whether to use this model rather than the vote on such votes: see :func:`hindcast.weak.advice.advise`."""
        matrix, _ = ballots(votes, self.classes if self._learnt else None)
        known = known_of(truth, len(matrix), self.classes)
        counts = MajorityVote(classes=self.classes).counts(matrix)
        return advise(self._fitted, self.predict_proba(matrix), counts, known)


def _voted(rate: Floats, known: Ints) -> Ints | None:
    """The classes that somebody votes for, or that are known of a row, where two or more but not all are; else None.

    A class of which nothing is ever said is not learnt: EM would find something else to call by its name.
    """
    found = np.union1d(np.flatnonzero(rate.sum(axis=0) > 0), known[known >= 0])
    return found.astype(np.int64) if 2 <= len(found) < rate.shape[1] else None
