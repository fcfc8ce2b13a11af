"""A LightGBM model answered by LightGBM's own shared library, without its Python package.

``import lightgbm`` brings pandas and scikit-learn: 1 to 2 seconds and 100 MB that a server has no use for. The library
itself is one file with a C interface; this module loads it and calls the few functions that predicting takes. The
answers are the library's own, so they are equal to the package's to the bit.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np

from hindcast.errors import ArtifactError, ConfigError, DataError
from hindcast.models.threads import let_threads_sleep
from hindcast.values import Floats

__all__ = ["Forest"]

_FLOAT64, _NORMAL, _RAW_SCORE = 1, 0, 1  # of LightGBM's c_api.h
_INT, _TEXT, _POINTER = ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
_OUT_INT, _OUT_LONG, _OUT_POINTER = (ctypes.POINTER(t) for t in (ctypes.c_int, ctypes.c_int64, ctypes.c_void_p))

_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "LGBM_BoosterLoadModelFromString": (_TEXT, _OUT_INT, _OUT_POINTER),
    "LGBM_BoosterFree": (_POINTER,),
    "LGBM_BoosterGetNumFeature": (_POINTER, _OUT_INT),
    "LGBM_BoosterNumModelPerIteration": (_POINTER, _OUT_INT),
    "LGBM_BoosterNumberOfTotalModel": (_POINTER, _OUT_INT),
    # handle, data, data_type, nrow, ncol, is_row_major, predict_type, first and count of trees, parameter, length, out
    "LGBM_BoosterPredictForMat": (
        _POINTER, _POINTER, _INT, ctypes.c_int32, ctypes.c_int32, _INT, _INT, _INT, _INT, _TEXT, _OUT_LONG, _POINTER,
    ),
    # handle, predict_type, start_iteration, num_iteration, data_type, ncol, parameter, out_config
    "LGBM_BoosterPredictForMatSingleRowFastInit": (
        _POINTER, _INT, _INT, _INT, _INT, ctypes.c_int32, _TEXT, _OUT_POINTER,
    ),
    "LGBM_BoosterPredictForMatSingleRowFast": (_POINTER, _POINTER, _OUT_LONG, _POINTER),
    "LGBM_FastConfigFree": (_POINTER,),
}  # fmt: skip


@lru_cache(maxsize=1)
def shared_library() -> ctypes.CDLL:
    """LightGBM's shared library, with the types of the functions used declared; ConfigError says how to install it."""
    spec = find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "this model needs the package 'lightgbm', which is not installed. Run: pip install 'lightgbm>=4.6'."
        )
    ending = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    candidates = [
        Path(root) / place / f"lib_lightgbm.{ending}"
        for root in spec.submodule_search_locations
        for place in ("lib", "bin", ".")
    ]
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        raise ConfigError(
            f"the package 'lightgbm' has no shared library; looked for {', '.join(map(str, candidates))}. "
            "Install it anew: pip install --force-reinstall 'lightgbm>=4.6'."
        )
    try:
        let_threads_sleep()
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise ConfigError(
            f"LightGBM's library {path} cannot be loaded: {error}. It needs the OpenMP runtime (libgomp or libomp)."
        ) from None
    lacking = [name for name in (*_SIGNATURES, "LGBM_GetLastError") if not hasattr(loaded, name)]
    if lacking:
        raise ConfigError(
            f"LightGBM's library {path} lacks {', '.join(lacking)}. "
            "Install a version from 4.6: pip install 'lightgbm>=4.6'."
        )
    for name, arguments in _SIGNATURES.items():
        getattr(loaded, name).argtypes = arguments
        getattr(loaded, name).restype = _INT
    loaded.LGBM_GetLastError.restype = _TEXT
    return loaded


def _call(name: str, *arguments: Any) -> None:
    if getattr(shared_library(), name)(*arguments) != 0:
        reason = shared_library().LGBM_GetLastError().decode("utf-8", "replace")
        raise ArtifactError(f"LightGBM could not do {name.removeprefix('LGBM_')}: {reason}.")


class Forest:
    """Boosted trees read from LightGBM's model text.

    Parameters
    ----------
    text : str
        What LightGBM saves; its section of parameters is not needed.
    threads : int, default 2
        For blocks of rows; the answers do not depend on it.

    Notes
    -----
    A block of n rows costs O(n x trees x depth); one row about 20 microseconds at 300 trees of 63 leaves. Safe to call
    from several threads: rows wait for one another, blocks do not.

    Raises
    ------
    ArtifactError
        For a text that is not such a model, or has several outputs per row.
    """

    def __init__(self, text: str, threads: int = 2) -> None:
        self.text, self.threads = text, threads
        if not text.startswith("tree\n"):
            raise ArtifactError("a LightGBM model text must begin with the line 'tree'.")
        self._handle, self._fast = ctypes.c_void_p(), ctypes.c_void_p()
        iterations = ctypes.c_int()
        _call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle))
        finalize(self, shared_library().LGBM_BoosterFree, self._handle)
        if self._count("LGBM_BoosterNumModelPerIteration") != 1:
            raise ArtifactError("a LightGBM model with several outputs per row is not a probability of one target.")
        self.features = self._count("LGBM_BoosterGetNumFeature")
        self.trees = self._count("LGBM_BoosterNumberOfTotalModel")
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle, _NORMAL, 0, -1, _FLOAT64, self.features, b"num_threads=1", ctypes.byref(self._fast),
        )  # fmt: skip
        finalize(self, shared_library().LGBM_FastConfigFree, self._fast)  # the last made is freed first
        self._row, self._answer, self._length = (ctypes.c_double * self.features)(), ctypes.c_double(), ctypes.c_int64()
        self._one = shared_library().LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (self._fast, self._row, ctypes.byref(self._length), ctypes.byref(self._answer))
        self._lock = Lock()

    def _count(self, name: str) -> int:
        count = ctypes.c_int()
        _call(name, self._handle, ctypes.byref(count))
        return count.value

    def predict(self, matrix: Floats, *, raw: bool = False) -> Floats:
        """Probabilities (`raw`: log odds) of the rows of `matrix`, shape (n, features), NaN for missing."""
        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.features:
            raise DataError(f"the forest reads {self.features} features, got a matrix of shape {matrix.shape}.")
        rows = len(matrix)
        result = np.empty(rows)
        if rows:
            threads = self.threads if rows >= 1024 else 1
            wanted, length = _RAW_SCORE if raw else _NORMAL, ctypes.c_int64()
            _call(
                "LGBM_BoosterPredictForMat",
                self._handle, matrix.ctypes.data, _FLOAT64, rows, self.features, 1, wanted, 0, -1,
                f"num_threads={threads}".encode(), ctypes.byref(length), result.ctypes.data,
            )  # fmt: skip
            if length.value != rows:
                raise ArtifactError(f"LightGBM answered {length.value} numbers for {rows} rows.")
        return result

    def predict_row(self, values: list[float]) -> float:
        """The probability of one row, a list of `features` floats."""
        with self._lock:
            self._row[:] = values  # type: ignore[assignment]
            if self._one(*self._arguments) != 0:
                reason = shared_library().LGBM_GetLastError().decode("utf-8", "replace")
                raise ArtifactError(f"LightGBM could not predict a row: {reason}.")
            return self._answer.value

    def __reduce__(self) -> tuple[Any, ...]:
        return Forest, (self.text, self.threads)
