"""Images of a project: copied in once, named by what they are."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.errors import DataError
from hindcast.journal import make_folder, replace_file
from hindcast.values import digest

if TYPE_CHECKING:
    from hindcast.labelling.book import Book
    from hindcast.labelling.tasks import Item

__all__ = ["beside", "image_type", "keep_image", "place_of"]

_LARGEST = 64 << 20
_WRITTEN = re.compile(r"data:[\w/+.-]*;base64,")
_TYPES = (
    ("png", b"\x89PNG\r\n\x1a\n", b""),
    ("jpg", b"\xff\xd8\xff", b""),
    ("gif", b"GIF87a", b""),
    ("gif", b"GIF89a", b""),
    ("bmp", b"BM", b""),
    ("webp", b"RIFF", b"WEBP"),
)


def image_type(data: bytes) -> str | None:
    """``"png"``, ``"jpg"``, ``"gif"``, ``"bmp"`` or ``"webp"`` by the first bytes, else None.

    SVG is none of them: it may hold scripts, which would run in the annotator's browser.

    Examples
    --------
    >>> image_type(bytes([0xFF, 0xD8, 0xFF, 0xE0])), image_type(b"<svg/>")
    ('jpg', None)
    """
    for name, head, later in _TYPES:
        if data.startswith(head) and data[8 : 8 + len(later)] == later:
            return name
    return None


def keep_image(folder: Path, content: str | Path | bytes) -> str:
    """Copy an image into `folder`, durably, and give its name there; the same image again is the same name.

    Its content is a file's path, its bytes, or an address that holds it (``data:image/png;base64,...``).

    Raises
    ------
    DataError
        When it cannot be read, is larger than 64 MiB, or is no PNG, JPEG, GIF, BMP or WebP.
    """
    if isinstance(content, bytes):
        data, shown = content, f"{len(content)} bytes"
    else:
        shown = str(content) if len(str(content)) <= 200 else f"{str(content)[:197]}..."
        if "://" in shown[:12]:
            raise DataError("an image is given as a file; nothing is fetched", column="content", value=shown)
        try:
            written = _WRITTEN.match(content) if isinstance(content, str) else None
            if written:
                data = b64decode(str(content)[written.end() :], validate=True)
            else:
                data = Path(content).expanduser().read_bytes()
        except (OSError, ValueError) as error:
            raise DataError(f"the image cannot be read: {error}", column="content", value=shown) from None
    if len(data) > _LARGEST:
        raise DataError("an image is larger than 64 MiB", column="content", value=shown)
    kind = image_type(data)
    if kind is None:
        raise DataError("no PNG, JPEG, GIF, BMP or WebP image", column="content", value=shown)
    name = f"{digest(data, length=32)}.{kind}"
    make_folder(folder)
    if not (folder / name).exists():
        replace_file(folder / name, data)
    return name


def place_of(image: Any, folder: Path) -> Any:
    """Where an image is that a file in `folder` names; what is no path there is left as it is."""
    if isinstance(image, str) and not ("://" in image[:12] or _WRITTEN.match(image)):
        return folder / image
    return image


def beside(book: Book, item: Item, path: Path) -> Any:
    """The content of an item for a file at `path`: of an image, where it lies as seen from there."""
    if book.settings.kind != "image":
        return item.content
    return Path(os.path.relpath(book.folder / "media" / item.content, path.absolute().parent)).as_posix()
