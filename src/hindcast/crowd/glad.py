"""GLAD: able annotators are right more often, and on easy items everybody is."""

from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.climbing import Progress
from hindcast.crowd.one_coin import one_coin
from hindcast.crowd.posterior import class_prior, common_notes, finished, unconverged
from hindcast.values import Floats, Ints

__all__ = ["glad"]

_COINS = 30


def glad(
    answers: Answers,
    known: Ints,
    *,
    prior: Any = None,
    smoothing: float = 1.0,
    iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
    **finish: Any,
) -> Any:
    """An ability for every annotator and a difficulty for every item; see :func:`hindcast.crowd.infer_truth`.

    Annotator `a` is right on item `i` with probability ``1 / (1 + exp(-ability[a] / difficulty[i]))``, else names
    any other class alike. An ability below zero is one who errs on purpose. Abilities have the prior N(1, 1) and
    logarithms of difficulties N(0, 1), each times `smoothing`. The marginal likelihood with these priors is climbed
    by L-BFGS from the abilities of one coin each; its gradient is that of EM: O(answers) an iteration.

    References
    ----------
    Whitehill et al., "Whose Vote Should Count More: Optimal Integration of Labels from Labelers of Unknown
    Expertise", NIPS 2009.
    """
    from hindcast.crowd.passes import by_item, glad_pass

    k, m, n_items = len(answers.classes), len(answers.annotators), len(answers.items)
    shares, learn = class_prior(answers, prior, "uniform")
    if learn:
        shares = (answers.votes().sum(axis=0) + 1.0) / (len(answers) + k)
    belief, slope = np.zeros((n_items, k)), np.zeros(m + n_items)
    annotator, label, start = by_item(answers)
    middle = np.concatenate([np.ones(m), np.zeros(n_items)])

    def cost(parameters: Floats) -> tuple[float, Floats]:
        evidence = glad_pass(
            annotator, label, start, parameters[:m], parameters[m:], np.log(shares), known, belief, slope
        )
        apart = parameters - middle
        return 0.5 * smoothing * float(apart @ apart) - evidence, smoothing * apart - slope

    objective: list[float] = []
    parameters = middle
    converged, done = True, 0
    if len(answers) and k > 1:
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        # from the prior it may climb to where all are liars, and every item is of another class
        coins = one_coin(answers, known, prior=shares, smoothing=smoothing, iterations=_COINS, ties="lowest", seed=0)
        odds = np.clip(coins.ability, 1e-3, 1.0 - 1e-3)
        parameters = np.concatenate([np.log(odds / (1.0 - odds)), np.zeros(n_items)])

        def step(intermediate_result: Any) -> None:
            objective.append(-float(intermediate_result.fun))
            if progress is not None:
                progress(len(objective), iterations)

        with threadpool_limits(1):
            found = minimize(
                cost,
                parameters,
                jac=True,
                method="L-BFGS-B",
                bounds=[(-30.0, 30.0)] * m + [(-5.0, 5.0)] * n_items,
                callback=step,
                options={"maxiter": iterations, "maxfun": 4 * iterations, "ftol": tolerance, "gtol": 1e-6},
            )
        parameters, converged, done = found.x, bool(found.success), int(found.nit)
    ability, ease = parameters[:m], parameters[m:]
    if k:
        cost(parameters)
    return finished(
        answers,
        belief,
        "glad",
        shares,
        notes=common_notes(answers, known) + unconverged(done, converged),
        iterations=done,
        converged=converged,
        objective=tuple(objective),
        ability=ability,
        difficulty=np.exp(-ease),
        **finish,
    )
