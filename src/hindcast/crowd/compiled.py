"""The decorators of this room's kernels; :mod:`hindcast.compiling` says how and where their code is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.compiling import compiler

__all__ = ["compiled"]

_compiler = compiler(Path(__file__).resolve().parent)

compiled: Any = _compiler()
