"""A budget is read as people write it, and divided so that it holds."""

import pytest

from hindcast.bulk.budget import Budget, Load, expected_bytes, size_bytes, size_text
from hindcast.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "expected"),
    [("4GiB", 4 << 30), ("300 MB", 300 * 10**6), ("1.5kib", 1_536), (1_000, 1_000), ("7B", 7)],
)
def test_sizes(given, expected):
    assert size_bytes(given) == expected


@pytest.mark.parametrize("given", ["4", "4 parsecs", "", "-1GiB", 0, -5, True, None, 1.5, "0GB"])
def test_what_is_no_size_is_refused(given):
    with pytest.raises(ConfigError, match="Write it like '4GiB'"):
        size_bytes(given)


def test_sizes_for_people():
    assert [size_text(n) for n in (5, 1 << 20, 3 << 29, 1 << 41)] == ["5 B", "1.0 MiB", "1.5 GiB", "2.0 TiB"]


def test_too_little_is_said():
    with pytest.raises(ConfigError, match="at least '64MiB'"):
        Budget.of("63MiB")
    assert Budget.of("64MiB").unit < 64 << 20


def test_more_rows_are_expected_to_take_more_and_are_divided_further():
    budget = Budget.of("300MiB")
    sizes = [expected_bytes(Load(n, 57 * n), Load(n, 24 * n), 3, 14) for n in (0, 10**4, 10**6, 10**8)]
    assert sizes == sorted(set(sizes))
    parts = [budget.parts_for(Load(n, 57 * n), Load(n, 24 * n), 3, 14) for n in (0, 10**4, 10**6, 10**7, 10**8)]
    assert parts[0] == parts[1] == 1
    assert parts == sorted(parts)
    per_part = expected_bytes(Load(10**7 // parts[3], 57 * 10**7 // parts[3]), Load(), 3, 14)
    assert per_part < budget.unit


def test_chunks_have_rows_whatever_their_width():
    budget = Budget.of("64MiB")
    assert budget.chunk_rows(1) == 1 << 20
    assert budget.chunk_rows(1 << 40) == 1
