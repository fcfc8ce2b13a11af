"""Text encoders that are already here: a function, an object that encodes, a local folder. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.semi.learner import one_thread
from hindcast.values import Floats

__all__ = ["TextEncoder", "text_encoder"]

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Texts to numbers by something learnt elsewhere; a :class:`~hindcast.transfer.Base`.

    Parameters
    ----------
    encode_texts : callable
        From a list of texts to an array of shape (n, d).
    name : str
    batch : int, default 256
        Texts given at once.

    Examples
    --------
    >>> lengths = TextEncoder(lambda texts: [[len(t)] for t in texts], "lengths")
    >>> lengths.encode(["a", "abc"]).tolist()
    [[1.0], [3.0]]
    """

    encode_texts: Callable[[list[str]], Any]
    name: str = "encoder"
    batch: int = 256

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigError(f"TextEncoder needs batch >= 1, got {self.batch}.")

    def encode(self, items: Sequence[str]) -> Floats:
        """Features of the texts, float64, shape (n, d); equal texts are encoded once.

        Raises
        ------
        DataError
            For an item that is no text; for an encoder that makes another number of rows, or rows that are not finite
            numbers.
        """
        texts = list(items)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError("a text encoder takes texts", row=row + 1, value=text)
        different = list(dict.fromkeys(texts))
        parts = []
        with one_thread():
            for start in range(0, max(1, len(different)), self.batch):
                asked = different[start : start + self.batch]
                if not asked:
                    return np.zeros((0, 0))
                found = np.asarray(self.encode_texts(asked), dtype=np.float64)
                if found.ndim != 2 or len(found) != len(asked):
                    raise DataError(f"{self.name} made shape {found.shape} of {len(asked)} texts; one row each.")
                parts.append(found)
        table = np.concatenate(parts)
        wrong = ~np.isfinite(table).all(axis=1)
        if wrong.any():
            raise DataError(f"{self.name} made numbers that are not finite", value=different[int(wrong.argmax())])
        place = {text: at for at, text in enumerate(different)}
        rows: Floats = table[[place[text] for text in texts]]
        return rows

    def transform(self, items: Sequence[str]) -> Floats:
        """The same as :meth:`encode`, so that it can stand where a fitted transformer does."""
        return self.encode(items)


@contextmanager
def _offline() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def text_encoder(source: Any, *, name: str = "", batch: int = 256) -> TextEncoder:
    """An encoder from what is here already.

    Parameters
    ----------
    source : callable, object or path
        A function from a list of texts to an array; an object with ``encode`` (as sentence-transformers' models) or
        ``transform`` (a fitted scikit-learn vectoriser with a reduction); or the path of a folder that holds a
        sentence-transformers model, which needs that package installed.
    name : str, optional
    batch : int, default 256

    Raises
    ------
    ConfigError
        For a path that is not there (a model's name on a hub is no path: fetch it yourself, once, and say where it is),
        for a folder that holds no model, or when the package that reads it is missing.

    Examples
    --------
    >>> text_encoder(lambda texts: [[t.count("!")] for t in texts]).encode(["hi!", "ok"]).tolist()
    [[1.0], [0.0]]
    """
    if isinstance(source, str | Path):
        return _from_folder(Path(source).expanduser(), name, batch)
    kind = name or getattr(source, "__name__", type(source).__name__)
    for method in ("encode", "transform"):
        if hasattr(source, method):
            return TextEncoder(_called(getattr(source, method)), kind, batch)
    if callable(source):
        return TextEncoder(source, kind, batch)
    raise ConfigError(
        f"a text encoder is a function, an object with encode or transform, or a local folder, got {kind}."
    )


def _called(call: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    def encode(texts: list[str]) -> Any:
        found = call(texts)
        return found.toarray() if hasattr(found, "toarray") else found

    return encode


def _from_folder(folder: Path, name: str, batch: int) -> TextEncoder:
    if not folder.exists():
        raise ConfigError(
            f"no folder {str(folder)!r} for a text encoder. Nothing is ever downloaded: fetch the model once, by hand, "
            "and give the folder it lies in."
        )
    if not (folder.is_dir() and ((folder / "modules.json").is_file() or (folder / "config.json").is_file())):
        raise ConfigError(f"{str(folder)!r} holds no model: neither modules.json nor config.json is there.")
    if find_spec("sentence_transformers") is None:
        raise ConfigError(
            f"reading {str(folder)!r} needs the package sentence-transformers; install it, or pass a function instead."
        )
    with _offline():
        model = import_module("sentence_transformers").SentenceTransformer(
            str(folder), device="cpu", local_files_only=True
        )
    return TextEncoder(lambda texts: model.encode(texts, show_progress_bar=False), name or folder.name, batch)
