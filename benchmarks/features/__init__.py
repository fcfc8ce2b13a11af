"""The feature engine beside tools that join and roll."""

OWN = {
    "feast": ["feast[duckdb]==0.67.*"],
    "pyspark": ["pyspark>=4,<5", "pandas>=2.2,<3", "pyarrow>=22", "psutil>=6"],
}
"""Peers with an environment of their own, and what is installed in it."""
