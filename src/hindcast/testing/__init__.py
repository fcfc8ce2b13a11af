"""Public aids for testing: slow, obvious oracles to hold an engine, a store or a feature of your own against, and
generated histories with everything that makes real facts hard.

Everything here is written to be read, not to be fast.
"""

from hindcast.testing.histories import DELIVERIES_START, deliveries, deliveries_system
from hindcast.testing.oracle import feature_oracle, visible_versions

__all__ = ["DELIVERIES_START", "deliveries", "deliveries_system", "feature_oracle", "visible_versions"]
