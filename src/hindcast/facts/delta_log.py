"""The log of a Delta table on disk: whether it was begun, where the table stood, what a power cut tore."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hindcast.facts.datafile import sync

__all__ = ["began", "set_torn_aside", "stand_at", "sync_commit"]

_COMMIT = "[0-9]" * 20 + ".json"


def began(folder: Path) -> bool:
    """Whether a table is there: a kill in the midst of making one leaves neither a commit nor data."""
    return any(True for _ in folder.glob("_delta_log/*.json")) or any(True for _ in folder.glob("part-*.parquet"))


def stand_at(folder: Path, version: int) -> dict[str, Any] | None:
    """Where the table stood at `version`, from its commit or, when another tool made that one, the last of ours."""
    for earlier in range(version, -1, -1):
        path = folder / "_delta_log" / f"{earlier:020d}.json"
        if not path.exists() or not _is_json_lines(path):
            return None
        for line in path.read_text().splitlines():
            info = json.loads(line).get("commitInfo", {}) if line.strip() else {}
            if "hindcast" in info:
                stand: dict[str, Any] = json.loads(info["hindcast"])
                return stand
    return None


def sync_commit(folder: Path, version: int) -> None:
    """Have the commit of `version` on disk, and the folders that name it."""
    log = folder / "_delta_log"
    for path in [*log.glob(f"{version:020d}*"), *log.glob("_last_checkpoint"), log, folder]:
        sync(path)


def set_torn_aside(folder: Path) -> bool:
    """After a power cut: move a last commit or checkpoint that never got to disk aside, under the name ``.torn``.

    Nothing of it was acknowledged, since a receipt is given after the sync only. The log itself is kept whole, so that
    a checkpoint can be done without. The caller is the only writer. Says whether it may be read now.
    """
    log = folder / "_delta_log"
    moved = False
    commits = sorted(log.glob(_COMMIT))
    if commits and not _is_json_lines(commits[-1]):
        commits[-1].rename(commits[-1].with_suffix(".json.torn"))
        moved = True
    for path in [*log.glob("*.checkpoint*.parquet"), *log.glob("_last_checkpoint")]:
        path.rename(path.with_name(path.name + ".torn"))
        moved = True
    sync(log)
    return moved and any(log.glob(_COMMIT))


def _is_json_lines(path: Path) -> bool:
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except ValueError:
        return False
    return bool(lines)
