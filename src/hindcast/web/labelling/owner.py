"""The owner's way in: while a project is served, commands reach it through the process that writes it.

The server listens at a port of its own on the loopback, and says where in ``owner.json`` in the project's folder, with
a secret, for its owner's eyes alone (0600). The secret never travels: who asks proves that they have read it by a
code over the body, and the server that answers proves the same over both. So a program that happens to listen where
a crashed server did learns nothing, and is not believed.
"""

from __future__ import annotations

import hmac
import http.client
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from hindcast import errors
from hindcast.errors import ConfigError, HindcastError, StateError
from hindcast.labelling.book import check_path
from hindcast.labelling.log import Taken
from hindcast.labelling.operations import Operation
from hindcast.labelling.project import Project
from hindcast.serve.protocol import HttpError, encoded, error_of

if TYPE_CHECKING:
    import socket

    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["MOST_BYTES", "admitted", "owner_app", "perform"]

FILE = "owner.json"
PATH = "/owner/v1/operations"
MOST_BYTES = 256 << 20
TRIES, PAUSE_S = 100, 0.1
CONNECT_S, ANSWER_S = 5.0, 3600.0

_log = logging.getLogger("hindcast.web.labelling")
_operations = msgspec.json.Decoder(Operation)


# ---- asking ---------------------------------------------------------------------------------------------


def perform(folder: Path | str, operation: Operation) -> Any:
    """Carry out an operation on a project: here if nobody writes it, else by the server that does.

    Who is neither there nor gone (a command that writes just now, a server that starts or stops) is waited for, some
    ten seconds. An operation whose answer was lost is carried out again, and counts once.

    Parameters
    ----------
    folder : path
        Of the project.
    operation : Operation
        One of :mod:`hindcast.labelling.operations`. Files in it are read by whoever writes, on this machine.

    Returns
    -------
    object
        What the method of the same meaning of :class:`hindcast.labelling.Project` returns.

    Raises
    ------
    HindcastError
        As that method does.
    StateError
        When there is no project, or another process keeps it and serves no owner.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from hindcast.labelling.operations import AddItems
    >>> with TemporaryDirectory() as home:
    ...     Project.create(Path(home) / "spam", name="spam", classes=["ham", "spam"]).close()
    ...     perform(Path(home) / "spam", AddItems(items=[{"id": "c1", "text": "Great song"}]))
    Added(added=1, known=0, refused=())
    """
    place = check_path(folder, "folder")
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S)
        try:
            project = Project.open(place)
        except Taken as error:
            taken = error
        else:
            with project:
                (place / FILE).unlink(missing_ok=True)  # whoever left it is gone: the lock is ours
                return operation.on(project)
        letter = _asked(place / FILE, operation)
        if letter is not None:
            return _told(letter, operation)
    raise taken


def _asked(file: Path, operation: Operation) -> dict[str, Any] | None:
    """The server's letter; None when no server answers there."""
    try:
        where = json.loads(file.read_bytes())
        port, secret = int(where["port"]), str(where["secret"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    body = msgspec.json.encode(operation)
    asked = sha256(body).hexdigest()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CONNECT_S)
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_S)
        proof = f"{asked}.{_proof(secret, 'ask', asked)}"
        connection.request("POST", PATH, body, {"content-type": "application/json", "x-owner": proof})
        answer = connection.getresponse()
        told = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    proof = _proof(secret, "answer", asked, sha256(told).hexdigest())
    if not hmac.compare_digest(answer.headers.get("x-owner", "").encode(), proof.encode()):
        return None
    letter: dict[str, Any] = json.loads(told)
    return letter


def _told(letter: dict[str, Any], operation: Operation) -> Any:
    """What a letter holds: the result as it would be here, or the error raised."""
    if "error" in letter:
        name, message = letter["error"]["type"], letter["error"]["message"]
        kind = ConfigError if name == "UnknownName" else getattr(errors, name, HindcastError)
        raise kind(message)
    return msgspec.convert(letter["result"], operation.returns)


# ---- answering ------------------------------------------------------------------------------------------


@contextmanager
def admitted(project: Project, app: ASGIApp, listening: socket.socket) -> Iterator[ASGIApp]:
    """`app`, with the owner's way in at `listening`, for as long as ``owner.json`` says so.

    Parameters
    ----------
    project : Project
        Opened for writing.
    app : ASGI application
        Answers everybody else.
    listening : socket
        Of the owner, on the loopback; the server must listen there too.
    """
    secret, own = token_hex(32), listening.getsockname()[:2]
    owner = owner_app(project, secret)

    async def switched(scope: Any, receive: Any, send: Any) -> None:
        where = scope.get("server")
        await (owner if where is not None and tuple(where) == own else app)(scope, receive, send)

    file = project.folder / FILE
    told = json.dumps({"port": own[1], "secret": secret}).encode()
    draft = file.with_name(f".{FILE}.{token_hex(4)}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(told)
        draft.replace(file)
        yield switched
    finally:
        draft.unlink(missing_ok=True)
        file.unlink(missing_ok=True)


def owner_app(project: Project, secret: str) -> ASGIApp:
    """The owner's operations on a project over HTTP, for who knows `secret`."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response
    from starlette.routing import Route

    async def operations(request: Request) -> Response:
        asked, _, proof = request.headers.get("x-owner", "").partition(".")
        if not hmac.compare_digest(proof.encode(), _proof(secret, "ask", asked).encode()):
            return Response(status_code=401)
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > MOST_BYTES:
                break
            parts.append(part)
        body = b"".join(parts)
        if size > MOST_BYTES:
            status, letter = error_of(HttpError(413, f"an operation may have at most {MOST_BYTES >> 20} MiB."))
        elif sha256(body).hexdigest() != asked:
            return Response(status_code=400)
        else:
            status, letter = await run_in_threadpool(_carried_out, project, body)
        told = encoded(letter)
        return Response(
            told,
            status,
            {"x-owner": _proof(secret, "answer", asked, sha256(told).hexdigest())},
            media_type="application/json",
        )

    return Starlette(routes=[Route(PATH, operations, methods=["POST"])])


def _carried_out(project: Project, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        return 200, {"result": _operations.decode(body).on(project)}
    except msgspec.MsgspecError as error:
        return error_of(StateError(f"the server knows no such operation ({error}). Is it of another version?"))
    except HindcastError as error:
        return error_of(error)
    except Exception as error:  # a fault of ours: the owner is told, and everybody else goes on
        _log.exception("an operation of the owner failed")
        return error_of(StateError(f"the labelling server failed: {error!r}. Its log says where."))


def _proof(secret: str, *parts: str) -> str:
    """A code over `parts` that only who knows `secret` can make."""
    return hmac.new(secret.encode(), "\n".join(parts).encode(), sha256).hexdigest()
