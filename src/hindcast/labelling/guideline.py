"""Guidelines: what annotators are told, every version of it kept whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hindcast.errors import ConfigError, StateError
from hindcast.journal import make_folder, replace_file
from hindcast.labelling.log import Draft
from hindcast.parameters import whole
from hindcast.values import digest

if TYPE_CHECKING:
    from hindcast.labelling.book import Book

__all__ = ["Guideline", "guideline_of", "keep_guideline", "read_guideline", "set_guideline"]


@dataclass(frozen=True, slots=True)
class Guideline:
    """One version of the guideline.

    Parameters
    ----------
    version : int
        From 1.
    digest : str
        Of the text; its file is named by it.
    text : str
        Markdown.
    since_us : int
        From when on tasks are handed out under it.
    """

    version: int
    digest: str
    text: str
    since_us: int


def set_guideline(book: Book, markdown: str) -> int:
    """See :meth:`hindcast.labelling.Project.set_guideline`."""
    with book.lock:
        name = keep_guideline(book.folder / "guidelines", markdown)
        if name != book.state.guidelines[-1][0]:
            book.log.append([Draft("guideline", body={"digest": name})])
        return book.version


def guideline_of(book: Book, version: int | None) -> Guideline:
    """See :meth:`hindcast.labelling.Project.guideline`."""
    with book.lock:
        last = book.version
        number = last if version is None else whole("the guideline's version", version, least=1, most=last)
        name, since = book.state.guidelines[number - 1]
    return Guideline(number, name, read_guideline(book.folder / "guidelines", name), since)


def keep_guideline(folder: Path, text: str) -> str:
    """Put a guideline's text on disk; its digest. The same text again changes nothing.

    Raises
    ------
    ConfigError
        When it is not text.
    """
    if not isinstance(text, str):
        raise ConfigError(f"a guideline is Markdown text, got {type(text).__name__}.")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"the guideline is not proper text: {error}.") from None
    name = digest(data)
    make_folder(folder)
    path = folder / f"{name}.md"
    if not path.exists():
        replace_file(path, data)
    return name


def read_guideline(folder: Path, name: str) -> str:
    """The text of the guideline with this digest.

    Raises
    ------
    StateError
        When its file is gone or was altered.
    """
    path = folder / f"{name}.md"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StateError(f"guideline {path} cannot be read: {error}. Restore it from a backup.") from None
    if digest(data) != name:
        raise StateError(
            f"guideline {path} was altered since answers were given under it. Restore it from a backup, and set the "
            "new text as a new version."
        )
    return data.decode()
