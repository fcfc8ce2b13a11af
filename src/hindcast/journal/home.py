"""The home folder: where a system keeps everything, in one layout with a format number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hindcast.errors import ConfigError, StateError
from hindcast.journal.durable import make_folder, replace_file
from hindcast.journal.locks import Lock

__all__ = ["FORMAT", "Home"]

FORMAT = 1
"""The layout this version writes and reads."""

_FOLDERS = ("journal", "lake", "models", "cache", "reports", "locks")


@dataclass(frozen=True, slots=True)
class Home:
    """One folder that holds what a system knows and has decided.

    =============  =================================================================
    journal        what was acknowledged and is not yet in the lake
    lake           facts, as Delta tables
    models         artefacts of versions
    features       what features meant that were served
    ledger.db      every decision (SQLite, unless configured otherwise)
    cache          may be deleted at any time
    reports        pages for people
    locks          who is doing what
    format.json    the number of this layout
    =============  =================================================================

    Parameters
    ----------
    root : Path
        Absolute. Use :meth:`open`, which checks the format.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     home = Home.open(Path(folder) / "home")
    ...     home.journal.relative_to(home.root).as_posix(), Home.open(home.root) == home
    ('journal', True)
    """

    root: Path

    @staticmethod
    def open(path: Path | str, *, create: bool = True) -> Home:
        """The home at `path`, made durable on the disk when it is new.

        Parameters
        ----------
        path : path
        create : bool, default True
            Make the folders that are missing. Without it nothing is written, and a missing home is an error.

        Raises
        ------
        StateError
            For a home of a newer or unreadable format, a missing one (without `create`), or a folder that holds
            a journal, lake or ledger but has lost its format file.
        ConfigError
            When `path` is a file.
        """
        root = Path(path).expanduser().absolute()
        if root.exists() and not root.is_dir():
            raise ConfigError(f"home {root} is a file; give a folder.")
        mark = root / "format.json"
        if not mark.exists():
            if not create:
                raise StateError(f"no hindcast home at {root}. Check the path, or let `hindcast run` create it.")
            left = [name for name in ("journal", "lake", "models", "ledger.db") if (root / name).exists()]
            if left:
                raise StateError(
                    f"{root} holds {', '.join(left)} but no format.json, so their format is unknown. "
                    f'Restore the file (format {FORMAT} is {{"format": {FORMAT}}}), or use another folder.'
                )
            make_folder(root)
            replace_file(mark, json.dumps({"format": FORMAT}).encode() + b"\n")
        _check_format(mark)
        if create:
            for name in _FOLDERS:
                make_folder(root / name)
        return Home(root)

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's URL of the ledger in this folder."""
        return f"sqlite:///{self.root / 'ledger.db'}"

    def lock(self, role: str) -> Lock:
        """Hold `role` (such as ``"serve"``) in this home until the returned context is left.

        Raises
        ------
        StateError
            When another process holds it, naming that process; a killed holder's lock is free at once.
        """
        if not role or not role.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"a lock's role is a short name of letters, digits, - and _, not {role!r}.")
        make_folder(self.root / "locks")
        return Lock(self.root / "locks" / f"{role}.lock", role)


def _check_format(mark: Path) -> None:
    try:
        number = json.loads(mark.read_bytes())["format"]
    except (ValueError, KeyError, TypeError):
        raise StateError(f"{mark} is not readable as a format file. Restore it from a backup.") from None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise StateError(
            f"{mark} names format {number!r}, which no version of hindcast writes. Restore it from a backup."
        )
    if number > FORMAT:
        raise StateError(
            f"{mark.parent} has format {number}, newer than this version's {FORMAT}. Upgrade hindcast to open it."
        )
