"""What training data cost: labels, samples, and the checks on them."""

OWN = {
    "snorkel": ["snorkel==0.10.*", "torch==2.*", "numpy>=1.24,<3", "pandas>=2.2,<3", "pyarrow>=22"],
}
"""Peers with an environment of their own, and what is installed in it."""
