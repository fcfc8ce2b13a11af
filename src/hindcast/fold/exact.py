"""Exact sums of floats: the reason that batch, stream and online agree to the last bit.

A sum is first kept in two doubles, which hold 106 bits: enough for what one sensor or one currency gives. The moment
an addition would lose a bit (:func:`pair_add` says so), the sum moves to a long fixed-point number, and stays there.
Either way it is the exact sum, so it does not matter in which order facts came and went.

A float is an integer times a power of two, so a sum of floats can be kept exactly in a long fixed-point number.
The long number is 68 digits of 32 bits, each in an int64 (from 2**-1074 up to 2**1101); adding a float touches three
digits and taking it away again restores them, so a window that slides forgets nothing and drifts nowhere. Read
out, the sum is the exact one rounded once, to nearest, ties to even: what ``math.fsum`` gives.

An int64 digit holds 2**31 additions without a carry; a window holds fewer facts than that.

References
----------
Neal, "Fast exact summation using small and large superaccumulators", 2015 (arXiv 1505.05571).
Dekker, "A floating-point technique for extending the available precision", 1971 (products).
"""

from __future__ import annotations

import math

import numpy as np

from hindcast.fold.compiled import compiled

__all__ = [
    "DIGITS",
    "exact_add",
    "exact_add_product",
    "exact_read",
    "pair_add",
    "pair_variance",
    "two_product",
]

DIGITS = 68
_WORD = 32
_MASK = (1 << 32) - 1
_LOWEST = 1074


@compiled
def pair_add(high: float, low: float, x: float) -> tuple[float, float, bool]:
    """Add x to the unevaluated sum ``high + low``; the third value says whether nothing was lost.

    `high` is the sum rounded to nearest, ties to even. What does not fit, or is not finite, is reported as lost.
    """
    s = high + x
    t = s - high
    error = (high - (s - t)) + (x - t)
    rest = low + error
    t = rest - low
    lost = (low - (rest - t)) + (error - t)
    new_high = s + rest
    t = new_high - s
    return new_high, (s - (new_high - t)) + (rest - t), lost == 0.0


@compiled
def exact_add(digits: np.ndarray, x: float, sign: int) -> None:
    """Add ``sign * x`` to `digits`, shape (DIGITS,); x must be finite. O(1)."""
    if x == 0.0:
        return
    if x < 0.0:
        x = -x
        sign = -sign
    fraction, exponent = math.frexp(x)
    mantissa = np.int64(fraction * 9007199254740992.0)  # 2**53
    position = exponent - 53 + _LOWEST
    if position < 0:
        mantissa >>= -position
        position = 0
    at = position >> 5
    shift = position & 31
    low = (mantissa & _MASK) << shift
    high = ((mantissa >> _WORD) << shift) + (low >> _WORD)
    digits[at] += sign * (low & _MASK)
    digits[at + 1] += sign * (high & _MASK)
    digits[at + 2] += sign * (high >> _WORD)


@compiled
def two_product(a: float, b: float) -> tuple[float, float]:
    """The product rounded, and what was rounded away (Dekker)."""
    product = a * b
    split = 134217729.0 * a
    a_high = split - (split - a)
    a_low = a - a_high
    split = 134217729.0 * b
    b_high = split - (split - b)
    b_low = b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@compiled
def exact_add_product(digits: np.ndarray, a: float, b: float, sign: int) -> None:
    """Add ``sign * a * b`` to `digits` without rounding the product (its size from 1e-290 to 1e290). O(1)."""
    product, error = two_product(a, b)
    exact_add(digits, product, sign)
    exact_add(digits, error, sign)


@compiled
def exact_read(digits: np.ndarray) -> float:
    """The exact sum rounded once to a float. O(DIGITS)."""
    top = DIGITS - 1
    while top >= 0 and digits[top] == 0:
        top -= 1
    if top < 0:
        return 0.0
    first = 0
    while digits[first] == 0:
        first += 1
    # the sign is that of the carry out of the last digit
    carry = np.int64(0)
    for i in range(first, top + 1):
        carry = (digits[i] + carry) >> _WORD
    sign = np.int64(1) if carry >= 0 else np.int64(-1)
    # canonical digits of |sum| from low to high; only the top three and "was there anything below" are kept
    carry = np.int64(0)
    d0 = np.int64(0)  # highest so far
    d1 = np.int64(0)
    d2 = np.int64(0)
    at = -1
    sticky = False
    below = False  # anything non-zero below d2 while d0 is the highest
    i = first
    last = DIGITS + 2
    while i < last:
        if i <= top:
            total = sign * digits[i] + carry
        else:
            if carry == 0:
                break
            total = carry
        digit = total & _MASK
        carry = total >> _WORD
        # shift the window of three up by one digit; a zero digit may still be followed by higher ones
        below = below or d2 != 0
        d2 = d1
        d1 = d0
        d0 = digit
        at = i
        if digit != 0:
            top_at, t0, t1, t2, sticky = at, d0, d1, d2, below
        i += 1
    if at < 0 or (d0 == 0 and d1 == 0 and d2 == 0 and not below):
        return 0.0
    bits = 0
    probe = t0
    while probe > 0:
        probe >>= 1
        bits += 1
    head = (np.uint64(t0) << np.uint64(_WORD)) | np.uint64(t1)
    spare = np.uint64(_WORD - bits)
    frame = head << spare
    frame |= np.uint64(t2) >> np.uint64(bits)
    rest = (t2 & ((np.int64(1) << bits) - 1)) != 0 or sticky
    mantissa = np.int64(frame >> np.uint64(11))
    tail = np.int64(frame & np.uint64(2047))
    if tail > 1024 or (tail == 1024 and (rest or (mantissa & 1) == 1)):
        mantissa += 1
    value = math.ldexp(float(mantissa), (top_at - 2) * _WORD + bits + 11 - _LOWEST)
    return value if sign > 0 else -value


@compiled
def pair_variance(s_high: float, s_low: float, q_high: float, q_low: float, count: int) -> float:
    """The sample variance (divisor ``count - 1``) from sums of x and x**2, each in two doubles; nan below two values.

    The difference of the two large terms is taken in twice the working precision, so the result is right to
    about 1e-14 of itself, or to 1e-30 of the mean square where the values hardly vary.
    """
    if count < 2:
        return math.nan
    n = float(count)
    # n * q - s * s, both in double-double
    a_high, a_low = two_product(n, q_high)
    a_low += n * q_low
    b_high, b_low = two_product(s_high, s_high)
    b_low += 2.0 * s_high * s_low
    difference = (a_high - b_high) + (a_low - b_low)
    return float(max(difference, 0.0) / (n * (n - 1.0)))
