"""Who is served by which model: a sticky draw from a unit's name, the same on every machine and at every time.

Each unit (a request, a customer, a tail number) has a share in [0, 1), drawn by BLAKE2b from the trial's salt and the
unit's name. It is in a trial of share s when its own share is below s: so it stays where it is while the trial
runs, stays in when the trial grows, and is drawn anew, independently, for the next trial with its own salt.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np

from hindcast.columns import Column
from hindcast.errors import ConfigError
from hindcast.values import Bools, Floats

__all__ = ["in_trial", "share_of", "shares_of"]

_SCALE = 2.0**-53


def share_of(unit: str, salt: str) -> float:
    """The share, in [0, 1), of one unit under `salt`; uniform over units.

    Examples
    --------
    >>> round(share_of("N14228", "v2"), 6), share_of("N14228", "v2") == share_of("N14228", "v3")
    (0.30415, False)
    """
    return _draw(unit, _key(salt))


def shares_of(units: Column | Iterable[Any], salt: str) -> Floats:
    """The share of each unit, shape (n,); NaN for null.

    Texts are hashed as they are, integers and times by their decimal digits: the same as
    ``share_of(str(unit), salt)``. Numbers with fractions have no stable name and are refused. Each distinct text is
    hashed once: about 1 microsecond each.
    """
    column = Column.of(units if isinstance(units, Column | np.ndarray) else list(units))
    if column.kind == "number" and column.present().any():
        raise ConfigError("units of a trial are texts or integers; a number with a fraction has no stable name.")
    if column.kind == "boolean" and column.present().any():
        raise ConfigError("units of a trial are texts or integers; a boolean gives two units at most.")
    key = _key(salt)
    if column.kind == "text":
        assert column.vocabulary is not None
        used = np.bincount(column.values + 1, minlength=len(column.vocabulary) + 1)[1:] > 0
        drawn = np.full(len(column.vocabulary) + 1, np.nan)
        words = column.vocabulary[used].tolist()
        drawn[:-1][used] = [_draw(word, key) for word in words]
        shares: Floats = drawn[column.values]
        return shares
    result = np.full(len(column), np.nan)
    present = column.present()
    distinct, inverse = np.unique(column.values[present], return_inverse=True)
    result[present] = np.array([_draw(str(int(unit)), key) for unit in distinct.tolist()], dtype=np.float64)[inverse]
    return result


def in_trial(shares: Floats, share: float) -> Bools:
    """Which units of these shares a trial of `share` serves, shape (n,). Null units are never served by it.

    A larger trial holds every unit of a smaller one with the same salt; one of share 1 holds all but null.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"the share of a trial must be in [0, 1], got {share}.")
    return np.asarray(shares < share)


def _key(salt: str) -> bytes:
    """A BLAKE2b key of at most 64 bytes from a salt of any length."""
    return blake2b(salt.encode(), digest_size=32).digest()


def _draw(unit: str, key: bytes) -> float:
    return (int.from_bytes(blake2b(unit.encode(), digest_size=8, key=key).digest(), "big") >> 11) * _SCALE
