"""Reading a journal beside the process that writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hindcast.errors import StateError
from hindcast.journal.framing import HEADER_BYTES, Damage, Frame, read_frames
from hindcast.journal.segments import Entry, Segment, read

__all__ = ["Reader"]


class Reader:
    """The entries of a journal as they are on disk; takes no lock, and changes nothing.

    What a writer is about to append appears with the next :meth:`refresh`; a torn tail is left to the next writer.
    An entry may be seen a moment before it is synced, so before its writer acknowledged it.

    Parameters
    ----------
    folder : Path
        Of the journal; a folder without segments is an empty journal.

    Raises
    ------
    StateError
        When what had been acknowledged is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from hindcast.journal import Journal
    >>> with TemporaryDirectory() as folder, Journal(folder) as journal:
    ...     reader = Reader(folder)
    ...     journal.append("fact", b"landed").result(), reader.last, reader.refresh(), reader.last
    ...     [entry.body for entry in reader.entries()]
    (1, 0, 1, 1)
    [b'landed']
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._segments: list[Segment] = []
        self.refresh()

    @property
    def last(self) -> int:
        """The position of the last entry found; 0 when there is none."""
        return self._segments[-1].last if self._segments else 0

    def refresh(self) -> int:
        """Look again; the last position. Cost: reads the newest segment, and what is new."""
        paths = sorted(self.folder.glob("*.seg"))
        known = {segment.path: segment for segment in self._segments[:-1]}
        found: list[Segment] = []
        for path in paths:
            segment = known.get(path) or _scan(path, newest=path == paths[-1])
            if found and segment.first != found[-1].last + 1:
                raise StateError(f"a journal segment is missing before {path}. Restore it from a backup.")
            found.append(segment)
        self._segments = found
        return self.last

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries found so far with a position greater than `after`, in order; memory is one frame."""
        for segment in self._segments:
            if segment.last > after:
                yield from read(segment, after=after, end=segment.end)


def _scan(path: Path, *, newest: bool) -> Segment:
    segment, damage = _frames(path)
    if damage is not None and damage.corrupt:
        segment, damage = _frames(path)  # read while it was written
    if damage is not None and (damage.corrupt or not newest):
        raise StateError(
            f"journal segment {path} is corrupt at offset {damage.offset} ({damage.reason}), in what was acknowledged. "
            "Restore the file from a backup."
        )
    return segment


def _frames(path: Path) -> tuple[Segment, Damage | None]:
    try:
        segment = Segment(path, int(path.stem), int(path.stem) - 1, HEADER_BYTES)
        for item in read_frames(path.read_bytes(), first=segment.first):
            if not isinstance(item, Frame):
                return segment, item
            segment.add(item.position, item.start)
            segment.last, segment.end = item.position + len(item.records) - 1, item.end
    except ValueError:
        raise StateError(f"{path} does not belong to a journal. Move it elsewhere.") from None
    except (OSError, StateError) as error:
        raise StateError(f"journal segment {path}: {error}. Restore it from a backup.") from None
    return segment, None
