from __future__ import annotations

import pytest

from hindcast.errors import ConfigError
from hindcast.facts import Table, before
from hindcast.trainset import Binary, outcome
from hindcast.values import DAY_US, HOUR_US, digest

FLIGHTS = Table("flights", key="flight_id", event_time="scheduled", known=before("scheduled", "30d"))
ARRIVALS = Table("arrivals", key="flight_id", event_time="landed", known="event")
LATE = outcome(ARRIVALS, "arr_delay >= 15", on="flight_id")


def binary(**changes):
    return Binary(FLIGHTS, **{"as_of": before("scheduled", "2h"), "label": LATE, "maturity": "18h", **changes})


def test_equal_declarations_have_one_identity_and_changed_ones_another():
    assert digest(binary()) == digest(binary(maturity="1080m"))
    assert digest(binary()) == digest(binary(label=outcome(ARRIVALS, "(arr_delay  >=  15)", on=("flight_id",))))
    other = [
        binary(maturity="19h"),
        binary(maturity=None),
        binary(maturity=None, maturity_quantile=0.9),
        binary(within="4h"),
        binary(name="later"),
        binary(as_of=before("scheduled", "3h")),
        binary(label=outcome(ARRIVALS, "arr_delay >= 16", on="flight_id")),
    ]
    assert len({digest(target) for target in [binary(), *other]}) == len(other) + 1


def test_maturity_is_declared_or_implied_by_the_bounded_wait():
    assert binary().maturity_us == 18 * HOUR_US
    assert binary(maturity=None).maturity_us is None
    assert binary(maturity=None, within="7d").maturity_us == binary(maturity=None, within="7d").within_us == 7 * DAY_US


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maturity": "soon"}, "'soon' is not a duration"),
        ({"maturity": "1d", "within": "2d"}, "positive rows would be admitted before negative ones"),
        ({"within": "0s"}, "longer than nothing"),
        ({"maturity_quantile": 0.0}, r"maturity_quantile must be a number above 0 and at most 1, got 0.0"),
        ({"name": ""}, "needs a name"),
        ({"as_of": "scheduled"}, "as_of is a moment beside a column"),
        ({"label": "arr_delay >= 15"}, "label is an outcome"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        binary(**changes)


def test_an_outcome_needs_a_condition_and_columns_to_join_on():
    with pytest.raises(ConfigError, match="uses Lambda"):
        outcome(ARRIVALS, "lambda: 1", on="flight_id")
    with pytest.raises(ConfigError, match="on= names the columns"):
        outcome(ARRIVALS, "arr_delay >= 15", on=())
