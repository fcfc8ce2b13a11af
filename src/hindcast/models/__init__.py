"""Models: baselines, logistic regression and boosted trees, fitted on the training rows and stored as plain files.

A learner is a declaration, a model is numbers. Preparation (scaling, filling, encoding) belongs to the model and is
learnt with it. What serves needs NumPy and, for trees, LightGBM's shared library: no pickle, no scikit-learn,
no pandas.

The learners ``logistic`` and ``lightgbm`` share their names with the modules here that hold them.
"""

from hindcast.models.agreement import check_features, disagreement
from hindcast.models.artifact import Manifest, load_model, read, write
from hindcast.models.baselines import LAST_LABEL, last_label, random, rule, zero_rule
from hindcast.models.lightgbm import LightGBM, LightGBMModel
from hindcast.models.logistic import Logistic, LogisticModel
from hindcast.models.model import Learner, Model
from hindcast.models.prepare import Preparation

__all__ = [
    "LAST_LABEL",
    "Learner",
    "LightGBM",
    "LightGBMModel",
    "Logistic",
    "LogisticModel",
    "Manifest",
    "Model",
    "Preparation",
    "check_features",
    "disagreement",
    "last_label",
    "load_model",
    "random",
    "read",
    "rule",
    "write",
    "zero_rule",
]
