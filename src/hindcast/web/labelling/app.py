"""The labelling page's server: a project over HTTP, and nothing of labelling in between.

Every call under ``/api/v1/`` carries a person's token as a bearer token. There are no cookies, so another site can
make a browser send nothing in somebody's name. Answers are acknowledged when they are on disk.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from hindcast.errors import HindcastError, RequestError, UnknownName
from hindcast.labelling.project import Project
from hindcast.labelling.tasks import Annotator
from hindcast.serve.protocol import HttpError, decoded, encoded, error_of
from hindcast.web.assets import SECURITY_HEADERS, Assets, packaged
from hindcast.web.labelling.protocol import (
    AdjudicationBody,
    AnswerBody,
    GuidelineBody,
    PersonBody,
    UndoBody,
    guideline_of,
    item_of,
    judgement_of,
    me_of,
    task_of,
)
from hindcast.web.labelling.report import report_of

__all__ = ["labelling_app"]

BODY_BYTES = 128 << 10
BODY_S = 60.0
GUIDELINE_BYTES = 1 << 20
MOST_HELD = 200
MOST_HISTORY = 1_000
MOST_DISPUTES = 200
IMAGE = re.compile(r"[0-9a-f]{16,64}\.(png|jpg|gif|bmp|webp)")
IMAGE_TYPES = {"jpg": "image/jpeg"}

EXPORTS = {
    "facts": ("csv", "jsonl", "parquet"),
    "long": ("csv", "jsonl"),
    "wide": ("csv",),
    "label-studio": ("json",),
    "doccano": ("jsonl",),
    "prodigy": ("jsonl",),
}
"""What can be downloaded, and as which kinds of files."""

_Body = TypeVar("_Body")
_Handler = Callable[[Request, Annotator], Awaitable[Response]]


class _Face:
    """The handlers, over a project; whatever touches the disk runs in a thread."""

    def __init__(self, project: Project, assets: Assets) -> None:
        self.project, self.assets = project, assets

    async def page(self, request: Request) -> Response:
        return Response(self.assets.page("labelling/index.html"), headers=_headers("text/html; charset=utf-8"))

    async def live(self, request: Request) -> Response:
        return _json({"live": True})

    async def me(self, request: Request, who: Annotator) -> Response:
        def told() -> dict[str, Any]:
            disputed = self.project.disputed() if who.role == "adjudicator" else None
            return me_of(self.project, who, disputed)

        return _json(await run_in_threadpool(told))

    async def next(self, request: Request, who: Annotator) -> Response:
        held = request.query_params.getlist("held")
        if len(held) > MOST_HELD:
            raise RequestError(f"a page may hold {MOST_HELD} items, not {len(held)}; send its answers first.")

        def told() -> dict[str, Any]:
            task = self.project.next(who, besides=held)
            done, left = self.project.reached(who)
            return {
                "task": task and task_of(task),
                "done": done,
                "total": done + left,
                "guideline": self.project.guideline().version,
            }

        return _json(await run_in_threadpool(told))

    async def answers(self, request: Request, who: Annotator) -> Response:
        body = await _body(request, AnswerBody)
        event = await run_in_threadpool(
            self.project.answer,
            who,
            body.item,
            body.label,
            action=body.action,
            comment=body.comment,
            seconds=body.seconds,
            key=body.key,
        )
        return _json({"position": event.position, "guideline": self.project.guideline().version})

    async def undo(self, request: Request, who: Annotator) -> Response:
        body = await _body(request, UndoBody)
        item = await run_in_threadpool(self.project.undo, who, item_id=body.item, key=body.key)
        return _json({"item": item})

    async def history(self, request: Request, who: Annotator) -> Response:
        count = _number(request, "n", 20, MOST_HISTORY)

        def told() -> list[dict[str, Any]]:
            said = self.project.history(who, count)
            return [{**judgement_of(one), "item": item_of(self.project.item(one.item))} for one in said]

        return _json({"answers": await run_in_threadpool(told)})

    async def guideline(self, request: Request, who: Annotator) -> Response:
        newest = self.project.guideline().version
        version = _number(request, "version", newest, newest)
        return _json(guideline_of(await run_in_threadpool(self.project.guideline, version), newest))

    async def set_guideline(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        body = await _body(request, GuidelineBody, GUIDELINE_BYTES)
        return _json({"version": await run_in_threadpool(self.project.set_guideline, body.text)})

    async def people(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        body = await _body(request, PersonBody)

        def added() -> str:
            return self.project.add_annotator(body.name, role=body.role, renew=body.renew)

        return _json({"name": body.name, "role": body.role, "token": await run_in_threadpool(added)})

    async def queue(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        return _json(await run_in_threadpool(self._disputes))

    def _disputes(self) -> dict[str, Any]:
        queue = self.project.adjudication_queue()
        disputes = [
            {
                "item": item_of(one.item),
                "reasons": list(one.reasons),
                "label": one.label,
                "answers": [judgement_of(said) for said in one.judgements],
            }
            for one in queue[:MOST_DISPUTES]
        ]
        return {"disputes": disputes, "waiting": len(queue)}

    async def adjudications(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        body = await _body(request, AdjudicationBody)
        event = await run_in_threadpool(
            self.project.adjudicate, who, body.item, body.label, comment=body.comment, key=body.key
        )
        return _json({"position": event.position})

    async def report(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        return _json(await run_in_threadpool(report_of, self.project))

    async def export(self, request: Request, who: Annotator) -> Response:
        _adjudicates(who)
        name = request.query_params.get("format", "facts")
        endings = EXPORTS.get(name)
        if endings is None:
            raise UnknownName("format", name[:50], EXPORTS)
        ending = request.query_params.get("file", endings[0])
        if ending not in endings:
            raise UnknownName("kind of file", ending[:50], endings, f"format {name}")

        def written() -> bytes:
            path = self.project.folder / f".export-{token_hex(8)}.{ending}"
            try:
                self.project.export(path, name)
                return path.read_bytes()
            finally:
                path.unlink(missing_ok=True)

        body = await run_in_threadpool(written)
        headers = _headers("application/octet-stream")
        return Response(body, headers={**headers, "content-disposition": f'attachment; filename="{name}.{ending}"'})

    async def image(self, request: Request, who: Annotator) -> Response:
        name = request.path_params["name"]
        path = self.project.folder / "media" / name
        if not IMAGE.fullmatch(name) or not path.is_file() or path.is_symlink():
            raise HttpError(404, "no such image.")
        kind = name.rpartition(".")[2]
        headers = {**SECURITY_HEADERS, "cache-control": "private, max-age=31536000, immutable"}
        return FileResponse(path, headers=headers, media_type=IMAGE_TYPES.get(kind, f"image/{kind}"))

    def known(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """`handler` for callers whose token is somebody's."""

        async def handled(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            who = self.project.annotator_of(token.strip()) if scheme.lower() == "bearer" and token else None
            if who is None:
                raise HttpError(401, "send your token: Authorization: Bearer <token>.")
            return await handler(request, who)

        return handled


def labelling_app(project: Project) -> Starlette:
    """The labelling page of a project as an ASGI application; :func:`hindcast.web.labelling.run` serves it.

    Parameters
    ----------
    project : Project
        Opened for writing. The caller closes it.
    """
    face = _Face(project, packaged())
    calls: Mapping[str, tuple[_Handler, str]] = {
        "me": (face.me, "GET"),
        "next": (face.next, "GET"),
        "answers": (face.answers, "POST"),
        "undo": (face.undo, "POST"),
        "history": (face.history, "GET"),
        "guideline": (face.guideline, "GET"),
        "images/{name}": (face.image, "GET"),
        "queue": (face.queue, "GET"),
        "adjudications": (face.adjudications, "POST"),
        "people": (face.people, "POST"),
        "report": (face.report, "GET"),
        "export": (face.export, "GET"),
    }
    routes = [Route(f"/api/v1/{path}", face.known(handler), methods=[how]) for path, (handler, how) in calls.items()]
    routes.insert(0, Route("/api/v1/guideline", face.known(face.set_guideline), methods=["POST"]))
    return Starlette(
        routes=[
            Route("/", face.page, methods=["GET"]),
            Route("/health/live", face.live, methods=["GET"]),
            face.assets.route(),
            *routes,
        ],
        exception_handlers={
            HindcastError: _failed,
            HttpError: _failed,
            HTTPException: _refused,
            ClientDisconnect: _gone,
        },
    )


def _adjudicates(who: Annotator) -> None:
    if who.role != "adjudicator":
        raise HttpError(403, f"this is for adjudicators, and {who.name} is an {who.role}.")


async def _body(request: Request, kind: type[_Body], limit: int = BODY_BYTES) -> _Body:
    """The body, as long as it is JSON, of the right shape, and not too large."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise HttpError(415, f"send application/json, not {media[:100] or 'nothing'}.")
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise HttpError(413, f"a body may have at most {limit} bytes.")
                parts.append(part)
    except TimeoutError:
        raise HttpError(408, f"a body must arrive within {BODY_S:.0f} seconds.") from None
    return decoded(b"".join(parts), kind)


def _number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, from 1 to `most`."""
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise RequestError(f"{name} must be a whole number from 1 to {most}, got {text[:50]!r}.")
    return int(text)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HindcastError | HttpError)
    status, body = error_of(error)
    extra = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status, {})
    return _json(body, status, extra)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {"error": {"type": "HttpError", "message": f"{error.detail}: {request.method} {request.url.path[:200]}"}}
    return _json(body, error.status_code, dict(error.headers or {}))


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is there to be answered."""
    return Response(status_code=400)


def _headers(kind: str) -> dict[str, str]:
    return {**SECURITY_HEADERS, "cache-control": "no-store", "content-type": kind}


def _json(body: Any, status: int = 200, extra: Mapping[str, str] | None = None) -> Response:
    return Response(encoded(body), status, {**_headers("application/json"), **(extra or {})})
