"""The command line: thin commands over :mod:`hindcast.assemble`, a table for managers, progress, and a first system.

``hindcast --help`` imports nothing heavy; each command imports what it runs.
"""

from hindcast.cli.main import main

__all__ = ["main"]
