"""Public aids for testing: say what a feature should be, hold a system to its laws, or an engine to an oracle.

* :func:`given` facts, at a moment, expect values: tests of features that read like the sentence.
* :func:`check_laws` and :func:`check_aggregate`: the laws, as one call on a system or an aggregate of your own.
* :class:`Oracle`: what every feature means, slowly and obviously, to hold an engine against.
* generated histories with everything that makes real facts hard.

Everything here is written to be read, not to be fast.
"""

from hindcast.testing.aggregates import Expected
from hindcast.testing.algebra import check_aggregate
from hindcast.testing.episodes import Episode, assert_agreement, episodes
from hindcast.testing.given import At, Given, given
from hindcast.testing.histories import DELIVERIES_START, deliveries, deliveries_system
from hindcast.testing.laws import check_laws
from hindcast.testing.oracle import Oracle, Sighting, feature_oracle, visible_versions

__all__ = [
    "At",
    "DELIVERIES_START",
    "Episode",
    "Expected",
    "Given",
    "Oracle",
    "Sighting",
    "assert_agreement",
    "check_aggregate",
    "check_laws",
    "deliveries",
    "deliveries_system",
    "episodes",
    "feature_oracle",
    "given",
    "visible_versions",
]
