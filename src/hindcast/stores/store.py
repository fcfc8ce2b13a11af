"""Where online features may lie so that several processes can read them: bytes by key, one writer, many readers.

A store knows nothing of features. It promises four things, and one suite of laws holds every store to them: a commit
is there whole or not at all, what was acknowledged stays as long as the medium does, one read of many keys sees one
moment, and one writer at a time may write. What lies in it is :mod:`hindcast.stores.writer`'s concern.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from hindcast.errors import StateError

__all__ = ["OnlineStore", "StoreWriter", "decode_key", "encode_key"]

LONGEST_KEY = 400
"""Bytes of a stored key at most, so that it fits every store (LMDB takes 511)."""

_DIGESTED = 0xFF


class StoreWriter(Protocol):
    """The right to write a store, held by one at a time."""

    def commit(self, puts: Mapping[bytes, bytes | None]) -> None:
        """Put these values, None removing its key, all together; acknowledged when it returns.

        Raises
        ------
        StateError
            When it was refused or could not be done, and nothing changed; or, over a network, when nobody knows
            whether it was done. Either way the next commit must hold these keys again, or the writer be reopened.
        """
        ...

    def clear(self) -> None:
        """Remove every key, in one commit."""
        ...

    def release(self) -> None:
        """Let the next writer in; a second call does nothing."""
        ...

    def __enter__(self) -> StoreWriter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OnlineStore(Protocol):
    """Bytes by key, for one writer and any number of readers, in any number of threads.

    Laws: a reader sees every commit whole or not at all, and commits in their order; one ``get_many`` sees one
    moment between two commits; what a commit acknowledged is there for every reader that asks later; of two writers
    the second is refused with :class:`~hindcast.errors.StateError`; so is the commit of a writer whose place was
    taken.

    Attributes
    ----------
    place : str
        Where it is, for messages; holds no password.
    """

    @property
    def place(self) -> str: ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys` in their order, None for a key that is not there; all of one moment, in one trip.

        Keys are 1 to 400 bytes long.
        """
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that begins with `prefix`, and its value, in no particular order.

        Of one moment only while nobody writes: it is what a writer reads when it starts.
        """
        ...

    def writer(self, role: str) -> StoreWriter:
        """Become the one writer; `role` says in messages what it does.

        Raises
        ------
        StateError
            When there is one already.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
        ...


def encode_key(kind: bytes, parts: Sequence[Any]) -> tuple[bytes, bytes]:
    """A stored key for the values `parts` (str, int, float, bool), and what :func:`decode_key` needs besides it.

    Equal values have equal keys, whatever their types: 1, 1.0 and True are one entity, as they are in a dict. Keys
    longer than :data:`LONGEST_KEY` bytes are replaced by a digest (BLAKE2b, 256 bits); what they were comes back as
    the second value, which is empty for all others and belongs into what is stored.

    Parameters
    ----------
    kind : bytes
        What the key names, so that different things do not meet; short, its first byte not 0xFF.

    Examples
    --------
    >>> key, rest = encode_key(b"f0", ["JFK", 4.0])
    >>> key, rest
    (b'f0s\\x03\\x00\\x00\\x00JFKi\\x01\\x00\\x00\\x004', b'')
    >>> key == encode_key(b"f0", ["JFK", 4])[0], decode_key(b"f0", key, rest)
    (True, ('JFK', 4))
    >>> long, rest = encode_key(b"f0", ["x" * 1000])
    >>> len(long), decode_key(b"f0", long, rest) == ("x" * 1000,)
    (35, True)
    """
    made = bytearray()
    for part in parts:
        tag, body = _encoded(part)
        made += tag + struct.pack("<I", len(body)) + body
    if len(kind) + len(made) <= LONGEST_KEY:
        return kind + bytes(made), b""
    return kind + bytes([_DIGESTED]) + hashlib.blake2b(made, digest_size=32).digest(), bytes(made)


def decode_key(kind: bytes, key: bytes, rest: bytes = b"") -> tuple[Any, ...]:
    """The values that :func:`encode_key` made `key` and `rest` from; numbers that are whole come back as int.

    Raises
    ------
    StateError
        For bytes that it never made.
    """
    body = key[len(kind) :]
    if body[:1] == bytes([_DIGESTED]):
        body = rest
    parts: list[Any] = []
    at = 0
    try:
        while at < len(body):
            tag, (size,) = body[at : at + 1], struct.unpack_from("<I", body, at + 1)
            part = body[at + 5 : at + 5 + size]
            if len(part) != size:
                raise ValueError("it ends early")
            parts.append(_decoded(tag, part))
            at += 5 + size
    except (ValueError, struct.error) as error:
        raise StateError(
            f"the key {key[:60]!r} was not written by this version of hindcast ({error}). Clear the store and fold "
            "again."
        ) from None
    return tuple(parts)


def _encoded(part: Any) -> tuple[bytes, bytes]:
    if isinstance(part, str):
        return b"s", part.encode("utf-8", "surrogatepass")
    if isinstance(part, float) and not part.is_integer():
        return b"f", struct.pack("<d", part)
    return b"i", b"%d" % int(part)


def _decoded(tag: bytes, body: bytes) -> Any:
    if tag == b"s":
        return body.decode("utf-8", "surrogatepass")
    if tag == b"f":
        return struct.unpack("<d", body)[0]
    if tag == b"i":
        return int(body)
    raise ValueError(f"it has a part of kind {tag!r}")
