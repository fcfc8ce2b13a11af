"""Tests in production, decided purely: who is served by the challenger, and what the evidence says about going on.

A shadow asks whether the challenger is better on all traffic; a canary serves a growing share and asks whether it does
harm; a rollout leads a version through both. Verdicts have three values, and unknown never promotes.
"""

from hindcast.trial.assign import in_trial, share_of, shares_of
from hindcast.trial.canary import Canary, CanaryEvidence, Guard, canary
from hindcast.trial.harm import Arm
from hindcast.trial.rollout import Action, Look, Rollout, RolloutState
from hindcast.trial.sample_size import sample_size
from hindcast.trial.shadow import Shadow, ShadowEvidence, shadow

__all__ = [
    "Action",
    "Arm",
    "Canary",
    "CanaryEvidence",
    "Guard",
    "Look",
    "Rollout",
    "RolloutState",
    "Shadow",
    "ShadowEvidence",
    "canary",
    "in_trial",
    "sample_size",
    "share_of",
    "shadow",
    "shares_of",
]
