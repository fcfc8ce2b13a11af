"""Whether a model is the right answer to a question, by what a table shows: a word, and the reasons for and against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hindcast.findings import Finding
from hindcast.metrics.value import Goal
from hindcast.quality.floors import Floor
from hindcast.quality.framing import Framing

__all__ = ["Fitness", "Reason", "judge_fitness"]

Weight = Literal["for", "against", "open"]

ENOUGH_ROWS = 1_000
ENOUGH_OF_A_CLASS = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: ``for`` a model, ``against`` one as things stand, or ``open`` while somebody has not said."""

    weight: Weight
    says: str


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether machine learning fits.

    Parameters
    ----------
    answer : {"yes", "not yet", "unclear"}
        ``yes``: a first model beats every floor, and nothing found would make its figures meaningless. ``not yet``:
        a reason speaks against it. ``unclear``: too little is known to say.
    says : str
    reasons : tuple of Reason
    """

    answer: Literal["yes", "not yet", "unclear"]
    says: str
    reasons: tuple[Reason, ...]

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        reasons = [{"weight": reason.weight, "says": reason.says} for reason in self.reasons]
        return {"answer": self.answer, "says": self.says, "reasons": reasons}


def judge_fitness(
    framing: Framing, floors: Sequence[Floor], findings: Sequence[Finding], *, time: str = "", goal: Goal | None = None
) -> Fitness:
    """Weigh what a table shows: is there a question, are there answers enough, do they follow from the columns, and can
    the figures be believed.

    Examples
    --------
    >>> from hindcast.columns import Column
    >>> from hindcast.quality.framing import frame_question
    >>> found = judge_fitness(frame_question(Column.of([None, None]), "paid"), [], [])
    >>> found.answer, found.reasons[0].says
    ('not yet', 'There is nothing to learn from: paid holds no value.')
    """
    if framing.kind == "unlabelled":
        reason = Reason("against", f"There is nothing to learn from: {framing.why}.")
        return Fitness("not yet", "Not yet: without known answers nothing can be learnt.", (reason,))
    reasons = [_amount(framing), _signal(floors), *_worth(floors, goal), *_trust(findings, time)]
    against = [reason for reason in reasons if reason.weight == "against"]
    if against:
        return Fitness("not yet", f"Not yet: {_lowered(against[0].says)}", tuple(reasons))
    for reason in reasons[1:3] if goal is not None else reasons[1:2]:
        if reason.weight == "open":
            return Fitness("unclear", f"Nobody can say yet: {_lowered(reason.says)}", tuple(reasons))
    rest = " What is open below decides whether it pays." if any(r.weight == "open" for r in reasons) else ""
    return Fitness("yes", f"Yes, so far: {_lowered(reasons[1].says)}{rest}", tuple(reasons))


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _amount(framing: Framing) -> Reason:
    if framing.known < ENOUGH_ROWS:
        return Reason("open", f"Only {framing.known:,} rows have an answer; scores of so few are wide guesses.")
    if framing.counts and min(framing.counts[:2]) < ENOUGH_OF_A_CLASS:
        rare, few = framing.classes[1], framing.counts[1]
        return Reason("open", f"{framing.known:,} rows have an answer, but only {few:,} are {rare!r}.")
    return Reason("for", f"There are answers to learn from: {framing.known:,} rows have one.")


def _signal(floors: Sequence[Floor]) -> Reason:
    if not floors:
        return Reason("open", "There are too few answers, or too few kinds of them, to try a first model on.")
    *others, first = floors
    floor = min(others, key=lambda f: f.value)
    score = f"{first.metric} {first.value:.3f}, {floor.name} {floor.value:.3f}"
    gap = f"the difference {floor.over:.3f} [{floor.over_low:.3f}, {floor.over_high:.3f}]"
    if floor.over_low > 0:
        share = floor.over / floor.value
        return Reason("for", f"A first model errs {share:.0%} less than the best floor ({score}, {gap}).")
    if floor.name == "one rule" and all(other.over_low > 0 for other in others if other is not floor):
        return Reason(
            "open", f"Perhaps one rule will do: a cut {floor.how} is about as good as a first model ({score}, {gap})."
        )
    if floor.over_high < 0:
        return Reason("against", f"A first model errs more than a floor that costs nothing ({score}, {gap}).")
    return Reason("against", f"A first model is not clearly better than a floor that costs nothing ({score}, {gap}).")


def _worth(floors: Sequence[Floor], goal: Goal | None) -> list[Reason]:
    if goal is None:
        return [Reason("open", "Nobody has said what a right answer is worth and what a wrong one costs.")]
    if not floors or floors[-1].worth != floors[-1].worth:
        return []
    first, unit = floors[-1], goal.unit
    floor = max(floors[:-1], key=lambda f: f.worth)
    best = max(0.0, floor.worth)
    without = f"{best:,.0f} by {floor.name}" if floor.worth > 0 else "0 by doing nothing"
    says = f"{first.worth:,.0f} {unit} [{first.worth_low:,.0f}, {first.worth_high:,.0f}] per 1,000 rows"
    if first.worth_low > best:
        return [Reason("for", f"Acting on it pays: {says}, {without}.")]
    if first.worth_high < best:
        return [Reason("against", f"Acting on it would cost: {says}, {without}.")]
    return [Reason("open", f"Whether acting on it pays is not clear: {says}, {without}.")]


def _trust(findings: Sequence[Finding], time: str) -> list[Reason]:
    stops = [finding for finding in findings if finding.severity == "stop"]
    reasons = [
        Reason("against", f"A figure would mean nothing while this stands ({f.number}, {f.where}): {_lowered(f.says)}")
        for f in stops[:3]
    ]
    if not time:
        reasons.append(Reason("open", "Without the moment of each row nobody can say whether it would hold tomorrow."))
    elif any(finding.number == "HC007" for finding in findings):
        reasons.append(Reason("open", "The world changes: what was learnt must be learnt again, and watched."))
    elif not stops:
        reasons.append(Reason("for", "It holds when learnt from the past and judged on what came later."))
    return reasons
