"""OpenMP's threads sleep after a short spin unless the user says otherwise, whichever model is fitted or read first."""

import os
import subprocess
import sys

import pytest

FITS = {
    "lightgbm": "from hindcast.models.lightgbm import LightGBM as L; L(trees=1, leaves=2, min_leaf=1).fit",
    "logistic": "from hindcast.models.logistic import Logistic as L; L().fit",
}
CODE = """
import os, numpy as np
from hindcast.columns import Frame
{fit}(Frame.of({{"x": np.arange(40.0)}}), (np.arange(40) > 20).astype(float), as_of=np.arange(40), seed=0)
print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.mark.parametrize("name", sorted(FITS))
@pytest.mark.parametrize("asked", [None, "ACTIVE"])
def test_threads_sleep_unless_asked_to_spin(name, asked):
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    if asked:
        environment["OMP_WAIT_POLICY"] = asked
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(fit=FITS[name])], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == (["ACTIVE", "None"] if asked else ["None", "3000"])
