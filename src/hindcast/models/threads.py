"""How worker threads wait: they spin for a moment, then sleep.

OpenMP's threads spin at a barrier by default, for long. On a machine with other work to do they then spin against
the very thread they wait for, and a fit that takes 1 second takes 24 (measured: 100,000 rows, 60 trees, two threads
on two busy cores). Asleep at once they lose half their speed on an idle machine. A few thousand turns and then sleep
is as fast as the first on an idle machine and near the second on a busy one (measured: 4.4 s against 4.3 and 6.8
idle; 0.7 to 2.7 s against 24 and 1.1 busy). It is read when GNU's OpenMP is loaded, and changes no result.
"""

from __future__ import annotations

import os

__all__ = ["let_threads_sleep"]

_TURNS = "3000"


def let_threads_sleep() -> None:
    """Have threads sleep after a short spin, unless the user asked for something; call it before loading a library."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _TURNS)
