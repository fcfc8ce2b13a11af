"""Who serves and who wants to: a pure fold over the decisions on the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hindcast.errors import ConfigError
from hindcast.registry.entries import Entry
from hindcast.values import NEVER

__all__ = ["DECISIONS", "NOBODY", "Reign", "Roles", "check_decision", "live_at", "reigns", "roles"]

DECISIONS = ("promotion", "rollback", "trial")
"""The kinds of entry that change roles."""

_STAGES = ("shadow", "canary", "ended")


@dataclass(frozen=True, slots=True)
class Roles:
    """Who had which role at a moment.

    Parameters
    ----------
    champion : str or None
        The version that answers.
    challenger : str or None
        The version on trial.
    stage : {"shadow", "canary"} or None
        Of the trial: answering unseen, or answering a share of the requests.
    share : float
        The canary's share of the requests, 0 to 1.
    salt : str
        What the trial's assignment is hashed with.
    predecessors : tuple of str
        The champions that roll-backs would restore, the next one last.
    """

    champion: str | None = None
    challenger: str | None = None
    stage: str | None = None
    share: float = 0.0
    salt: str = ""
    predecessors: tuple[str, ...] = ()


NOBODY = Roles()


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion and the requests it governed: those with ``from_us < as_of <= until_us``."""

    version: str | None
    from_us: int
    until_us: int
    reason: str


def check_decision(kind: str, body: Mapping[str, Any]) -> None:
    """Refuse a decision that could not be carried out: a ledger keeps it for ever.

    Raises
    ------
    ConfigError
        For a missing version, reason, stage or share, or one that makes no sense.
    """
    if kind not in DECISIONS:
        return
    version, place = body.get("version"), f"ledger entry of kind {kind!r}"
    if not (isinstance(version, str) and version) and not (
        kind == "rollback" and "version" in body and version is None
    ):
        raise ConfigError(f"{place}: version must name a version, got {version!r}.")
    if not isinstance(body.get("reason"), str) or not body["reason"]:
        raise ConfigError(f"{place} of {version!r}: a decision needs a reason.")
    if kind == "trial":
        stage, share = body.get("stage"), body.get("share", 0.0)
        if stage not in _STAGES:
            raise ConfigError(f"{place} of {version!r}: stage must be one of {', '.join(_STAGES)}, got {stage!r}.")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConfigError(f"{place} of {version!r}: share must be between 0 and 1, got {share!r}.")
        if not isinstance(body.get("salt", ""), str):
            raise ConfigError(f"{place} of {version!r}: salt must be a text, got {body['salt']!r}.")


def roles(entries: Iterable[Entry], before_us: int = NEVER) -> Roles:
    """The roles that govern a request with as_of `before_us`: after every decision before that moment.

    A promotion makes its version the champion, and ends its trial. A roll-back restores its version and takes back
    what came after it, so that the next one goes further back. A trial sets the challenger, or, ``ended``, removes it.
    Of decisions at one instant the later on the ledger comes later.

    Parameters
    ----------
    entries : iterable of Entry
        Of one system and target, in any order; kinds that decide nothing are passed over.
    before_us : int
        A decision at exactly this moment does not count yet.

    Raises
    ------
    ConfigError
        When the decisions concern several targets, which would mix their champions.

    Examples
    --------
    >>> first = Entry(1, 10, "flights", "late", "promotion", {"version": "v1", "reason": "first"})
    >>> second = Entry(2, 20, "flights", "late", "promotion", {"version": "v2", "reason": "better"})
    >>> back = Entry(3, 30, "flights", "late", "rollback", {"version": "v1", "from": "v2", "reason": "errors"})
    >>> [roles([first, second, back], t).champion for t in (10, 11, 21, 31)]
    [None, 'v1', 'v2', 'v1']
    """
    now = NOBODY
    for entry in _decisions(entries, before_us):
        now = _after(now, entry)
    return now


def live_at(entries: Iterable[Entry], at_us: int) -> str | None:
    """The champion that answered a request with as_of `at_us`: the last decision before it says so."""
    return roles(entries, at_us).champion


def reigns(entries: Iterable[Entry], before_us: int = NEVER) -> list[Reign]:
    """The champions in order, each with the moments it governed; the last one until `before_us`.

    A champion replaced at the instant of its promotion governed nothing and is left out; one that a decision left in
    its place goes on. Empty before the first champion.
    """
    found: list[Reign] = []
    now = NOBODY
    for entry in _decisions(entries, before_us):
        now, before = _after(now, entry), now
        if now.champion == before.champion:
            continue
        if found:
            found[-1] = replace(found[-1], until_us=entry.at_us)
            if found[-1].from_us == entry.at_us:
                found.pop()
        if found or now.champion is not None:
            if found and found[-1].version == now.champion:
                found[-1] = replace(found[-1], until_us=before_us)
            else:
                found.append(Reign(now.champion, entry.at_us, before_us, str(entry.body.get("reason", ""))))
    return found


def _decisions(entries: Iterable[Entry], before_us: int) -> list[Entry]:
    found = [entry for entry in entries if entry.kind in DECISIONS and entry.at_us < before_us]
    whose = sorted({(entry.system, entry.target) for entry in found})
    if len(whose) > 1:
        names = ", ".join(f"{system}/{target}" for system, target in whose)
        raise ConfigError(
            f"roles are those of one target, but the entries concern {names}. Ask for one system and target."
        )
    return sorted(found, key=lambda entry: (entry.at_us, entry.number))


def _after(now: Roles, entry: Entry) -> Roles:
    version = entry.body["version"]
    if entry.kind == "trial":
        if entry.body["stage"] != "ended":
            share, salt = float(entry.body.get("share", 0.0)), entry.body.get("salt", "")
            return replace(now, challenger=version, stage=entry.body["stage"], share=share, salt=salt)
        return _untried(now) if version == now.challenger else now
    line = now.predecessors + ((now.champion,) if now.champion is not None else ())
    if entry.kind == "promotion":
        line = tuple(name for name in line if name != version)
    elif version in line:
        line = line[: line.index(version)]
    else:
        line = line[:-1]
    now = replace(now, champion=version, predecessors=line)
    return _untried(now) if version is not None and version == now.challenger else now


def _untried(now: Roles) -> Roles:
    return replace(now, challenger=None, stage=None, share=0.0, salt="")
