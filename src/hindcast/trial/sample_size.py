"""How many rows a trial needs to see a harm of a given size, by the usual normal approximation."""

from __future__ import annotations

import math
from statistics import NormalDist

from hindcast.errors import ConfigError

__all__ = ["sample_size"]


def sample_size(harm: float, sd: float, *, share: float = 0.5, level: float = 0.95, power: float = 0.8) -> int:
    """Rows needed in the trial's arm so that a harm of size `harm` is found with probability `power`.

    Parameters
    ----------
    harm : float
        The smallest difference of means worth finding, above zero, in the unit of the figure.
    sd : float
        The figure's standard deviation per row; ``sqrt(p * (1 - p))`` for a rate p.
    share : float, default 0.5
        The trial's part of the traffic, in (0, 1]; the rest is what it is compared with. With share 1 every row
        is compared with itself: `sd` is then that of the rows' differences.
    level : float, default 0.95
        One-sided confidence with which harm is declared.
    power : float, default 0.8

    Notes
    -----
    Rows are taken as independent. Where a day's or a customer's rows hang together, more are needed.

    Examples
    --------
    >>> sample_size(2.0, 20.0, share=0.05)
    651
    >>> sample_size(0.01, 0.1, share=0.5)
    1237
    """
    if not harm > 0 or not sd >= 0 or not (math.isfinite(harm) and math.isfinite(sd)):
        raise ConfigError(f"a sample size needs harm > 0 and a standard deviation >= 0, got {harm} and {sd}.")
    if not 0 < share <= 1 or not 0.5 <= level < 1 or not 0 < power < 1:
        raise ConfigError(
            "a sample size needs a share in (0, 1], a level in [0.5, 1) and a power in (0, 1), "
            f"got {share}, {level} and {power}."
        )
    normal = NormalDist()
    z = normal.inv_cdf(level) + normal.inv_cdf(power)
    control = 0.0 if share == 1 else share / (1 - share)
    return max(2, math.ceil((1 + control) * (max(z, 0.0) * sd / harm) ** 2))
