"""How alike annotators are, learnt from all of them: the Dirichlet prior their rates of answers come from."""

from __future__ import annotations

from hindcast.values import Floats

__all__ = ["pooled"]

_FEWEST, _RATE = 1.0, 0.1
_ROUNDS = 2


def pooled(counts: Floats, prior: Floats, towards: Floats) -> Floats:
    """The Dirichlet prior that makes the counts of all annotators most likely, from one that is near.

    The rates of one annotator are never known well; how far annotators are apart is, since all of them tell it. The
    prior of a class is a centre (what the average annotator answers) times a strength (how many answers of the average
    annotator one's own are weighed against), and the strength is one for all classes: large where annotators are
    alike. It is learnt by Minka's fixed point of the marginal likelihood, in which each annotator's own rates are
    integrated out, under a Gamma prior with its mode at 10 answers.

    Parameters
    ----------
    counts : float64 array, shape (annotators, answers, classes)
        How often each gave each answer where each class is true (believed to be: fractions).
    prior : float64 array, shape (answers, classes)
        Where to start, above zero.
    towards : float64 array, shape (answers, classes)
        Answers the average annotator is taken to have given besides.

    Notes
    -----
    O(counts); two rounds of the fixed point, which converges as beliefs do.

    References
    ----------
    Minka, "Estimating a Dirichlet Distribution", 2000; for confusions Kim and Ghahramani, "Bayesian Classifier
    Combination", AISTATS 2012; Paun et al., "Comparing Bayesian Models of Annotation", TACL 6, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> rates = np.array([[[90.0], [10.0]], [[60.0], [40.0]], [[95.0], [5.0]]])
    >>> apart, alike = (pooled(x, np.ones((2, 1)), np.ones((2, 1))) for x in (rates, rates * 0 + [[80.0], [20.0]]))
    >>> bool(apart.sum() < alike.sum())
    True
    """
    from hindcast.crowd.passes import table_sums

    for _ in range(_ROUNDS):
        cells, whole = table_sums(counts, prior)
        tables = prior * cells
        centre = tables + towards
        strength = (tables.sum() + _FEWEST) / (whole.sum() + _RATE)
        prior = strength * centre / centre.sum(axis=0)
    return prior
