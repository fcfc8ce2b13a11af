"""The benchmarks of the feature engine; see README.md."""
