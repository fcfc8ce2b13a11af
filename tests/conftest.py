"""What all tests share: how hypothesis searches, and a real Redis server."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from redis_server import redis_server

__all__ = ["redis_server"]

settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("long", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
