"""GLAD: able annotators are right more often, and on easy items everybody is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.posterior import class_prior, common_notes, finished, normalised
from hindcast.values import Floats, Ints

__all__ = ["glad"]


def glad(
    answers: Answers,
    known: Ints,
    *,
    prior: Any = None,
    smoothing: float = 1.0,
    iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Callable[[int, int], None] | None = None,
    **finish: Any,
) -> Any:
    """An ability for every annotator and a difficulty for every item; see :func:`hindcast.crowd.infer_truth`.

    Annotator `a` is right on item `i` with probability ``1 / (1 + exp(-ability[a] / difficulty[i]))``, else names
    any other class alike. An ability below zero is one who errs on purpose. Abilities have the prior N(1, 1) and
    logarithms of difficulties N(0, 1), each times `smoothing`. The marginal likelihood with these priors is climbed
    by L-BFGS, whose gradient is that of EM: O(answers) an iteration.

    References
    ----------
    Whitehill et al., "Whose Vote Should Count More: Optimal Integration of Labels from Labelers of Unknown
    Expertise", NIPS 2009.
    """
    k, m, n_items = len(answers.classes), len(answers.annotators), len(answers.items)
    shares, learn = class_prior(answers, prior, "uniform")
    if learn:
        shares = (answers.votes().sum(axis=0) + 1.0) / (len(answers) + k)
    log_others = np.log(max(k - 1, 1))

    def posterior(ability: Floats, ease: Floats) -> tuple[Floats, float, Floats]:
        x = ability[answers.annotator] * np.exp(ease)[answers.item]
        wrong = -np.logaddexp(0.0, x) - log_others
        base = np.bincount(answers.item, weights=wrong, minlength=n_items)
        logs = answers.votes(x + log_others) + base[:, None] + np.log(shares)
        return *normalised(logs, known), x

    def cost(parameters: Floats) -> tuple[float, Floats]:
        ability, ease = parameters[:m], parameters[m:]
        probability, evidence, x = posterior(ability, ease)
        slope = probability[answers.item, answers.label] - 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))
        by_ability = np.bincount(answers.annotator, weights=slope * np.exp(ease)[answers.item], minlength=m)
        by_ease = np.bincount(answers.item, weights=slope * x, minlength=n_items)
        prior_cost = 0.5 * smoothing * (np.square(ability - 1.0).sum() + np.square(ease).sum())
        gradient = np.concatenate([by_ability - smoothing * (ability - 1.0), by_ease - smoothing * ease])
        return prior_cost - evidence, -gradient

    objective: list[float] = []
    parameters = np.concatenate([np.ones(m), np.zeros(n_items)])
    converged, done = True, 0
    if len(answers) and k > 1:
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

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
    probability, _, _ = posterior(ability, ease)
    notes = common_notes(answers, known)
    if not converged:
        notes.append(f"not converged in {done} iterations; allow more, or distrust close calls.")
    return finished(
        answers,
        probability,
        "glad",
        shares,
        notes=notes,
        iterations=done,
        converged=converged,
        objective=tuple(objective),
        ability=ability,
        difficulty=np.exp(-ease),
        **finish,
    )
