"""The year of flights, made once for all tests of it."""

from __future__ import annotations

import pytest
from flights_year import Year, year_of_flights


@pytest.fixture(scope="session")
def year(tmp_path_factory) -> Year:
    return year_of_flights(tmp_path_factory.mktemp("flights"))
