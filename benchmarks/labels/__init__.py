"""What training data cost: labels, samples, and the checks on them."""

OWN = {
    "crowd-kit": ["crowd-kit==1.4.*", "pandas>=2.2", "pyarrow>=22", "numpy>=2"],
    "datasketch": ["datasketch==2.*", "pyarrow>=22", "numpy>=2"],
    "krippendorff": ["krippendorff==0.9.*", "pyarrow>=22", "numpy>=2"],
    "snorkel": ["snorkel==0.10.*", "torch==2.*", "numpy>=1.24,<3", "pandas>=2.2,<3", "pyarrow>=22"],
}
"""Peers with an environment of their own, and what is installed in it."""
