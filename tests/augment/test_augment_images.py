"""Pictures keep shape, type and range; each change does what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.augment import changed_images, colour, crop, flip, noise, rotate
from hindcast.errors import ConfigError, DataError

CHANGES = [flip(), flip(1.0, axis="vertical"), crop(0.5), rotate(30), colour(), noise(0.1)]


def pictures(n=6, shape=(9, 12, 3), dtype=np.uint8, seed=0):
    drawn = np.random.default_rng(seed).random((n, *shape))
    return (drawn * 255).astype(np.uint8) if dtype == np.uint8 else drawn.astype(dtype)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.name)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 12, 3), (9, 12), (1, 1, 1), (5, 4, 2)])
def test_shape_type_and_range_stay(change, dtype, shape):
    images = pictures(3, shape, dtype)
    before = images.copy()
    changed = changed_images(change, images, seed=4)
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    assert np.array_equal(images, before)
    assert np.array_equal(changed, changed_images(change, images, seed=4))
    assert changed.min() >= 0
    assert changed.max() <= (255 if dtype == np.uint8 else 1)
    assert changed_images(change, images[:0]).shape == (0, *shape)


@given(st.integers(0, 2**20))
def test_a_picture_does_not_mind_its_neighbours(seed):
    images = pictures()
    assert np.array_equal(changed_images(rotate(20), images, seed)[:2], changed_images(rotate(20), images[:2], seed))


def test_flips_are_mirrors():
    images = pictures()
    assert np.array_equal(changed_images(flip(1.0), images), images[:, :, ::-1])
    assert np.array_equal(changed_images(flip(1.0, axis="vertical"), images), images[:, ::-1])
    half = changed_images(flip(0.5), pictures(2_000, (1, 2)))
    share = np.mean([not np.array_equal(a, b) for a, b in zip(half, pictures(2_000, (1, 2)), strict=True)])
    assert abs(share - 0.5) < 5 * np.sqrt(0.25 / 2_000)


def test_a_crop_of_everything_and_a_flat_picture_stay():
    images = pictures()
    assert np.array_equal(changed_images(crop(1.0), images), images)
    flat = np.full((4, 8, 8), 77, dtype=np.uint8)
    for change in (crop(0.3), rotate(180)):
        assert np.array_equal(changed_images(change, flat), flat)


def test_a_turn_turns():
    image = np.zeros((1, 21, 21))
    image[0, 10, 18] = 1.0  # to the right of the middle
    changed = changed_images(rotate(180), np.repeat(image, 200, axis=0), seed=1)
    y, x = np.array([np.unravel_index(c.argmax(), c.shape) for c in changed]).T
    assert np.abs(np.hypot(y - 10, x - 10) - 8).max() < 1.5
    assert len({(int(a), int(b)) for a, b in zip(y, x, strict=True)}) > 20


def test_noise_has_its_scale_and_colour_its_bounds():
    grey = np.full((1, 100, 100), 0.5)
    assert changed_images(noise(0.05), grey).std() == pytest.approx(0.05, rel=0.05)
    bright = changed_images(colour(0.2, 0, 0), np.full((200, 2, 2, 3), 0.5))
    assert 0.4 - 1e-6 <= bright.min() < 0.42
    assert 0.58 < bright.max() <= 0.6 + 1e-6


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: flip(axis="diagonal"), ConfigError, "axis"),
        (lambda: crop(0), ConfigError, "least"),
        (lambda: rotate(200), ConfigError, "degrees"),
        (lambda: colour(brightness=1), ConfigError, "brightness"),
        (lambda: noise(-1), ConfigError, "scale"),
        (lambda: changed_images(flip(), np.zeros((3, 3))), DataError, "shape"),
        (lambda: changed_images(flip(), np.zeros((1, 3, 3), dtype=np.int64)), DataError, "bytes or floats"),
        (lambda: changed_images(flip(), np.full((1, 3, 3), 9.0)), DataError, "divide"),
        (lambda: changed_images(flip(), np.full((1, 3, 3), np.nan)), DataError, "divide"),
    ],
)
def test_what_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()
