"""The loop: requests ask, labels mature, timers fire. ``run``, ``replay`` and ``up`` all turn this one.

At one instant requests come first, then timers, then facts and labels; a decision at t governs requests with a
later as_of. Between two ticks nothing is decided, so the world may answer whole blocks at a time. Every decision
goes to the ledger with its reason and its figures, and nothing else is state: what the loop keeps in memory it
could read back from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from hindcast.adapt import Policy, Retraining, Signal, TriggerState, retraining
from hindcast.errors import DataError, HindcastError
from hindcast.features.meaning import digests, meanings
from hindcast.loop.guard import Guard
from hindcast.loop.trainer import Trained
from hindcast.loop.watch import DriftWatch, FeatureWatch, ScoreWatch, reference_of, score_reference_of
from hindcast.loop.world import World
from hindcast.models import Model, read, write
from hindcast.monitor import Alert, Reference, ScoreReference
from hindcast.registry import Entry, Registry
from hindcast.system import System
from hindcast.trial import Arm, CanaryEvidence, Look, Rollout, RolloutState, Shadow, ShadowEvidence
from hindcast.values import NEVER, iso, moment_us
from hindcast.verdicts import Verdict

__all__ = ["Loop"]


class Trains(Protocol):
    """What the loop asks of a trainer; see :class:`~hindcast.loop.trainer.Trainer`."""

    def train(
        self, now_us: int, champion: Model | None = None, *, champion_us: int | None = None, measured: bool = False
    ) -> Trained: ...


@dataclass
class _Pending:
    """A training that has begun and is not done."""

    begun_us: int
    done_us: int
    reason: str


@dataclass
class Loop:
    """One system under one policy, moved from tick to tick.

    Parameters
    ----------
    system : System
    world : World
    trainer : Trainer, or another that trains
    registry : Registry
        Versions and roles, over the ledger.
    policy : Policy
        What is renewed when, and how it is rolled out.
    until_us : int
        Nothing happens later.
    ahead_us : int
        How far monitors may look ahead; 0 in production.
    """

    system: System
    world: World
    trainer: Trains
    registry: Registry
    policy: Policy
    until_us: int = NEVER
    ahead_us: int = 0
    monitors: bool = True
    alerts: list[Alert] = field(default_factory=list)
    watches: list[DriftWatch] = field(default_factory=list)
    scores: list[ScoreWatch] = field(default_factory=list)
    validation: FeatureWatch | None = None
    now_us: int = 0
    _retraining: Retraining = field(init=False)
    _stages: tuple[Any, ...] = field(init=False)
    _pending: _Pending | None = None
    _rollout: RolloutState | None = None
    _references: dict[str, tuple[Reference, ScoreReference]] = field(default_factory=dict)
    _trained: dict[str, Trained] = field(default_factory=dict)
    _last_training_us: int = 0
    _signals: list[Signal] = field(default_factory=list)
    _guard: Guard | None = None

    def __post_init__(self) -> None:
        training = self.system.training
        declared = retraining(self.system.retrain, training_time=training.takes, window=training.window)
        self._retraining, self._stages = self.policy.apply(declared, self.system.rollout)

    # ---- time -----------------------------------------------------------------------------------------------

    def begin(self, now_us: int) -> None:
        """Start at `now_us`; without a champion one is trained on what had matured a training's length before."""
        self.now_us = now_us
        self._last_training_us = now_us
        if self.registry.roles().champion is None:
            trained = self.trainer.train(now_us - self.system.training.takes_us)
            version = self._register(trained, now_us, "first model")
            if trained.verdict.ok:
                self.registry.promote(version, reason="first champion: every gate passed", at_us=now_us)
            else:
                raise DataError(
                    f"system {self.system.name!r}: no model may serve from {iso(now_us)}: {trained.verdict.reason}"
                )
        self._watch(now_us)

    def resume(self, now_us: int) -> None:
        """Go on from the ledger: roles, a trial under way, a training that had begun, what the champion takes for
        healthy."""
        self.now_us = now_us
        roles = self.registry.roles()
        for entry in self._entries():
            if entry.kind == "retraining":
                self._last_training_us = entry.at_us
                self._pending = _Pending(entry.at_us, moment_us(entry.body["done"]), entry.body["reason"])
                self._signals.clear()
            elif entry.kind in ("version", "training"):
                if self._pending is None:  # made by hand, or the first: no retraining had begun
                    self._last_training_us = entry.at_us
                self._pending = None
            elif entry.kind == "alert":
                self._signals.extend(_signals(entry.body, moment_us(entry.body["at"])))
            state = entry.body.get("state")
            if state is not None and state["version"] == roles.challenger:
                self._rollout = RolloutState.of(state)
        if roles.challenger is None:
            self._rollout = None
        self._watch(now_us)

    def train_now(self, now_us: int, *, measured: bool = False) -> tuple[str, Trained]:
        """Have a model at `now_us`, trained on what had matured a training's length before.

        The first that passes its gates becomes champion. A later one begins its rollout, which `up` carries on, unless
        another challenger is on trial: then it waits. Training the same again gives the same version and changes
        nothing.
        """
        trained = self._train(now_us - self.system.training.takes_us, measured=measured)
        same = {"model": trained.digest, "training_set": trained.training_set}
        for known in self.registry.versions():
            if same.items() <= dict(known.body).items():
                self.world.models[known.name] = trained.model
                return known.name, trained
        roles = self.registry.roles()
        version = self._register(trained, now_us, "trained by hand")
        if trained.verdict.ok and roles.champion is None:
            self.registry.promote(version, reason="first champion: every gate passed", at_us=now_us)
        elif trained.verdict.ok and roles.challenger is None:
            self._act(version, Rollout(self._stages).begin(version, now_us=now_us), now_us)
        return version, trained

    def next_tick(self) -> int:
        """The next moment at which something may be decided."""
        every = self.system.monitoring.every_us
        grid = (self.now_us // every + 1) * every
        return min(grid, self._pending.done_us) if self._pending else grid

    def tick(self, now_us: int) -> None:
        """Time has come to `now_us`: requests up to it were asked, now timers fire."""
        self.world.serve(now_us, self.registry.roles())
        self.now_us = now_us
        if self._pending is not None and self._pending.done_us <= now_us:
            self._finish_training(now_us)
        if now_us % self.system.monitoring.every_us == 0:
            self._monitor(now_us)
            self._guard_reign(now_us)
            self._step_rollout(now_us)
            self._trigger(now_us)

    def run(self, until_us: int | None = None) -> None:
        """Tick until `until_us`, then serve what is left of the requests."""
        stop = self.until_us if until_us is None else until_us
        while (at := self.next_tick()) <= stop:
            self.tick(at)
        self.world.serve(stop, self.registry.roles())

    # ---- watching -------------------------------------------------------------------------------------------

    def _watch(self, now_us: int) -> None:
        """Watch the champion from now on, against what it was trained on; the one before it stands guard."""
        roles = self.registry.roles()
        champion = roles.champion
        self._guard = None
        if self.policy.gated:
            told = self._entries("promotion", "rollback", "alert")
            self._guard = Guard.of(roles, told, self.system.monitoring.score_window_us)
        if self.monitors and self.validation is None and champion is not None:
            self.validation = FeatureWatch(self.world, now_us, self.until_us, ahead_us=self.ahead_us)
        references = self._references_of(champion) if self.monitors and champion is not None else None
        if champion is None or references is None:
            return
        drift, score = references
        stretch = (now_us, self.until_us)
        self.watches.append(DriftWatch(self.world, champion, drift, *stretch, ahead_us=self.ahead_us))
        self.scores.append(ScoreWatch(self.world, champion, score, *stretch, ahead_us=self.ahead_us))

    def _references_of(self, version: str) -> tuple[Reference, ScoreReference] | None:
        """What a version takes for healthy: learnt when it was trained, or read back from its artefact."""
        if version not in self._references:
            if version in self._trained:
                trained = self._trained[version]
                found = reference_of(self.system, trained), score_reference_of(self.system, trained)
            elif self.registry.models is not None:
                kept = read(self.registry.folder(version)).extra
                if "reference" not in kept:
                    return None
                found = Reference.from_plain(kept["reference"]), ScoreReference.from_plain(kept["scores"])
            else:
                return None
            self._references[version] = found
        return self._references[version]

    def _monitor(self, now_us: int) -> None:
        found: list[Alert] = []
        if self.watches:
            found += [*self.watches[-1].alerts(now_us), *self.scores[-1].alerts(now_us)]
        if self.validation is not None:
            found += self.validation.alerts(now_us)
        for alert in found:
            self._write("alert", alert.body(), now_us)
            self._signals.extend(_signals(alert.body(), alert.at_us))
        self.alerts.extend(found)
        if self._guard is not None and any(alert.kind == "decay" for alert in found):
            self._guard = replace(self._guard, armed_us=now_us)

    def _guard_reign(self, now_us: int) -> None:
        """Where decay was alerted: whether the champion before would have done better, and if so its return."""
        guard = self._guard
        if guard is None or not guard.due(now_us, self.system.monitoring.every_us):
            return
        history = self.world.history
        maturity = history.maturity_us(now_us)
        rows = self.world.rows(*guard.stretch(now_us, maturity))
        if guard.predecessor in self.world.models:
            label = np.where(history.spine.usable(now_us, maturity)[rows], history.label[rows], np.nan)
            new, old = self.world.predict(guard.champion, rows), self.world.predict(guard.predecessor, rows)
            evidence = ShadowEvidence(label, new, old, history.as_of[rows], self.system.goal)
            verdict = guard.judge(evidence)
        else:
            verdict = Verdict.unknown(f"guard({guard.predecessor})", "its model could not be read")
        if verdict.ok:
            better = f"{guard.predecessor} would have done better than {guard.champion}"
            reason = f"decay was alerted, and {better}: {verdict.reason}"
            self.registry.rollback(reason=reason, at_us=now_us, figures=dict(verdict.evidence))
            self._watch(now_us)
        else:
            self._write_verdict(guard.champion, verdict, now_us)

    # ---- renewing -------------------------------------------------------------------------------------------

    def _trigger(self, now_us: int) -> None:
        busy = self._pending is not None or self._rollout is not None
        if busy or not self._retraining.triggers:
            return
        state = TriggerState(
            now_us, self._last_training_us, tuple(self._signals), matured_rows=self._matured_since(now_us)
        )
        due = self._retraining.due(state)
        if due is None:
            return
        done = self._retraining.ready_us(now_us)
        self._pending = _Pending(now_us, done, due.reason)
        self._last_training_us = now_us
        self._signals.clear()
        self._write("retraining", {"triggers": list(due.triggers), "reason": due.reason, "done": iso(done)}, now_us)

    def _matured_since(self, now_us: int) -> int:
        history = self.world.history
        maturity = history.maturity_us(now_us)
        rows = history.slice(self._last_training_us - maturity, now_us - maturity)
        return int((history.spine.visible(now_us)[rows]).sum()) if rows.stop > rows.start else 0

    def _finish_training(self, now_us: int) -> None:
        assert self._pending is not None
        pending, self._pending = self._pending, None
        try:
            trained = self._train(pending.begun_us)
        except HindcastError as error:  # the champion goes on serving
            self._write("training", {"failed": str(error), "begun": iso(pending.begun_us)}, now_us)
            return
        version = self._register(trained, now_us, pending.reason)
        if self.policy.gated and not trained.verdict.ok:
            return
        action = Rollout(self._stages).begin(version, now_us=now_us)
        self._act(version, action, now_us)

    def _train(self, at_us: int, **options: Any) -> Trained:
        """Train, with the champion in the comparison, if it can be read, on what it did not learn from."""
        champion = self.registry.roles().champion
        if champion is None or champion not in self.world.models:
            return self.trainer.train(at_us, **options)
        learnt_us = moment_us(self.registry.version(champion).body["as_of"])
        return self.trainer.train(at_us, self.world.models[champion], champion_us=learnt_us, **options)

    def _register(self, trained: Trained, now_us: int, reason: str) -> str:
        """Put a trained model on the ledger, with its verdicts, and into the world."""
        artefact, meant = None, meanings(self.system.plan)
        if self.registry.models is not None:
            reference, scores = reference_of(self.system, trained), score_reference_of(self.system, trained)
            artefact = self.registry.draft() / "model"
            write(
                artefact,
                trained.model,
                system=self.system.name,
                target=self.system.target.name,
                features=self.system.plan.identity,
                training=trained.training_set,
                threshold=self.system.goal.threshold,
                meanings=meant,
                extra={
                    "training": dict(trained.manifest),
                    "lineage": dict(trained.lineage),
                    "reference": reference.to_plain(),
                    "scores": scores.to_plain(),
                },
            )
        read_by_it = digests({name: meant[name] for name in trained.model.inputs if name in meant})
        body = {**trained.body(), "reason": reason, "size_bytes": trained.size_bytes, "features": read_by_it}
        name = self.registry.register(body, at_us=now_us, artefact=artefact).name
        for verdict in trained.verdicts:
            self._write_verdict(name, verdict, now_us)
        self.world.models[name] = trained.model
        self._trained[name] = trained
        return name

    # ---- rolling out ----------------------------------------------------------------------------------------

    def _step_rollout(self, now_us: int) -> None:
        if self._rollout is None:
            return
        rollout, state = Rollout(self._stages), self._rollout
        maturity = self.world.history.maturity_us(now_us)
        look = rollout.look(state, maturity_us=maturity)
        if now_us < look.due_us:
            return
        evidence = self._evidence(look, now_us)
        action = rollout.decide(state, evidence, now_us=now_us, maturity_us=maturity, seed=self.system.seed)
        self._act(state.version, action, now_us)

    def _act(self, version: str, action: Any, now_us: int) -> None:
        told = {"verdict": action.verdict.outcome, "figures": dict(action.verdict.evidence)} if action.verdict else {}
        self._rollout = action.state
        if action.kind == "promote":
            self.registry.promote(version, reason=action.reason, at_us=now_us, **told)
            self._watch(now_us)
        elif action.kind == "abort":
            self.registry.trial(version, "ended", reason=action.reason, at_us=now_us, **told)
        elif action.kind == "next":
            stage = "shadow" if isinstance(self._stages[action.state.stage], Shadow) else "canary"
            self.registry.trial(
                version,
                stage,
                reason=action.reason,
                at_us=now_us,
                share=action.share,
                salt=action.state.salt,
                state=action.state.describe(),
                **told,
            )
        else:
            body = {"version": version, "reason": action.reason, "state": action.state.describe(), **told}
            self._write("verdict", {"check": "rollout", "outcome": "unknown", **body}, now_us)

    def _evidence(self, look: Look, now_us: int) -> ShadowEvidence | CanaryEvidence | None:
        """What matured of the look's traffic."""
        roles = self.registry.roles()
        if roles.champion is None or roles.challenger is None:
            return None
        history = self.world.history
        rows = self.world.rows(look.since_us, look.until_us)
        usable = history.spine.usable(now_us, history.maturity_us(now_us))[rows]
        label = np.where(usable, history.label[rows], np.nan)
        old, new = self.world.predict(roles.champion, rows), self.world.predict(roles.challenger, rows)
        goal = self.system.goal
        if isinstance(look.stage, Shadow):
            return ShadowEvidence(label, old, new, history.as_of[rows], goal)
        by, errors = self.world.served_by(rows), self.world.errors(rows)
        mine = by == roles.challenger
        canary = Arm(int(mine.sum()), int(errors[mine].sum()), label[mine], new[mine])
        if look.share >= 1.0:
            return CanaryEvidence(canary, Arm(int(mine.sum()), 0, label[mine], old[mine]), goal, paired=True)
        others = by == roles.champion
        champion = Arm(int(others.sum()), int(errors[others].sum()), label[others], old[others])
        return CanaryEvidence(canary, champion, goal)

    # ---- telling --------------------------------------------------------------------------------------------

    def _write(self, kind: str, body: dict[str, Any], at_us: int) -> None:
        self.registry.ledger.append(kind, body, at_us=at_us, system=self.system.name, target=self.system.target.name)

    def _write_verdict(self, version: str, verdict: Verdict, at_us: int) -> None:
        told = {"version": version, "check": verdict.check, "outcome": verdict.outcome, "reason": verdict.reason}
        self._write("verdict", {**told, "evidence": dict(verdict.evidence)}, at_us)

    def _entries(self, *kinds: str) -> list[Entry]:
        """This target's entries of these kinds, in order; all without any."""
        return self.registry.ledger.entries(system=self.system.name, target=self.system.target.name, kind=kinds or None)


def _signals(alert: Mapping[str, Any], at_us: int) -> list[Signal]:
    """What an alert's body says to triggers; a source that is late calls for a person, not for a training."""
    kind: Literal["drift", "decay"]
    if alert["kind"] == "drift":
        kind = "drift"
    elif alert["kind"] == "decay":
        kind = "decay"
    else:
        return []
    return [Signal(at_us, kind, subject) for subject in alert["features"]]
