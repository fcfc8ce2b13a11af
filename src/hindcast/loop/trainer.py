"""The trainer: from matured rows to a judged candidate, memoised by everything that goes into it.

Candidates learn on the older part and are compared on the newest stretch of matured rows; the best that can serve
is judged by the gates there, beside the baselines and the champion, and then fitted once more on all rows. The
same training set, learner and seed give the same model byte for byte, so a model that was made once, in this
process or in an earlier one, is read back instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hindcast.clock import stopwatch_s
from hindcast.columns import Frame
from hindcast.errors import ArtifactError, DataError
from hindcast.evaluate import Evidence, judge_all, measure_latency
from hindcast.loop.history import History, Progress
from hindcast.metrics import measure
from hindcast.models import Learner, LearnsUnlabelled, Model, load_model, read, write
from hindcast.models.baselines import functions_of
from hindcast.models.trained import fit_rows
from hindcast.system import System
from hindcast.trainset.rows import Rows
from hindcast.trainset.split import Split, split_at
from hindcast.trainset.trainset import TrainingSet
from hindcast.values import NEVER, Floats, Ints, digest, duration_text, iso
from hindcast.verdicts import Verdict

if TYPE_CHECKING:
    from hindcast.weak.declared import WeakReport

__all__ = ["BASELINES", "Trained", "Trainer"]

BASELINES = frozenset({"random", "zero_rule", "last_label", "rule"})
"""Kinds of models that are floors to stand on, not candidates to serve."""

METRICS = ("log_loss", "auc", "brier", "ece")
"""What every table of candidates shows, beside the value."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training came to.

    Attributes
    ----------
    at_us : int
        The moment whose matured rows it learnt from.
    model : Model
        The chosen candidate, ready to serve.
    baselines : mapping of str to Model
        The floors, fitted on the training part.
    learner : str
    training_set : str
        Name of the training set.
    scores : mapping of str to mapping
        Per candidate and baseline, on the validation part: log_loss, auc, brier, ece, value (mean per row).
    verdicts : tuple of Verdict
        One per gate.
    verdict : Verdict
        All of them together.
    validation : Split
    label, probability : float64 arrays, as_of : int64 array
        Of the validation rows, with the judged candidate's answers: what a monitor takes for healthy scores.
    asked : Frame, asked_us : int64 array
        Inputs and moments of every request asked in the stretch learnt from, those without a label too: what a
        monitor takes for a healthy stream. They share the history's memory.
    manifest : mapping
        Of the training set.
    size_bytes : int
        Of the model's files.
    digest : str
        Of the model's files: the same model has the same.
    weak : mapping, optional
        What came of the rules of thumb, where the system has any; see :class:`hindcast.weak.WeakReport`.
    lineage : mapping
        By which its rows are found again in what has landed: ``landed``, how far each table was read; ``rows``, their
        fingerprint; and which rules of thumb taught others.
    """

    at_us: int
    model: Model
    baselines: Mapping[str, Model]
    learner: str
    training_set: str
    scores: Mapping[str, Mapping[str, float]]
    verdicts: tuple[Verdict, ...]
    verdict: Verdict
    validation: Split
    label: Floats
    probability: Floats
    as_of: Ints
    asked: Frame
    asked_us: Ints
    manifest: Mapping[str, Any]
    size_bytes: int
    digest: str
    weak: Mapping[str, Any] | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Plain data for the ledger."""
        return {
            "learner": self.learner,
            "model": self.digest,
            "training_set": self.training_set,
            "as_of": iso(self.at_us),
            "counts": dict(self.manifest["counts"]),
            "train_rows": len(self.validation.train),
            "validation_rows": len(self.validation.validation),
            "scores": {name: dict(scores) for name, scores in self.scores.items()},
            "verdict": self.verdict.outcome,
            **({} if self.weak is None else {"weak": dict(self.weak)}),
        }


class Trainer:
    """Trains on a history at any moment of it.

    Parameters
    ----------
    history : History
    cache : Path, optional
        A folder where models are kept between processes; None keeps them for this process only.
    """

    def __init__(self, history: History, cache: Path | None = None, *, progress: Progress | None = None) -> None:
        self.history = history
        self.system: System = history.system
        self.cache = cache
        self.trainings = 0
        """Trainings that really ran here; those read back from memory or disk do not count."""
        self.moments: set[int] = set()
        """The distinct moments that a training was asked for."""
        self.seconds = 0.0
        self._models: dict[str, Model] = {}
        self._trained: dict[tuple[int, int, bool], tuple[Trained, Model | None]] = {}
        self._weak: dict[int, tuple[Rows, WeakReport]] = {}
        self._functions = functions_of(self.system.models)
        self._progress = progress

    def train(
        self, now_us: int, champion: Model | None = None, *, champion_us: int | None = None, measured: bool = False
    ) -> Trained:
        """Learn from what had matured at `now_us`, and judge.

        Parameters
        ----------
        champion : Model, optional
            Stands in the comparison.
        champion_us : int, optional
            The moment whose matured rows the champion learnt from. It is compared only on rows that matured later:
            on what it has learnt by heart it would look better than it is.
        measured : bool, default False
            Measure the candidate's latency for the gate on it; a replay does not, and judges by a countable
            stand-in.

        Raises
        ------
        DataError
            When too few rows have matured on either side of the split.
        """
        self.moments.add(now_us)
        if (now_us, id(champion), measured) in self._trained:
            return self._trained[now_us, id(champion), measured][0]
        system, plan = self.system, self.system.training
        rows = self.history.training_set(now_us)
        start = int(rows.as_of.max()) - plan.validation_us if len(rows) else now_us
        split = split_at(rows.as_of, start, gap_us=rows.maturity_us, label_known=rows.label_known)
        if min(len(split.train), len(split.validation)) < plan.min_rows:
            raise DataError(
                f"system {system.name!r} at {iso(now_us)}: {len(split.train)} matured rows to learn from before "
                f"{iso(start)} and {len(split.validation)} to judge on after it, both at least {plan.min_rows}. "
                f"Start later, shorten Training(validation={duration_text(plan.validation_us)}), or lower min_rows. "
                f"Counts: {dict(rows.counts)}"
            )
        before = self.trainings
        inputs = rows.features.having(__last_label=rows.last_label)
        held_out, labels = inputs.take(split.validation), rows.label[split.validation]
        models: dict[str, Model] = {}
        answers: dict[str, Floats] = {}
        for at, learner in enumerate(system.learners):
            if self._progress:
                self._progress(f"training at {iso(now_us)[:10]}", at, len(system.learners) + 1)
            model = self._fit(learner, rows, inputs, split.train, "train", start)
            models[learner.name], answers[learner.name] = model, model.predict(held_out)
        scores = {name: self._scores(labels, p) for name, p in answers.items()}
        servable = [name for name, model in models.items() if model.kind not in BASELINES]
        if not servable:
            raise DataError(
                f"system {system.name!r} declares only baselines; add hindcast.logistic() or hindcast.lightgbm()."
            )
        chosen = min(servable, key=lambda name: (scores[name]["log_loss"], name))
        final = models[chosen]
        if plan.refit:
            learner = next(x for x in system.learners if x.name == chosen)
            final = self._fit(learner, rows, inputs, np.arange(len(rows)), "all", now_us)
        contents = final.files()
        size = sum(len(data) for data in contents.values())
        seen_us = -NEVER if champion_us is None else champion_us - rows.maturity_us
        learnt = rows.as_of[split.validation] <= seen_us
        weak = self._weak_report(rows, inputs, split.train, start)
        places = self._places(rows)[split.validation]
        evidence = Evidence(
            model=models[chosen],
            champion=None if champion is None else champion.name,
            features=held_out,
            label=labels,
            as_of=rows.as_of[split.validation],
            probability=answers[chosen],
            champion_probability=None if champion is None else np.where(learnt, np.nan, champion.predict(held_out)),
            baselines={name: p for name, p in answers.items() if models[name].kind in BASELINES},
            goal=system.goal,
            seed=system.seed,
            spine=self.history.spine.frame.take(places),
            latency_s=measure_latency(models[chosen], held_out) if measured else None,
            size_bytes=size,
            ages={name: age[places] for name, age in self.history.ages.items()},
        )
        found, verdict = judge_all(system.gates, evidence)
        if not system.gates:
            verdict = Verdict.passed("gates", "the system declares none")
        if self._progress:
            self._progress(f"training at {iso(now_us)[:10]}", len(system.learners) + 1, len(system.learners) + 1)
        self.trainings = min(self.trainings, before + 1)
        floors = {name: model for name, model in models.items() if model.kind in BASELINES}
        asked = self.history.slice(int(rows.as_of.min()) - 1, now_us)
        trained = Trained(
            now_us,
            final,
            floors,
            chosen,
            rows.name,
            scores,
            tuple(found),
            verdict,
            split,
            labels,
            answers[chosen],
            rows.as_of[split.validation],
            self.history.inputs.take(asked),
            self.history.as_of[asked],
            rows.manifest,
            size,
            digest({name: digest(data, length=64) for name, data in contents.items()}),
            None if weak is None else weak.describe(),
            {
                "landed": dict(self.history.landed),
                "rows": rows.fingerprint,
                **({} if plan.weak is None else {"weak": plan.weak.describe()["weak"]}),
                **({"unlabelled": True} if "unlabelled" in final.describe() else {}),
            },
        )
        self._trained[now_us, id(champion), measured] = trained, champion
        return trained

    def _taught(self, known: Rows, seq: Ints, until_us: int) -> tuple[Rows, WeakReport | None]:
        """`known` and, where the system has rules of thumb, the requests before `until_us` that they vote on."""
        weak = self.system.training.weak
        if weak is None:
            return known, None
        if until_us not in self._weak:
            rest = self._unlabelled(seq, until_us)
            while len(self._weak) > 1:  # a training needs two: for its older part, and for all
                self._weak.pop(next(iter(self._weak)))
            history = self.history
            self._weak[until_us] = weak.add(
                known, history.inputs.take(rest), history.as_of[rest], seed=self.system.seed
            )
        return self._weak[until_us]

    def _unlabelled(self, seq: Ints, until_us: int) -> Ints:
        """Places of the requests before `until_us`, within the window, that are not among the labelled rows `seq`."""
        history, window = self.history, self.system.training.window_us
        since = -NEVER if window is None else until_us - window
        asked = np.arange(len(history))[history.slice(since, until_us - 1)]
        return asked[~np.isin(history.spine.seq[asked], seq)]

    def _weak_report(self, rows: TrainingSet, inputs: Frame, part: Ints, until_us: int) -> WeakReport | None:
        if self.system.training.weak is None:
            return None
        return self._taught(_known(rows, inputs, part), rows.seq[part], until_us)[1]

    def _places(self, rows: TrainingSet) -> Any:
        """Where the training set's rows stand in the history, by their sequence numbers."""
        order = np.argsort(self.history.spine.seq, kind="stable")
        return order[np.searchsorted(self.history.spine.seq[order], rows.seq)]

    def _scores(self, label: Floats, probability: Floats) -> dict[str, float]:
        found = {metric: float(measure(metric, label, probability)) for metric in METRICS}
        goal = self.system.goal
        return {**found, "value": float(goal.value(goal.decide(probability), label).mean())}

    def _fit(self, learner: Learner, rows: TrainingSet, inputs: Frame, part: Any, name: str, until_us: int) -> Model:
        """The learner's model on `part` of the rows, read back where it was made before."""
        weak = self.system.training.weak
        key = digest(
            {
                "training_set": rows.name,
                "part": name,
                "until": until_us,
                "rows": len(part),
                "learner": learner.describe(),
                "seed": self.system.seed,
                **({} if weak is None else {"weak": weak.describe()}),
            },
            length=32,
        )
        if key in self._models:
            return self._models[key]
        folder = None if self.cache is None else self.cache / "models" / key
        if folder is not None and folder.exists():
            try:
                self._models[key] = load_model(folder, functions=self._functions)
                return self._models[key]
            except ArtifactError:
                pass  # made by another version, or damaged: made again below, beside it
        began = stopwatch_s()
        known = _known(rows, inputs, part)
        if learner.describe().get("learner") not in BASELINES:  # floors stand on true labels alone
            known, _ = self._taught(known, rows.seq[part], until_us)
        if isinstance(learner, LearnsUnlabelled):
            rest, history = self._unlabelled(rows.seq[part], until_us), self.history
            model = learner.fit_unlabelled(known, history.inputs.take(rest), history.as_of[rest], seed=self.system.seed)
        else:
            model = fit_rows(learner, known, seed=self.system.seed)
        self.seconds += stopwatch_s() - began
        self.trainings += 1
        if folder is not None and not folder.exists():
            write(folder, model, system=self.system.name, target=self.system.target.name, training=rows.name)
            read(folder)
        self._models[key] = model
        return model


def _known(rows: TrainingSet, inputs: Frame, part: Ints) -> Rows:
    return Rows.of(inputs.take(part), rows.label[part], as_of=rows.as_of[part])
