"""Expectation and maximisation: the prior of annotators is learnt first, then held; then steps and leaps to the top."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from hindcast.values import Floats

__all__ = ["Model", "Progress", "climb", "fit"]

_ROUNDS = 50
_STILL = 1e-3
Progress = Callable[[int, int], None]


def climb(
    step: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    *,
    normal: Callable[[Floats], Floats],
    steps: int,
    gain: float,
) -> tuple[list[float], bool]:
    """Follow `step` until it gains less than `gain`; the values on the way, which never fall, and whether it did.

    After every two steps a leap along their curve is tried, and kept where it is higher. The last place stepped from
    is the last one kept.

    Parameters
    ----------
    step : callable
        From a place, shape (p,), to its value and the next place, which is at least as high.
    start : float64 array, shape (p,)
    normal : callable
        Puts a place that was leapt to back among those allowed.
    steps : int
        At most so many calls of `step`.
    gain : float

    References
    ----------
    Varadhan and Roland, "Simple and Globally Convergent Methods for Accelerating the Convergence of Any EM Algorithm",
    Scandinavian Journal of Statistics 35(2), 2008 (SQUAREM, scheme S3).

    Examples
    --------
    >>> values, there = climb(lambda x: (-float(x @ x), 0.99 * x), np.ones(1), normal=lambda x: x, steps=99, gain=1e-9)
    >>> there, len(values) < 10
    (True, True)
    """
    values: list[float] = []
    here = start
    while True:
        value, one = step(here)
        values.append(value)
        if steps == 1:
            return values, False
        ahead, two = step(one)
        values.append(ahead)
        steps -= 2
        if ahead - value < gain or not steps:
            return values, ahead - value < gain
        slope, bend = one - here, two - 2.0 * one + here
        curve = float(np.sqrt(bend @ bend))
        length = max(1.0, float(np.sqrt(slope @ slope)) / curve) if curve > 0.0 else 1.0
        leap = here + 2.0 * length * slope + length * length * bend
        here = two
        if steps > 1:  # a leap that fails needs another step to come back
            leapt, three = step(normal(leap))
            steps -= 1
            if leapt >= ahead:
                values.append(leapt)
                here = three


class Model(Protocol):
    """What :func:`fit` needs of a method: places are logarithms of all its parameters, shape (p,)."""

    def begin(self) -> Floats:
        """Where to start."""
        ...

    def listen(self, place: Floats) -> tuple[float, float]:
        """Pass over the answers: the evidence of a place, and by how much beliefs moved, in probability per item."""
        ...

    def learn(self) -> None:
        """Learn the prior of annotators from what was heard."""
        ...

    def best(self) -> Floats:
        """The best place given what was heard and the prior."""
        ...

    def prior(self, place: Floats) -> float:
        """The logarithm of the prior at a place."""
        ...

    def normal(self, place: Floats) -> Floats:
        """A place whose probabilities add up."""
        ...


def fit(
    model: Model, *, iterations: int, gain: float, progress: Progress | None = None
) -> tuple[tuple[float, ...], int, bool]:
    """Learn the prior of a model until beliefs stand still, then climb with it held.

    Returns the objective after each step of the climb, how many passes over the answers were made, and whether the
    climb arrived.
    """
    passes = 0

    def listen(place: Floats) -> tuple[float, float]:
        nonlocal passes
        passes += 1
        if progress is not None:
            progress(passes, iterations)
        return model.listen(place)

    def step(place: Floats) -> tuple[float, Floats]:
        evidence = listen(place)[0] + model.prior(place)
        return evidence, model.best()

    place = model.begin()
    for _ in range(min(_ROUNDS, iterations // 2)):
        moved = listen(place)[1]
        model.learn()
        place = model.best()
        if moved < _STILL:
            break
    values, there = climb(step, place, normal=model.normal, steps=iterations - passes, gain=gain)
    return tuple(values), passes, there
