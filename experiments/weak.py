"""Weak supervision on two sets: the vote, the label model and an end model, side by side, and the advice which to use.

Run as ``HINDCAST_DATA=... python experiments/weak.py``. One configuration for both sets, every part as it is by
default; the order of candidates is from the simplest. YouTube comments: the ten functions of the well-known tutorial as
its README words them, with stand-ins of our own for the two that need a sentiment library and the one that needs a
named-entity model. SMS: the 73 rules that come with the data. "True labels" is the end model trained on the truth of
all training rows, which nobody has: what better labels could still bring.

The fixed splits give scores with 95% intervals. To judge the advice, validation and held-out rows are pooled and drawn
apart again 20 times, and the training rows are drawn with replacement: what was chosen on one part is judged on the
other.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hindcast.weak import (
    EndModel,
    Predictions,
    Votes,
    analyse,
    apply,
    column_votes,
    compare,
    keyword,
    labelling_function,
    regex,
)
from hindcast.weak.label_model import LabelModel
from hindcast.weak.vote import MajorityVote

HAM, SPAM = 0, 1
DRAWS = 20
PUBLISHED = {"vote": 0.840, "label model": 0.860, "end model": 0.944}


def words(text: str) -> list[str]:
    return [word.strip(".,!?:;()\"'\ufeff") for word in text.lower().split()]


PERSONS = words("""
    adele akon ariana beyonce bieber britney bruno drake eminem gaga jackson jennifer jessie justin kanye katy kesha
    lopez madonna mariah michael miley nicki perry pitbull psy rihanna selena shakira swift taylor usher
""")
STRONG = words("""
    amazing awesome best brilliant excellent fantastic greatest incredible magnificent perfect superb wonderful
""")
OPINION = words("""
    amazing annoying awesome awful bad beautiful best boring brilliant cool crazy cute disgusting dumb excellent
    fantastic favorite favourite fun funny good gorgeous great happy hate horrible hot incredible lame like love loved
    lovely nice perfect pretty sad sexy sick stupid sweet talented terrible ugly weird wonderful worst
""")


@labelling_function
def fewer_than_five_words(text: str) -> int | None:
    return HAM if len(text.split()) < 5 else None


@labelling_function
def short_and_names_a_person(text: str) -> int | None:
    said = words(text)
    return HAM if len(said) < 20 and any(word in PERSONS for word in said) else None


@labelling_function
def full_of_praise(text: str) -> int | None:
    opinions = [word for word in words(text) if word in OPINION]
    return HAM if opinions and all(word in STRONG for word in opinions) else None


@labelling_function
def has_an_opinion(text: str) -> int | None:
    return HAM if any(word in OPINION for word in words(text)) else None


YOUTUBE = [
    keyword("my", SPAM),
    keyword("subscribe", SPAM),
    keyword("http", SPAM),
    keyword(["please", "plz"], SPAM),
    keyword("song", HAM),
    regex("check.*out", SPAM),
    fewer_than_five_words,
    short_and_names_a_person,
    full_of_praise,
    has_an_opinion,
]


@dataclass(frozen=True)
class Part:
    """Texts, their truth, and what the functions say of them."""

    texts: list[str]
    truth: np.ndarray
    votes: Votes

    def take(self, places: np.ndarray) -> Part:
        return Part([self.texts[p] for p in places], self.truth[places], self.votes.take(places))

    def beside(self, other: Part) -> Part:
        matrix = np.concatenate([self.votes.matrix, other.votes.matrix])
        votes = Votes(matrix, self.votes.functions, self.votes.classes)
        return Part(self.texts + other.texts, np.concatenate([self.truth, other.truth]), votes)


def youtube(folder: Path) -> dict[str, Part]:
    home = folder / "text" / "youtube_spam"
    split = {
        (r["file"], int(r["row"])): r["split"] for r in csv.DictReader((home / "split.csv").open(encoding="utf-8"))
    }
    texts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    truth: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for path in sorted(home.glob("Youtube*.csv")):
        lines = path.read_text(encoding="utf-8-sig").lstrip().splitlines(keepends=True)
        for place, row in enumerate(csv.DictReader(lines)):
            part = split[path.name, place]
            texts[part].append(row["CONTENT"])
            truth[part].append(int(row["CLASS"]))
    return {p: Part(texts[p], np.array(truth[p]), apply(YOUTUBE, texts[p], classes=[HAM, SPAM])) for p in texts}


def sms(folder: Path) -> dict[str, Part]:
    parts = {}
    for part in ("train", "valid", "test"):
        table = pq.read_table(folder / "weak_sms" / f"{part}.parquet")
        rules = [column_votes(name) for name in table.column_names if name.startswith("lf_")]
        votes = apply(rules, table, classes=[HAM, SPAM])
        parts[part] = Part(table["text"].to_pylist(), table["label_id"].to_numpy(), votes)
    return parts


def candidates(train: Part, *held: Part, ceiling: bool = False) -> tuple[list[dict[str, np.ndarray]], str]:
    """Every candidate's probabilities on each held part, and what the label model itself advises."""
    vote = MajorityVote(classes=[HAM, SPAM]).fit(train.votes)
    model = LabelModel(classes=[HAM, SPAM]).fit(train.votes)
    trained = {
        "end model on the vote": EndModel().fit(
            train.texts, vote.predict_proba(train.votes), covered=train.votes.covered
        ),
        "end model": EndModel().fit(train.texts, model.predict_proba(train.votes), covered=train.votes.covered),
    }
    if ceiling:
        trained["true labels"] = EndModel().fit(train.texts, np.eye(2)[train.truth])
    found = []
    for part in held:
        beliefs = {"vote": vote.predict_proba(part.votes), "label model": model.predict_proba(part.votes)}
        found.append(beliefs | {name: end.predict_proba(part.texts) for name, end in trained.items()})
    advice = model.advice(train.votes)
    return found, f"{advice.outcome}: {advice.reason}"


def on_fixed_split(parts: dict[str, Part], metric: str) -> dict[str, Any]:
    beliefs, advice = candidates(parts["train"], parts["valid"], parts["test"], ceiling=True)
    ceiling = [belief.pop("true labels") for belief in beliefs]
    valid, test = (
        Predictions(belief, part.truth.tolist(), (HAM, SPAM))
        for belief, part in zip(beliefs, (parts["valid"], parts["test"]), strict=True)
    )
    found = compare(valid, test, metric=metric)
    top = compare(Predictions({"true labels": ceiling[1]}, test.truth, test.classes), metric=metric)
    rows = [{"candidate": c.name, "valid": c.valid.describe(), "test": c.test.describe()} for c in found.candidates]
    rows.append({"candidate": "true labels", "valid": None, "test": top.candidates[0].valid.describe()})
    return {
        "metric": metric,
        "rows": rows,
        "chosen": found.chosen,
        "gains": {name: gain.describe() for name, gain in found.gains.items()},
        "verdict": found.verdict.outcome,
        "reason": found.verdict.reason,
        "notes": list(found.notes),
        "label model advises": advice,
    }


def on_drawn_splits(parts: dict[str, Part], metrics: tuple[str, ...]) -> dict[str, Any]:
    """Per metric: held-out score of each candidate and of the chosen one, over draws of all rows."""
    pool, size = parts["valid"].beside(parts["test"]), len(parts["valid"].texts)
    n = len(parts["train"].texts)
    scores: dict[str, dict[str, list[float]]] = {metric: {} for metric in metrics}
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, 0x57EA])
        train = parts["train"].take(rng.integers(0, n, n))
        order = rng.permutation(len(pool.texts))
        held = pool.take(order[:size]), pool.take(order[size:])
        beliefs, _ = candidates(train, *held)
        rows = [Predictions(b, h.truth.tolist(), (HAM, SPAM)) for b, h in zip(beliefs, held, strict=True)]
        for metric in metrics:
            found = compare(*rows, metric=metric, draws=200, seed=seed)
            for candidate in found.candidates:
                scores[metric].setdefault(candidate.name, []).append(candidate.test.value)
            chosen = next(c.test.value for c in found.candidates if c.name == found.chosen)
            best = max(c.test.value for c in found.candidates)
            more = {
                "as advised": chosen,
                "regret": best - chosen,
                "proven wrong": float(found.verdict.outcome == "fail"),
            }
            for name, value in more.items():
                scores[metric].setdefault(name, []).append(value)
    return {
        metric: {
            name: {"mean": float(np.mean(v)), "low": float(np.quantile(v, 0.025)), "high": float(np.quantile(v, 0.975))}
            for name, v in by_name.items()
        }
        for metric, by_name in scores.items()
    }


def percent(estimate: dict[str, float] | None, key: str = "value") -> str:
    if estimate is None:
        return ""
    return f"{100 * estimate[key]:.1f} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def main() -> None:
    folder = Path(os.environ["HINDCAST_DATA"])
    sets = {"youtube": (youtube(folder), ("accuracy",)), "sms": (sms(folder), ("accuracy", "f1"))}
    results: dict[str, Any] = {}
    for name, (parts, metrics) in sets.items():
        found = analyse(parts["train"].votes, parts["train"].truth.tolist())
        results[name] = {
            "rows": {part: len(held.texts) for part, held in parts.items()},
            "coverage": {part: float(held.votes.covered.mean()) for part, held in parts.items()},
            "functions": [
                {"name": f.name, "coverage": round(f.coverage, 4), "accuracy": round(f.accuracy.value, 4)}
                for f in found.functions
            ],
            "pairs": [str(pair) for pair in found.pairs],
            "fixed": {metric: on_fixed_split(parts, metric) for metric in metrics},
            "drawn": on_drawn_splits(parts, metrics),
        }
    place = Path(__file__).parent / "results" / "weak.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, found in results.items():
        for metric, fixed in found["fixed"].items():
            print(f"\n{name}, {metric} in percent (covered held out: {found['coverage']['test']:.1%})\n")
            print("| candidate | validation | held out | held out, 20 draws | published |")
            print("|---|---|---|---|---|")
            drawn = found["drawn"][metric]
            for row in fixed["rows"]:
                published = PUBLISHED.get(row["candidate"]) if name == "youtube" else None
                cells = [percent(row["valid"]), percent(row["test"]), percent(drawn.get(row["candidate"]), "mean")]
                print(
                    f"| {row['candidate']} | {' | '.join(cells)} | {'' if published is None else f'{published:.1%}'} |"
                )
            print(f"| as advised | | | {percent(drawn['as advised'], 'mean')} | |")
            print(f"\nAdvice: {fixed['chosen']}; {fixed['verdict']}: {fixed['reason']}")
            wrong = drawn["proven wrong"]["mean"]
            print(f"Over draws: regret {percent(drawn['regret'], 'mean')}, proven wrong {wrong:.0%}")
            print(f"The label model itself: {fixed['label model advises']}")


if __name__ == "__main__":
    main()
