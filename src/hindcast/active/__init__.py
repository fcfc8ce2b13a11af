"""Which rows to have labelled next, and whether choosing them is worth more than drawing them at random.

:func:`~hindcast.active.choose` is one round, a pure function of a model, a pool and what is labelled; its tasks feed a
labelling project. :func:`~hindcast.active.budget_curve` says on labelled rows what choosing is worth, with random
beside it; :func:`~hindcast.active.replay_labelling` says it of a campaign over history, label delays included.
"""

from hindcast.active.batches import badge, cluster, k_centre, mixed, ranked, top
from hindcast.active.choose import Choice, choose
from hindcast.active.committee import committee, committee_probabilities
from hindcast.active.curve import BudgetCurve, budget_curve
from hindcast.active.feed import feed
from hindcast.active.figure import bands
from hindcast.active.history import HistoryCurve, replay_labelling
from hindcast.active.needed import Needed, needed
from hindcast.active.scores import (
    density,
    entropy,
    gradient_length,
    least_confidence,
    margin,
    mean_kl,
    vote_entropy,
)
from hindcast.active.stopping import budget_spent, predictions_settled, score_flat, score_reached
from hindcast.active.strategy import STRATEGIES, Pool, Strategy, strategy_of

__all__ = [
    "STRATEGIES",
    "BudgetCurve",
    "Choice",
    "HistoryCurve",
    "Needed",
    "Pool",
    "Strategy",
    "badge",
    "bands",
    "budget_curve",
    "budget_spent",
    "choose",
    "cluster",
    "committee",
    "committee_probabilities",
    "density",
    "entropy",
    "feed",
    "gradient_length",
    "k_centre",
    "least_confidence",
    "margin",
    "mean_kl",
    "mixed",
    "needed",
    "predictions_settled",
    "ranked",
    "replay_labelling",
    "score_flat",
    "score_reached",
    "strategy_of",
    "top",
    "vote_entropy",
]
