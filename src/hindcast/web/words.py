"""A story's figures in words: numbers, days and the sentences that say whether it paid.

Nothing here draws or prints. A figure that is missing or no number is said to be missing; a gain whose interval holds
zero is never called a gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hindcast.web.story import POLICIES, Story, items, mapping, number

__all__ = [
    "MISSING",
    "Headline",
    "day_text",
    "earned_sentence",
    "figure",
    "gain_sentence",
    "goal_sentence",
    "headline",
    "interval",
    "money",
    "month_text",
    "moment_text",
    "nothing_worth",
    "period_text",
    "span_text",
    "whole",
]

MISSING = "missing"
"""What stands where a figure is not there."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def figure(value: Any, places: int = 3) -> str:
    """A score with a fixed number of decimals.

    Examples
    --------
    >>> figure(0.7634), figure(None)
    ('0.763', 'missing')
    """
    found = number(value)
    if found is None:
        return MISSING
    text = f"{found:,.{places}f}"
    return text.lstrip("-") if text.strip("-0.,") == "" else text


def whole(value: Any) -> str:
    """A count with thousands apart."""
    found = number(value)
    return MISSING if found is None else f"{round(found):,}"


def money(value: Any, unit: str = "", *, signed: bool = False, whole_from: float = 100) -> str:
    """An amount: whole from 100 on, else with cents; the unit after it.

    Examples
    --------
    >>> money(412300.4, "USD"), money(-3.5, "EUR"), money(1200, signed=True), money(None, "USD")
    ('412,300 USD', '-3.50 EUR', '+1,200', 'missing')
    """
    found = number(value)
    if found is None:
        return MISSING
    places = 0 if abs(found) >= whole_from or found == round(found) else 2
    text = f"{found:{'+' if signed and found else ''},.{places}f}"
    text = text.lstrip("-+") if text.strip("-+0.,") == "" else text
    return f"{text} {unit}" if unit else text


def interval(low: Any, high: Any, places: int | None = 3) -> str:
    """``low to high``; `places` None writes amounts, both whole or both with cents; empty when an end is missing.

    Examples
    --------
    >>> interval(0.71, 0.79), interval(-28.99, 1980.4, None), interval(None, 3)
    ('0.710 to 0.790', '-29 to 1,980', '')
    """
    if number(low) is None or number(high) is None:
        return ""
    if places is not None:
        return f"{figure(low, places)} to {figure(high, places)}"
    large = max(abs(low), abs(high)) >= 100
    return " to ".join(money(end, whole_from=0 if large else 100) for end in (low, high))


# ---- time -----------------------------------------------------------------------------------------------


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day_text(text: Any) -> str:
    """An ISO moment as a day.

    Examples
    --------
    >>> day_text("2013-07-01T00:00:00Z"), day_text("soon"), day_text(None)
    ('1 Jul 2013', 'soon', 'missing')
    """
    moment = _moment(text)
    if moment is None:
        return str(text) if isinstance(text, str) and text else MISSING
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def moment_text(text: Any) -> str:
    """An ISO moment as day and minute in UTC."""
    moment = _moment(text)
    if moment is None:
        return day_text(text)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment.hour:02d}:{moment.minute:02d}"


def month_text(text: Any, *, year: bool = True) -> str:
    """A month such as ``2013-07`` in words.

    Examples
    --------
    >>> month_text("2013-07"), month_text("2013-07", year=False), month_text("all")
    ('Jul 2013', 'Jul', 'all')
    """
    moment = _moment(f"{text}-01") if isinstance(text, str) and len(text) == 7 else _moment(text)
    if moment is None:
        return str(text) if text is not None else MISSING
    name = _MONTHS[moment.month - 1]
    return f"{name} {moment.year}" if year else name


def period_text(story: Story) -> str:
    """The story's first and last day: of the days it tells, which follow the system's own clock, else of its period.

    Examples
    --------
    >>> period_text({"period": {"from": "2013-07-01T00:00:00Z", "until": "2014-01-01T00:00:00Z"}})
    '1 Jul 2013 to 31 Dec 2013'
    """
    told = mapping(story.get("policies"))
    days = sorted(str(day) for name in POLICIES for day in items(mapping(told.get(name)).get("days")))
    if days:
        return f"{day_text(days[0])} to {day_text(days[-1])}"
    period = mapping(story.get("period"))
    if not period:
        return "a period that is not named"
    until = _moment(period.get("until"))
    last = day_text(period.get("until")) if until is None else day_text((until - timedelta(microseconds=1)).isoformat())
    return f"{day_text(period.get('from'))} to {last}"


def span_text(seconds: Any) -> str:
    """A duration for people, in its two largest units.

    Examples
    --------
    >>> span_text(64_800), span_text(19_380), span_text(45), span_text(None)
    ('18 h', '5 h 23 min', '45 s', 'missing')
    """
    found = number(seconds)
    if found is None:
        return MISSING
    total = round(found)
    parts: list[str] = []
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")):
        amount, total = divmod(total, size)
        if amount or (name == "s" and not parts):
            parts.append(f"{amount} {'day' if name == 'days' and amount == 1 else name}")
        elif parts:
            break
    return " ".join(parts[:2])


# ---- sentences ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headline:
    """What a manager reads first.

    Parameters
    ----------
    title : str
        What was earned, in few words.
    earned : str
        The same as a full sentence with its interval.
    gain : str
        Whether renewing paid.
    paid : {"yes", "no", "unclear", "missing"}
        The gain in one word: the interval lies above zero, below it, holds it, or is not there.
    """

    title: str
    earned: str
    gain: str
    paid: str


def headline(story: Story) -> Headline:
    """The headline of a story; see :class:`Headline`."""
    unit = _unit(story)
    title, earned = earned_sentence(story)
    gain, paid = gain_sentence(mapping(mapping(story.get("summary")).get("gain")), unit)
    return Headline(title, earned, gain, paid)


def nothing_worth(story: Story) -> float | None:
    """What doing nothing would have been worth over the period: told by the story, 0 by the goal's payoffs, or None."""
    summary = mapping(story.get("summary"))
    told = {
        **mapping(summary.get("baselines")),
        **{str(b.get("name")): b for b in map(mapping, items(story.get("baselines")))},
    }
    for name in ("do nothing", "nothing", "doing nothing"):
        for place in (summary, told):
            found = number(mapping(place.get(name)).get("value"))
            if found is not None:
                return found
    goal = mapping(story.get("goal"))
    if goal and all(number(goal.get(name, 0.0)) == 0 for name in ("miss", "pass_by")):
        return 0.0
    return None


def earned_sentence(story: Story) -> tuple[str, str]:
    """Title and sentence on what the renewed system earned against doing nothing."""
    unit = _unit(story)
    replay = mapping(mapping(story.get("summary")).get("replay"))
    value, low, high = (number(replay.get(name)) for name in ("value", "value_low", "value_high"))
    when = period_text(story)
    if value is None:
        return "What it earned is missing", f"This run does not say what the system earned from {when}."
    nothing = nothing_worth(story)
    range_text = f"95% interval {interval(low, high, None)}" if low is not None and high is not None else "no interval"
    if nothing is None:
        sentence = (
            f"From {when} its decisions were worth {money(value, unit)} ({range_text}). What doing nothing would have "
            "been worth is missing, so nobody can say whether that is much."
        )
        return f"Worth {money(value, unit)}", sentence
    over = value - nothing
    if over == 0:
        title = "Earned exactly what doing nothing earns"
    else:
        won, than = ("Earned", "over") if over > 0 else ("Lost", "against")
        title = f"{won} {money(abs(over), unit)} {than} doing nothing"
    if nothing == 0:
        sentence = (
            f"From {when} its decisions were worth {money(value, unit)} ({range_text}); doing nothing is worth 0."
        )
    else:
        sentence = (
            f"From {when} its decisions were worth {money(value, unit)} ({range_text}); "
            f"doing nothing would have been worth {money(nothing, unit)}."
        )
    if low is not None and high is not None and low <= nothing <= high:
        sentence += " The interval holds what doing nothing is worth, so this period does not show that acting pays."
    return title, sentence


def gain_sentence(gain: Mapping[str, Any], unit: str = "") -> tuple[str, str]:
    """Whether renewing paid against never retraining, and the answer in one word (see :class:`Headline`).

    Parameters
    ----------
    gain : mapping
        ``value``, ``low``, ``high``: renewed minus never retrained, and its paired 95% interval.

    Examples
    --------
    >>> gain_sentence({"value": 900.0, "low": -400.0, "high": 2200.0}, "USD")[0]
    'Renewing earned 900 USD more than never retraining, but the 95% interval of the difference (-400 to 2,200) holds \
zero: this period does not show that renewing pays.'
    >>> gain_sentence({"value": -900.0, "low": -1400.0, "high": -300.0}, "USD")[1]
    'no'
    """
    value, low, high = (number(gain.get(name)) for name in ("value", "low", "high"))
    if value is None:
        return "Whether renewing paid is missing: this run did not compare it with never retraining.", "missing"
    if value == 0 and (low, high) in ((0.0, 0.0), (None, None)):
        return "Renewing changed nothing: it earned exactly what never retraining earned.", "unclear"
    more = "more" if value >= 0 else "less"
    start = f"Renewing earned {money(abs(value), unit)} {more} than never retraining"
    if low is None or high is None:
        return f"{start}, without an interval: nobody can say whether that is more than chance.", "unclear"
    if low > 0:
        return f"Renewing paid: it {start[9:]} (95% interval {interval(low, high, None)}).", "yes"
    if high < 0:
        return f"Renewing did not pay: it {start[9:]} (95% interval {interval(low, high, None)}).", "no"
    sentence = (
        f"{start}, but the 95% interval of the difference ({interval(low, high, None)}) holds zero: "
        "this period does not show that renewing pays."
    )
    return sentence, "unclear"


def goal_sentence(goal: Any) -> str:
    """The goal, its payoffs, and the probability above which it acts."""
    goal = mapping(goal)
    if not goal:
        return "The goal and its payoffs are missing."
    unit = str(goal.get("unit", ""))
    says = [
        f"{name} {money(goal.get(key), unit)}"
        for key, name in (
            ("hit", "a hit is worth"),
            ("false_alarm", "a false alarm"),
            ("miss", "a miss"),
            ("pass_by", "rightly passing by"),
        )
        if number(goal.get(key)) is not None
    ]
    text = str(goal.get("text") or "act")
    threshold = number(goal.get("threshold"))
    when = "" if threshold is None else f" It acts when the probability is above {threshold:.1%}."
    return f"Goal: {text}. {', '.join(says)}.".replace(". a hit", ". A hit") + when if says else f"Goal: {text}.{when}"


def _unit(story: Story) -> str:
    return str(mapping(story.get("goal")).get("unit", ""))
