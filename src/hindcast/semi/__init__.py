"""Learning from rows without labels: self-training, propagation, co-training, consistency; and whether it helped.

Rows may be arrays, sparse matrices, frames or lists of text (with a pipeline as learner); labels text, integers or
booleans, -1, None or NaN where there is none. Unlabelled rows help less often than one hopes, so
:func:`~hindcast.semi.guarded` sets the supervised model beside each method and returns it where nothing was gained.
"""

from hindcast.semi.calibration import cooled, out_of_fold, temperature
from hindcast.semi.classes import Labelled, labelled
from hindcast.semi.co_training import CoTraining, TwoViews, co_training
from hindcast.semi.consistency import Consistency, consistency, consistency_loss, ramp_up
from hindcast.semi.declared import SelfTrained, self_trained
from hindcast.semi.guard import Guarded, guarded
from hindcast.semi.learner import Fitted
from hindcast.semi.method import Method, Round, SemiModel
from hindcast.semi.neighbours import Neighbours, nearest
from hindcast.semi.paired import mean_of, row_scores, sign_test
from hindcast.semi.propagation import Flow, GraphModel, Propagation, flow, graph, graph_bytes, propagation
from hindcast.semi.self_training import SelfTraining, self_training

__all__ = [
    "CoTraining",
    "Consistency",
    "Fitted",
    "Flow",
    "GraphModel",
    "Guarded",
    "Labelled",
    "Method",
    "Neighbours",
    "Propagation",
    "Round",
    "SelfTrained",
    "SelfTraining",
    "SemiModel",
    "TwoViews",
    "co_training",
    "consistency",
    "consistency_loss",
    "cooled",
    "flow",
    "graph",
    "graph_bytes",
    "guarded",
    "labelled",
    "mean_of",
    "nearest",
    "out_of_fold",
    "propagation",
    "ramp_up",
    "row_scores",
    "self_trained",
    "self_training",
    "sign_test",
    "temperature",
]
