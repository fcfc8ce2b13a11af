"""A Feast repository over the data of a job, in a folder that is removed at exit."""

from __future__ import annotations

import atexit
import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.job import Work

from features import data

CONFIG = """\
project: bench
provider: local
registry: {folder}/registry.db
online_store: {{type: sqlite, path: {folder}/online.db}}
offline_store: {{type: {offline}}}
entity_key_serialization_version: 3
"""


def store(offline: str) -> Any:
    """An empty repository with this offline store."""
    from feast import FeatureStore

    folder = mkdtemp(prefix="hindcast-bench-feast-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (Path(folder) / "feature_store.yaml").write_text(CONFIG.format(folder=folder, offline=offline), encoding="utf-8")
    return FeatureStore(repo_path=folder)


def view(made: Any, source: Path, columns: list[str], ttl: timedelta, created: bool) -> None:
    """Register an entity, a file and a feature view of it."""
    from feast import Entity, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64

    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    held = {"created_timestamp_column": "created_timestamp"} if created else {}
    rows = FileSource(name="facts", path=str(source), timestamp_field="event_timestamp", **held)
    schema = [Field(name=name, dtype=Float64) for name in columns]
    made.apply([entity, rows, FeatureView(name="facts", entities=[entity], ttl=ttl, source=rows, schema=schema)])


def historical(place: Path, known: bool) -> Work:
    """The as-of join of a Feast store whose offline engine is DuckDB."""
    import pandas as pd

    made = store("duckdb")
    view(made, place / "facts.parquet", list(data.VALUES), timedelta(days=1), created=True)
    options = {"filter_by_created_timestamp": True} if known else {}

    def work() -> Any:
        requests = pd.read_parquet(place / "requests.parquet")
        features = [f"facts:{name}" for name in data.VALUES]
        return made.get_historical_features(entity_df=requests, features=features, **options).to_arrow()

    return work
