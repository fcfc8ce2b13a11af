"""The way of a challenger through its stages, as a pure state machine: state and evidence in, the next action out.

A stage (or a canary's step) that began at ``since`` counts requests with ``since < as_of <= since + duration`` and is
looked at once, at ``since + duration + maturity``: as late as the labels of that traffic need. A verdict of pass
goes on, fail ends the trial, unknown waits for another duration of traffic and is looked at again, up to the stage's
`patience`, and then ends the trial: unknown never promotes.

The loop keeps the state on the ledger (``state.describe()`` and :meth:`RolloutState.of`), asks :meth:`Rollout.look`
what to judge and when, gathers that evidence, and does what :meth:`Rollout.decide` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hindcast.errors import ConfigError, DataError
from hindcast.trial.canary import Canary, CanaryEvidence
from hindcast.trial.shadow import Shadow, ShadowEvidence
from hindcast.values import digest, iso, moment_us
from hindcast.verdicts import Verdict

__all__ = ["Action", "Look", "Rollout", "RolloutState"]

Stage = Shadow | Canary
Evidence = ShadowEvidence | CanaryEvidence


@dataclass(frozen=True)
class RolloutState:
    """Where a challenger stands.

    Parameters
    ----------
    version : str
    stage : int
        Which stage of the rollout, from 0.
    step : int
        Which step of a canary, from 0; 0 in a shadow.
    since_us : int
        When the stage or step began: requests with a later as_of count.
    looks : int, default 0
        How many times it has been looked at without a decision.
    """

    version: str
    stage: int
    step: int
    since_us: int
    looks: int = 0

    @property
    def salt(self) -> str:
        """What assigns units in this trial: one salt for all steps of a version, so that a canary only grows."""
        return digest({"trial of": self.version})

    def describe(self) -> dict[str, Any]:
        """Plain data for the ledger; :meth:`of` reads it."""
        return {
            "version": self.version,
            "stage": self.stage,
            "step": self.step,
            "since": iso(self.since_us),
            "looks": self.looks,
        }

    @staticmethod
    def of(plain: Mapping[str, Any]) -> RolloutState:
        """The state that :meth:`describe` wrote."""
        try:
            since = moment_us(plain["since"])
            return RolloutState(
                str(plain["version"]), int(plain["stage"]), int(plain["step"]), since, int(plain["looks"])
            )
        except KeyError as missing:
            raise DataError(f"a rollout's state lacks {missing}.") from None


@dataclass(frozen=True)
class Look:
    """What is judged next: requests with ``since_us < as_of <= until_us``, at `due_us` when they have matured."""

    stage: Stage
    share: float
    since_us: int
    until_us: int
    due_us: int


@dataclass(frozen=True)
class Action:
    """What to do with a challenger.

    Parameters
    ----------
    kind : {"wait", "next", "promote", "abort"}
        ``next`` enters `state`'s stage or step; ``wait`` stays, in `state`.
    reason : str
    state : RolloutState or None
        The state from now on; None once the trial has ended.
    share : float
        The part of the traffic the challenger serves from now on.
    verdict : Verdict or None
        What was judged, if anything was.
    """

    kind: Literal["wait", "next", "promote", "abort"]
    reason: str
    state: RolloutState | None
    share: float
    verdict: Verdict | None = None


class Rollout:
    """Stages in order; none at all promotes straight away.

    Parameters
    ----------
    stages : sequence of Shadow and Canary
        Canaries' shares must not fall from one to the next.

    Examples
    --------
    >>> from hindcast.trial import canary, shadow
    >>> from hindcast.values import DAY_US, HOUR_US
    >>> rollout = Rollout([shadow("7d"), canary([0.1, 1.0], every="3d")])
    >>> begun = rollout.begin("v2", now_us=0)
    >>> begun.kind, begun.share, rollout.look(begun.state, maturity_us=18 * HOUR_US).due_us / DAY_US
    ('next', 0.0, 7.75)
    >>> Rollout([]).begin("v2", now_us=0).kind
    'promote'
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)
        served = 0.0
        for stage in self.stages:
            if not isinstance(stage, Shadow | Canary):
                raise ConfigError(f"a rollout is made of shadow(...) and canary(...), got {stage!r}.")
            shares = stage.shares if isinstance(stage, Canary) else (0.0,)
            if shares[0] < served:
                raise ConfigError(
                    f"a rollout's stages take traffic away from the challenger: {shares[0]:g} comes after {served:g}."
                )
            served = shares[-1]

    def describe(self) -> list[dict[str, Any]]:
        """What stands for the rollout in an identity."""
        return [stage.describe() for stage in self.stages]

    def begin(self, version: str, *, now_us: int) -> Action:
        """Enter the first stage with `version`."""
        return self._enter(
            RolloutState(version, 0, 0, now_us), "the gates passed" if self.stages else "no stage is declared"
        )

    def look(self, state: RolloutState, *, maturity_us: int) -> Look:
        """What is to be judged next in `state`, and when."""
        stage, share = self._at(state)
        length = stage.duration_us if isinstance(stage, Shadow) else stage.every_us
        until = state.since_us + length * (state.looks + 1)
        return Look(stage, share, state.since_us, until, until + maturity_us)

    def decide(
        self, state: RolloutState, evidence: Evidence | None, *, now_us: int, maturity_us: int, seed: int = 0
    ) -> Action:
        """Judge `evidence` of the :meth:`look` that is due, and say what to do.

        Parameters
        ----------
        state : RolloutState
        evidence : ShadowEvidence, CanaryEvidence or None
            Of the stage's kind; None when it could not be gathered, which is unknown.
        now_us : int
            Before the look is due nothing is judged and the action is to wait.
        maturity_us : int
        seed : int, default 0

        Raises
        ------
        ConfigError
            For evidence of the other kind, or a state that this rollout does not have.
        """
        look = self.look(state, maturity_us=maturity_us)
        if now_us < look.due_us:
            return Action("wait", f"its traffic has matured at {iso(look.due_us)}", state, look.share)
        verdict = _judge(look.stage, evidence, seed)
        if verdict.outcome == "fail":
            return Action("abort", verdict.reason, None, 0.0, verdict)
        if verdict.outcome == "unknown":
            waited = state.looks + 1
            if waited > look.stage.patience:
                reason = f"still unknown after {waited} look{'s' if waited > 1 else ''}: {verdict.reason}"
                return Action("abort", reason, None, 0.0, verdict)
            return Action("wait", verdict.reason, replace(state, looks=waited), look.share, verdict)
        last_step = not isinstance(look.stage, Canary) or state.step + 1 == len(look.stage.shares)
        following = (state.stage + 1, 0) if last_step else (state.stage, state.step + 1)
        return self._enter(RolloutState(state.version, *following, now_us), verdict.reason, verdict)

    def _at(self, state: RolloutState) -> tuple[Stage, float]:
        steps = len(self.stages)
        if not 0 <= state.stage < steps:
            raise ConfigError(
                f"this rollout has {steps} stages and none numbered {state.stage}; was the declaration changed?"
            )
        stage = self.stages[state.stage]
        shares = stage.shares if isinstance(stage, Canary) else (0.0,)
        if not 0 <= state.step < len(shares):
            raise ConfigError(
                f"stage {state.stage} has {len(shares)} steps and none numbered {state.step}; was it changed?"
            )
        return stage, shares[state.step]

    def _enter(self, state: RolloutState, reason: str, verdict: Verdict | None = None) -> Action:
        if state.stage == len(self.stages):
            return Action("promote", reason, None, 1.0, verdict)
        return Action("next", reason, state, self._at(state)[1], verdict)


def _judge(stage: Stage, evidence: Evidence | None, seed: int) -> Verdict:
    if evidence is None:
        return Verdict.unknown(stage.describe()["is"], "there is no evidence")
    if isinstance(stage, Shadow) and isinstance(evidence, ShadowEvidence):
        return stage.judge(evidence, seed=seed)
    if isinstance(stage, Canary) and isinstance(evidence, CanaryEvidence):
        return stage.judge(evidence, seed=seed)
    raise ConfigError(f"a {stage.describe()['is']} cannot judge {type(evidence).__name__}.")
