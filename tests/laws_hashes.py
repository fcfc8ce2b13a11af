"""A replay of the generated town, told as digests: run as a program to compare processes.

python tests/laws_hashes.py 2        # with two threads
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from hindcast.loop.replay import replay
from hindcast.loop.story import tell
from hindcast.loop.trainer import Trainer
from hindcast.models.lightgbm import LightGBM
from hindcast.models.logistic import Logistic
from hindcast.testing import deliveries_system
from hindcast.web.report import render
from laws_town import FROM, UNTIL, history_of, town


def hashes(threads: int, cache: Path | None = None) -> dict[str, Any]:
    """Digests of all that a replay leaves behind."""
    system = deliveries_system(models=[Logistic(), LightGBM(trees=25, leaves=7, min_leaf=40, threads=threads)])
    history = history_of(town(), system, threads)
    trainer = Trainer(history, cache)
    found = replay(history, FROM, UNTIL, ["renewed", "never"], trainer=trainer)
    story = tell(found, trainer)
    frame = history.features
    parts = {
        "features": b"".join(
            column.values.tobytes() if column.kind != "text" else repr(column.objects().tolist()).encode()
            for column in (frame[name] for name in frame.names)
        ),
        "models": b"".join(
            name.encode() + data
            for loop in (r.loop for r in found.values())
            for trained in loop._trained.values()
            for name, data in sorted(trained.model.files().items())
        ),
        "predictions": b"".join(r.probability.tobytes() for r in found.values()),
        "summary": json.dumps(story["summary"]).encode(),
        "story": json.dumps(story).encode(),
        "report": render(story).encode(),
    }
    ledgers = {f"ledger of {name}": r.registry.ledger.content_hash() for name, r in found.items()}
    return {**{name: sha256(data).hexdigest() for name, data in parts.items()}, **ledgers, "identity": system.identity}


if __name__ == "__main__":
    print(json.dumps(hashes(int(sys.argv[1]))))
