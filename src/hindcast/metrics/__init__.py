"""How good predictions are, with intervals: pure functions, NumPy in, numbers out.

Scores judge probabilities against labels, a goal turns them into decisions and money, intervals say how much of
it is noise (whole days are drawn, never single rows), divergences compare samples, slices look at named parts.
Whatever is not defined (no rows, one class) is NaN and never good news.
"""

from hindcast.metrics.divergence import (
    TestResult,
    chi_square,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    wasserstein,
    wasserstein_counts,
)
from hindcast.metrics.intervals import (
    Estimate,
    block_draws,
    difference,
    interval,
    mean_interval,
    student_quantile,
    total_interval,
)
from hindcast.metrics.scores import (
    METRICS,
    CalibrationBin,
    Confusion,
    accuracy,
    auc,
    average_precision,
    base_rate,
    brier,
    calibration_curve,
    confusion,
    ece,
    f1,
    higher_is_better,
    log_loss,
    log_losses,
    measure,
    precision,
    recall,
    skill,
    total_value,
    wilson,
)
from hindcast.metrics.slices import Slice, by_slice
from hindcast.metrics.value import Goal

__all__ = [
    "METRICS",
    "CalibrationBin",
    "Confusion",
    "Estimate",
    "Goal",
    "Slice",
    "TestResult",
    "accuracy",
    "auc",
    "average_precision",
    "base_rate",
    "block_draws",
    "brier",
    "by_slice",
    "calibration_curve",
    "chi_square",
    "confusion",
    "difference",
    "ece",
    "f1",
    "higher_is_better",
    "interval",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "log_loss",
    "log_losses",
    "mean_interval",
    "measure",
    "precision",
    "psi",
    "recall",
    "skill",
    "student_quantile",
    "total_interval",
    "total_value",
    "wasserstein",
    "wasserstein_counts",
    "wilson",
]
