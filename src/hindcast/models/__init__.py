"""Models: baselines, logistic regression and boosted trees, fitted on the training rows and stored as plain files.

A learner is a declaration, a model is numbers. Preparation (scaling, filling, encoding) belongs to the model and is
learnt with it. What serves needs NumPy and, for trees, LightGBM's shared library: no pickle, no scikit-learn,
no pandas.

The learners ``logistic`` and ``lightgbm`` share their names with the modules here that hold them, and so does
``trained``, which changes the rows a learner sees.
"""

from hindcast.models.agreement import check_features, disagreement
from hindcast.models.artifact import Manifest, load_model, read, write
from hindcast.models.baselines import LAST_LABEL, last_label, random, rule, zero_rule
from hindcast.models.lightgbm import LightGBM, LightGBMModel
from hindcast.models.logistic import Logistic, LogisticModel
from hindcast.models.model import Learner, LearnsUnlabelled, Model
from hindcast.models.phased import Phased, in_two_phases, sampled_dynamically
from hindcast.models.prepare import Preparation
from hindcast.models.trained import Trained, TrainedModel, fit_rows, trained

__all__ = [
    "LAST_LABEL",
    "Learner",
    "LearnsUnlabelled",
    "LightGBM",
    "LightGBMModel",
    "Logistic",
    "LogisticModel",
    "Manifest",
    "Model",
    "Phased",
    "Preparation",
    "Trained",
    "TrainedModel",
    "check_features",
    "disagreement",
    "fit_rows",
    "in_two_phases",
    "last_label",
    "load_model",
    "random",
    "read",
    "rule",
    "sampled_dynamically",
    "trained",
    "write",
    "zero_rule",
]
