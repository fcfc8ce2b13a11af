"""The decorators of this room's kernels; :mod:`hindcast.compiling` says how and where their code is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.compiling import compiler

__all__ = ["compiled", "inlined"]

_compiler = compiler(Path(__file__).resolve().parent)

compiled: Any = _compiler()
inlined: Any = _compiler(inline="always")
"""For what is called once per fact: passing a dozen arrays would cost more than the work."""
