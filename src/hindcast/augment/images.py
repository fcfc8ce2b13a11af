"""Pictures seen otherwise: crops, flips, turns, colours and noise. Arrays in, arrays of the same shape and type out.

A batch has the shape (n, height, width) or (n, height, width, channels), in unsigned bytes (0 to 255) or floats (0 to
1). Each picture gets a change of its own; it depends on the seed and on the picture's place in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice, number, seed_of, share
from hindcast.sampling.blocks import array_of

__all__ = [
    "Colour",
    "Crop",
    "Flip",
    "ImageChange",
    "Noise",
    "Rotate",
    "changed_images",
    "colour",
    "crop",
    "flip",
    "noise",
    "rotate",
]

Images = NDArray[Any]


@runtime_checkable
class ImageChange(Protocol):
    """A change of one picture, given as floats in [0, 1], shape (height, width, channels)."""

    of: ClassVar[str]
    """``"texts"`` or ``"pictures"``: what it changes."""

    @property
    def name(self) -> str: ...

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]: ...

    def describe(self) -> dict[str, Any]: ...


def changed_images(change: ImageChange, images: Images, seed: int = 0) -> Images:
    """Every picture changed once; shape and type as they came.

    Raises
    ------
    DataError
        For another shape or type, or floats outside [0, 1].

    Examples
    --------
    >>> changed_images(flip(1.0), np.array([[[0, 255]]], dtype=np.uint8)).tolist()
    [[[255, 0]]]
    """
    if getattr(change, "of", None) != "pictures":
        raise ConfigError(f"{change!r:.60} does not change pictures; give flip(), crop(), ...")
    images = array_of(images, "pictures")
    if images.ndim not in (3, 4):
        raise DataError(
            f"pictures have the shape (n, height, width) or (n, height, width, channels), got {images.shape}."
        )
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"pictures are unsigned bytes or floats, got {images.dtype}.")
    if images.dtype.kind == "f" and images.size and not (np.min(images) >= 0 and np.max(images) <= 1):
        raise DataError("pictures given as floats lie in [0, 1]; divide by their greatest value first.")
    bytes_ = images.dtype == np.uint8
    result = np.empty_like(images)
    seed = seed_of(seed)
    for at, image in enumerate(images):
        planes = (image if image.ndim == 3 else image[..., None]).astype(np.float32)
        found = change.one(planes / np.float32(255) if bytes_ else planes, np.random.default_rng([seed, 73, at]))
        found = np.clip(found, 0.0, 1.0)
        found = np.rint(found * np.float32(255)) if bytes_ else found
        result[at] = found.astype(images.dtype).reshape(image.shape)
    return result


def _within(what: str, low: float, high: float, **parameters: float) -> None:
    for name, value in parameters.items():
        number(f"{what}: {name}", value, above=low, most=high)


@dataclass(frozen=True)
class Flip:
    """See :func:`flip`."""

    rate: float
    axis: str
    name: str = field(default="flip", init=False)
    of: ClassVar[str] = "pictures"

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        if rng.random() >= self.rate:
            return image
        return image[:, ::-1] if self.axis == "horizontal" else image[::-1]

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "rate": self.rate, "axis": self.axis}


def flip(rate: float = 0.5, *, axis: str = "horizontal") -> Flip:
    """Mirror a share `rate` of the pictures, left to right or (``axis="vertical"``) top to bottom.

    Not for letters, digits, traffic signs or anything else whose mirror image means something else.
    """
    _within("flip", 0, 1, rate=rate)
    choice("axis", axis, ["horizontal", "vertical"], where="flip")
    return Flip(rate, axis)


@dataclass(frozen=True)
class Crop:
    """See :func:`crop`."""

    least: float
    name: str = field(default="crop", init=False)
    of: ClassVar[str] = "pictures"

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        scale = rng.uniform(self.least, 1.0)
        tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        rows = top + (np.arange(height) + 0.5) * tall / height - 0.5
        columns = left + (np.arange(width) + 0.5) * wide / width - 0.5
        return _sampled(image, *np.meshgrid(rows, columns, indexing="ij"))

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "least": self.least}


def crop(least: float = 0.8) -> Crop:
    """A random part of the picture, at least `least` of each side, drawn out to the whole size again."""
    _within("crop", 0, 1, least=least)
    return Crop(least)


@dataclass(frozen=True)
class Rotate:
    """See :func:`rotate`."""

    degrees: float
    name: str = field(default="rotate", init=False)
    of: ClassVar[str] = "pictures"

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees))
        height, width = image.shape[:2]
        y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
        rows = np.cos(angle) * y - np.sin(angle) * x + (height - 1) / 2
        columns = np.sin(angle) * y + np.cos(angle) * x + (width - 1) / 2
        return _sampled(image, rows, columns)

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "degrees": self.degrees}


def rotate(degrees: float = 10.0) -> Rotate:
    """Turn by up to `degrees` either way about the middle; corners repeat the edge."""
    _within("rotate", 0, 180, degrees=degrees)
    return Rotate(degrees)


@dataclass(frozen=True)
class Colour:
    """See :func:`colour`."""

    brightness: float
    contrast: float
    saturation: float
    name: str = field(default="colour", init=False)
    of: ClassVar[str] = "pictures"

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        bright, sharp, vivid = (1 + rng.uniform(-s, s) for s in (self.brightness, self.contrast, self.saturation))
        found = image * bright
        found = (found - found.mean()) * sharp + found.mean()
        if image.shape[2] == 3:
            grey = found @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
            found = grey[..., None] + (found - grey[..., None]) * vivid
        coloured: NDArray[np.float32] = found.astype(np.float32)
        return coloured

    def describe(self) -> dict[str, Any]:
        return {
            "change": self.name,
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation,
        }


def colour(brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2) -> Colour:
    """Brighter or darker, flatter or harder, paler or more vivid, each by up to that share.

    Saturation needs three channels (red, green, blue) and is left alone with others.
    """
    for name, value in {"brightness": brightness, "contrast": contrast, "saturation": saturation}.items():
        share(f"colour: {name}", value, zero=True, one=False)
    return Colour(brightness, contrast, saturation)


@dataclass(frozen=True)
class Noise:
    """See :func:`noise`."""

    scale: float
    name: str = field(default="noise", init=False)
    of: ClassVar[str] = "pictures"

    def one(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        return image + rng.normal(0.0, self.scale, image.shape).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        return {"change": self.name, "scale": self.scale}


def noise(scale: float = 0.05) -> Noise:
    """Gaussian noise of standard deviation `scale` (1 is the whole range) on every value."""
    _within("noise", 0, 1, scale=scale)
    return Noise(scale)


def _sampled(image: NDArray[np.float32], rows: Any, columns: Any) -> NDArray[np.float32]:
    """The picture at places between its points, by bilinear interpolation; beyond an edge, the edge."""
    height, width = image.shape[:2]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down = (rows - top)[..., None].astype(np.float32)
    over = (columns - left)[..., None].astype(np.float32)
    above = image[top, left] * (1 - over) + image[top, right] * over
    under = image[below, left] * (1 - over) + image[below, right] * over
    found: NDArray[np.float32] = above * (1 - down) + under * down
    return found
