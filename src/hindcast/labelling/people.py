"""Who may label: a token for each, of which only the hash is kept."""

from __future__ import annotations

import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import get_args

from hindcast.errors import ConfigError
from hindcast.labelling.book import Book
from hindcast.labelling.log import Draft
from hindcast.labelling.tasks import Annotator, Role, check_name
from hindcast.parameters import choice, switch

__all__ = ["add_annotator", "annotator_of", "revoke"]


def add_annotator(book: Book, name: str, role: Role, renew: bool, token: str | None) -> str:
    """See :meth:`hindcast.labelling.Project.add_annotator`."""
    check_name(name, "an annotator's name")
    choice("role", role, get_args(Role))
    switch("renew", renew)
    if token is None:
        token = token_urlsafe(24)
    elif not isinstance(token, str) or not re.fullmatch(r"[\w-]{22,200}", token, re.ASCII):
        raise ConfigError("a token is 22 to 200 letters, digits, - and _; secrets.token_urlsafe() makes one.")
    with book.lock:
        there = book.state.annotators.get(name)
        whose = book.state.tokens.get(_hash(token))
        if whose is not None and whose != name:
            raise ConfigError("this token is somebody else's. Make another one.")
        if there is not None and whose == name and there.role == role:
            return token
        if there is not None and there.active and not there.imported and not renew:
            raise ConfigError(f"annotator {name!r} is there already. For a new token, pass renew=True.")
        book.log.append([Draft("annotator", who=name, body={"role": role, "token": _hash(token)})])
    return token


def annotator_of(book: Book, token: str) -> Annotator | None:
    """See :meth:`hindcast.labelling.Project.annotator_of`."""
    with book.lock:
        name = book.state.tokens.get(_hash(token))
        return None if name is None else book.state.annotators[name]


def revoke(book: Book, name: Annotator | str) -> None:
    """See :meth:`hindcast.labelling.Project.revoke`."""
    with book.lock:
        found = book.annotator(name, active=False)
        if found.active:
            book.log.append([Draft("revoked", who=found.name)])


def _hash(token: str) -> str:
    return sha256(str(token).encode(errors="replace")).hexdigest()
