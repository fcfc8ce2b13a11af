"""The decorators of this room's kernels; :mod:`hindcast.compiling` says how and where their code is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.compiling import compiler

__all__ = ["compiled", "reordered"]

_compiler = compiler(Path(__file__).resolve().parent)

compiled: Any = _compiler()
reordered: Any = _compiler(fastmath={"reassoc"})
"""May add in another order than written, as wide as the processor likes: the same every time on one machine."""
