"""Public aids for testing: slow, obvious oracles to hold an engine, a store or a feature of your own against.

Everything here is written to be read, not to be fast.
"""

from hindcast.testing.oracle import feature_oracle, visible_versions

__all__ = ["feature_oracle", "visible_versions"]
