"""Columns of values and frames of columns: plain NumPy, whatever data frame they came from."""

from hindcast.columns.column import Column, Kind
from hindcast.columns.frame import Frame

__all__ = ["Column", "Frame", "Kind"]
