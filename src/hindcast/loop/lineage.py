"""Lineage: from a model back to the facts it learnt from, from a request to all that followed, and forward from a fact.

Nothing is copied when a model is trained. Its artefact says how far each table had landed, which moment it was trained
for, and the fingerprint of its rows; the lake is only ever appended to, so the same rows are found again, and the
fingerprint says whether they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.lake import Lake
from hindcast.facts.source import HandLabels
from hindcast.loop.origins import Origins
from hindcast.models import read
from hindcast.parameters import whole
from hindcast.registry import Registry, Version
from hindcast.serve.prediction_log import prediction_table
from hindcast.system import System
from hindcast.trainset.spine import Spine, make_spine
from hindcast.trainset.trainset import rows_fingerprint
from hindcast.trainset.versions import join_codes
from hindcast.values import NEVER, Bools, Ints, iso, moment_us

__all__ = ["Learnt", "Lineage"]


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a version was trained on, found again.

    Parameters
    ----------
    version : Version
    facts : mapping of str to Facts
        As far as they had landed.
    spine : Spine
        Their requests.
    used : bool array, one per request
        Whose labels it learnt from.
    taught : bool array, one per request
        Those without a label then, which rules of thumb or the model itself may have labelled.
    verified : bool
        Whether the rows have the fingerprint that was kept.
    """

    version: Version
    facts: Mapping[str, Facts]
    spine: Spine
    used: Bools
    taught: Bools
    verified: bool


@dataclass(eq=False)
class Lineage:
    """The lineage of one target's models, requests and facts, as plain values. Reads only, also beside a server.

    Parameters
    ----------
    system : System
    lake : Lake
    registry : Registry
    base : Path
        Where relative folders of labelling projects start.
    """

    system: System
    lake: Lake
    registry: Registry
    base: Path

    # ---- a model ----------------------------------------------------------------------------------------

    def model(self, name: str | None = None, rows: int = 20) -> dict[str, Any]:
        """What a version learnt from; the champion unless it is named.

        Returns
        -------
        dict
            ``version``, ``learner``, ``training_set``, ``as_of``, ``verified``; ``tables``: how far each had landed;
            ``sources``: labels by file; and of the newest `rows` rows (all with 0) ``rows``: the request, its label,
            when it became known and the fact that says so, with what people said or which rules voted.
        """
        rows = whole("rows", rows, least=0)
        learnt = self._learnt(self._version(name))
        spine, version = learnt.spine, learnt.version
        places = np.flatnonzero(learnt.used)
        label_of = self.system.target.label.table
        told: dict[str, Any] = {
            "version": version.name,
            "learner": version.body["learner"],
            "training_set": version.body["training_set"],
            "as_of": version.body["as_of"],
            "verified": learnt.verified,
            "rows_used": len(places),
            "positives": int((spine.label[places] == 1).sum()),
            "tables": {table: len(facts) for table, facts in learnt.facts.items()},
            "sources": self._origins.sources(label_of.name, spine.label_seq[places]),
        }
        shown = places[-rows:] if rows else places
        told["rows"] = [
            {**self._asked(spine, int(at)), **self._answered(spine, int(at)), "fact": fact}
            for at, fact in zip(shown, self._told(spine.label_seq[shown]), strict=True)
        ]
        if "weak" in version.body:
            told["weak"] = dict(version.body["weak"])
            told["taught"] = self._votes(learnt, rows)
        return told

    def _votes(self, learnt: Learnt, rows: int) -> list[dict[str, Any]]:
        """The newest requests that rules of thumb taught, and which of them voted what."""
        from hindcast.features.batch import answer
        from hindcast.models.baselines import LAST_LABEL
        from hindcast.weak.apply import apply

        weak = self.system.training.weak
        kept = _kept(self.registry, learnt.version).get("weak")
        if weak is None or weak.describe()["weak"] != kept:
            raise ConfigError(
                f"{learnt.version.name} was taught by rules that are no longer declared as they were; "
                "open the system file of that day to see their votes."
            )
        spine = learnt.spine
        places = np.flatnonzero(learnt.taught)
        places = places[-8 * rows :] if rows else places  # rules may be silent on many
        features = answer(self.system.plan, learnt.facts, spine.frame.take(places), spine.as_of[places])
        inputs = features.having(**{LAST_LABEL: Column("number", spine.last_label()[places])})
        votes = apply(weak.functions, inputs, classes=(0, 1), workers=1)
        matrix = np.asarray(votes)
        found = [
            {
                **self._asked(spine, int(at)),
                "votes": {name: int(vote) for name, vote in zip(votes.functions, said, strict=True) if vote >= 0},
            }
            for at, said in zip(places, matrix, strict=True)
            if (said >= 0).any()
        ]
        return found[-rows:] if rows else found

    # ---- a request --------------------------------------------------------------------------------------

    def request(self, request_id: str) -> dict[str, Any]:
        """What was answered to a request, by which version, and every fact of its outcome, corrections too.

        Parameters
        ----------
        request_id : str
            As the caller sent it or the server gave it; of a request that nobody asked a server, its row's key.

        Raises
        ------
        UnknownName
            When neither the prediction log nor the facts know it.
        """
        if not isinstance(request_id, str):
            raise ConfigError(f"a request's id is a text, got {request_id!r:.80}.")
        target = self.system.target
        spine = make_spine(target, self._facts)
        log = self._log
        ids = log.frame["request_id"].objects() if len(log) else np.zeros(0, dtype=object)
        hits = np.flatnonzero(ids == request_id)
        predictions = [self._prediction(int(at)) for at in hits]
        if len(hits):
            sent = [f"request_{name}" for name in target.label.on]
            wanted = [log.frame[name].take(hits[:1]) for name in sent if name in log.frame]
        else:
            rows = np.flatnonzero(spine.key.objects().astype(str) == request_id)
            if not len(rows):
                some = [*ids[-200:].tolist(), *spine.key.objects()[-200:].tolist()]
                raise UnknownName("request", request_id, map(str, some), where=f"system {self.system.name!r}")
            wanted = [spine.frame[name].take(rows[:1]) for name in target.label.on]
        outcomes = self._outcomes(wanted) if len(wanted) == len(target.label.on) else []
        return {
            "request": request_id,
            "predictions": predictions,
            "outcomes": outcomes,
            "learnt_by": self._learnt_by(wanted) if len(wanted) == len(target.label.on) else [],
        }

    def _prediction(self, at: int) -> dict[str, Any]:
        row = {name: column.take(slice(at, at + 1)).objects()[0] for name, column in self._log.frame.items()}
        version = str(row["version"])
        known = {one.name: one for one in self.registry.versions()}.get(version)
        made = {} if known is None else {"learner": known.body["learner"], "trained_as_of": known.body["as_of"]}
        return {
            "as_of": iso(int(self._log.event[at])),
            "version": version,
            **made,
            "role": row.get("role"),
            "probability": row.get("probability"),
            "acted": bool(row.get("acted")),
            "features": {n.removeprefix("feature_"): v for n, v in row.items() if n.startswith("feature_")},
        }

    def _outcomes(self, wanted: list[Column]) -> list[dict[str, Any]]:
        """Every fact of the outcome, in the order in which they became known."""
        outcome = self.system.target.label
        facts = self._facts[outcome.table.name]
        asked, told = join_codes(wanted, [facts.frame[name] for name in outcome.on])
        places = np.flatnonzero((told == asked[0]) & (told >= 0))
        places = places[np.lexsort((facts.seq[places], facts.known[places]))]
        truth, known = outcome.expression.truth(facts.frame.take(places))
        found = self._told(facts.seq[places])
        return [
            {"label": int(truth[i]) if known[i] else None, "known": _iso(int(facts.known[at])), **found[i]}
            for i, at in enumerate(places)
        ]

    def _learnt_by(self, wanted: list[Column]) -> list[str]:
        """The versions whose rows the request is among."""
        found = []
        for version in self._versions():
            learnt = self._learnt(version)
            asked, told = join_codes(wanted, [learnt.spine.frame[name] for name in self.system.target.label.on])
            if learnt.used[(told == asked[0]) & (told >= 0)].any():
                found.append(version.name)
        return found

    # ---- forward from facts -----------------------------------------------------------------------------

    def forward(
        self, *, file: str | None = None, fact: str | None = None, item: str | None = None, rows: int = 20
    ) -> dict[str, Any]:
        """Which models would be others without some facts, and which predictions they made.

        A model learnt from a fact when a row it was trained on has another label, another feature, or is not there,
        once the fact is taken away: requests and features are answered with and without.

        Parameters
        ----------
        file : str, optional
            All facts of a file, as landing calls it (for hand labels: the project).
        fact : str, optional
            ``table:number``, its place in the order of landing.
        item : str, optional
            All facts of an item of the system's labelling project.
        rows : int, default 20
            How many requests and predictions are named; 0 names all.
        """
        rows = whole("rows", rows, least=0)
        bad = self._chosen(file, fact, item)
        models, versions = [], []
        cache: dict[Any, tuple[Spine, Bools]] = {}
        for version in self._versions():
            learnt = self._learnt(version)
            spans = tuple(sorted((name, len(f)) for name, f in learnt.facts.items()))
            if spans not in cache:
                cache[spans] = learnt.spine, self._touched(learnt.facts, learnt.spine, bad)
            spine, touched = cache[spans]
            mine, taught = touched & learnt.used, touched & learnt.taught
            if mine.any() or taught.any():
                versions.append(version.name)
                places = np.flatnonzero(mine)
                models.append(
                    {
                        "version": version.name,
                        "as_of": version.body["as_of"],
                        "rows": int(mine.sum()),
                        "of": int(learnt.used.sum()),
                        "taught": int(taught.sum()),
                        "requests": [self._asked(spine, int(at)) for at in (places[-rows:] if rows else places)],
                    }
                )
        return {
            "facts": {table: len(seq) for table, seq in bad.items()},
            "models": models,
            "predictions": self._predicted_by(versions, rows),
        }

    def _chosen(self, file: str | None, fact: str | None, item: str | None) -> dict[str, Ints]:
        """Sequence numbers of the facts that are meant, by table."""
        if sum(given is not None for given in (file, fact, item)) != 1:
            raise ConfigError("forward lineage starts from one of: a file, a fact (table:number), an item.")
        for given in (file, fact, item):
            if given is not None and not isinstance(given, str):
                raise ConfigError(f"a file, a fact (table:number) and an item are texts; got {given!r:.80}.")
        if fact is not None:
            table, _, number = fact.partition(":")
            if table not in self.system.tables:
                raise UnknownName("table", table, self.system.tables, where=f"system {self.system.name!r}")
            if not number.isdigit() or int(number) not in self._facts[table].seq:
                raise ConfigError(f"fact {fact!r}: write table:number, a number below {len(self._facts[table])}.")
            return {table: np.array([int(number)], dtype=np.int64)}
        if item is not None:
            found = {
                name: self._facts[name].seq[self._facts[name].frame[table.source.item].objects().astype(str) == item]
                for name, table in self.system.tables.items()
                if isinstance(table.source, HandLabels)
            }
            found = {name: seq for name, seq in found.items() if len(seq)}
            if not found:
                raise ConfigError(f"no labelling project of system {self.system.name!r} has decided item {item!r}.")
            return found
        names: set[str] = set()
        found = {}
        for table in self.system.tables:
            origin = self._origins.of(table)
            files = origin["_file"].objects()
            names |= {str(name) for name in set(files.tolist()) if name}
            if len(seq := origin["_seq"].values[files == file]):
                found[table] = seq.astype(np.int64)
        if not found:
            raise UnknownName("file", str(file), names, where=f"what has landed for system {self.system.name!r}")
        return found

    def _touched(self, facts: Mapping[str, Facts], spine: Spine, bad: Mapping[str, Ints]) -> Bools:
        """The requests that have another label or feature, or are not there, without the `bad` facts."""
        from hindcast.features.batch import answer

        without = {n: f.take(~np.isin(f.seq, bad[n])) if n in bad else f for n, f in facts.items()}
        other = make_spine(self.system.target, without)
        place = np.full(int(spine.seq.max(initial=-1)) + 2, -1, dtype=np.int64)
        place[other.seq] = np.arange(len(other))
        at = place[spine.seq]
        there = at >= 0
        touched = ~there
        rows, now = np.flatnonzero(there), at[there]
        for name in ("as_of", "label", "label_known"):
            one, two = getattr(spine, name)[rows], getattr(other, name)[now]
            touched[rows] |= ~np.isclose(one, two, rtol=0, atol=0, equal_nan=True)
        if any(name in self.system.plan.tables or name == self.system.target.table.name for name in bad):
            first = answer(self.system.plan, facts, spine.frame.take(rows), spine.as_of[rows])
            second = answer(self.system.plan, without, other.frame.take(now), other.as_of[now])
            touched[rows] |= _differs(first, second)
        return touched

    def _predicted_by(self, versions: list[str], rows: int) -> list[dict[str, Any]]:
        log = self._log
        if not len(log):
            return []
        by, ids = log.frame["version"].objects(), log.frame["request_id"].objects()
        found = []
        for name in versions:
            places = np.flatnonzero(by == name)
            if len(places):
                shown = places[-rows:] if rows else places
                found.append(
                    {
                        "version": name,
                        "predictions": len(places),
                        "first": iso(int(log.event[places].min())),
                        "last": iso(int(log.event[places].max())),
                        "requests": ids[shown].tolist(),
                    }
                )
        return found

    # ---- what is kept -----------------------------------------------------------------------------------

    @cached_property
    def _facts(self) -> dict[str, Facts]:
        missing = [name for name in self.system.tables if name not in self.lake.tables()]
        if missing:
            raise ConfigError(f"no facts have landed for {', '.join(sorted(missing))}; `hindcast run` lands them.")
        return {name: self.lake.facts(name, self.system.columns_of(name)) for name in self.system.tables}

    @cached_property
    def _log(self) -> Facts:
        name = prediction_table(self.system.target.name).name
        return self.lake.facts(name) if name in self.lake.tables() else Facts.empty({})

    def _version(self, name: str | None) -> Version:
        if name is None:
            name = self.registry.roles().champion
            if name is None:
                raise ConfigError(f"system {self.system.name!r} has no champion yet; `hindcast run` trains one.")
        if not isinstance(name, str):
            raise ConfigError(f"a version has a name, such as 'v3'; got {name!r:.80}.")
        return self.registry.version(name)

    def _versions(self) -> list[Version]:
        """The versions whose lineage was kept."""
        return [version for version in self.registry.versions() if _kept(self.registry, version)]

    def _learnt(self, version: Version) -> Learnt:
        kept = _kept(self.registry, version)
        if not kept:
            raise ConfigError(f"{version.name} was made before lineage was kept; train it again to know its rows.")
        manifest = read(self.registry.folder(version.name)).extra["training"]
        facts = {name: f.take(f.seq < kept["landed"].get(name, 0)) for name, f in self._facts.items()}
        spine = make_spine(self.system.target, facts)
        now_us = moment_us(manifest["as_of"])
        since_us = -NEVER if manifest["since"] is None else moment_us(manifest["since"])
        asked = (spine.as_of >= since_us) & (spine.as_of <= now_us)
        used = spine.usable(now_us, int(manifest["maturity_us"])) & asked
        rows = rows_fingerprint(spine.seq[used], spine.label[used], spine.label_known[used])
        more = "weak" in kept or "unlabelled" in kept
        taught = asked & ~used & (spine.as_of < now_us) if more else np.zeros(len(spine), dtype=np.bool_)
        return Learnt(version, facts, spine, used, taught, rows == kept["rows"])

    @cached_property
    def _origins(self) -> Origins:
        return Origins(self.lake, self.base)

    def _told(self, seq: Ints) -> list[dict[str, Any]]:
        """Where facts of the outcome come from."""
        table = self.system.target.label.table
        return self._origins.told(table, self._facts[table.name], seq)

    def _asked(self, spine: Spine, at: int) -> dict[str, Any]:
        return {"request": str(spine.key.take(slice(at, at + 1)).objects()[0]), "as_of": iso(int(spine.as_of[at]))}

    def _answered(self, spine: Spine, at: int) -> dict[str, Any]:
        return {"label": int(spine.label[at]), "known": _iso(int(spine.label_known[at]))}


def _kept(registry: Registry, version: Version) -> dict[str, Any]:
    """What the version's artefact keeps of its lineage; nothing for one of an older hindcast, or kept in memory."""
    if not version.folder or registry.models is None:
        return {}
    return dict(read(registry.folder(version.name)).extra.get("lineage", {}))


def _iso(us: int) -> str | None:
    return iso(us) if abs(us) < NEVER else None


def _differs(one: Frame, two: Frame) -> Bools:
    """The rows in which any column differs."""
    found = np.zeros(len(one), dtype=np.bool_)
    for name, column in one.items():
        left, right = column.objects(), two[name].objects()
        there, also = column.present(), two[name].present()
        found |= there != also
        both = np.flatnonzero(there & also)
        found[both] |= np.array([a != b for a, b in zip(left[both], right[both], strict=True)], dtype=np.bool_)
    return found
