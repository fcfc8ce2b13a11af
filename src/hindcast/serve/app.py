"""The server's face: HTTP in, HTTP out, and nothing of the domain in between."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hindcast import __version__
from hindcast.clock import ReplayClock, stopwatch_s
from hindcast.errors import HindcastError, RequestError, StateError
from hindcast.facts.fit import checked_value
from hindcast.serve.openapi import openapi
from hindcast.serve.protocol import (
    FactsBody,
    HttpError,
    PredictBody,
    answer_of,
    asks_of,
    decoded,
    encoded,
    error_of,
    receipt_of,
)
from hindcast.serve.service import Service

__all__ = ["Limits", "build_app"]

Page = bytes | Path | None


class Limits:
    """How much one call may ask.

    Parameters
    ----------
    body_bytes : int, default 8 MiB
        A larger body is answered with 413 before it is read to its end.
    requests : int, default 1,000
        Per call of predict. They are answered without a pause, so this bounds what another caller waits.
    rows : int, default 10,000
        Per push of facts.
    """

    def __init__(self, *, body_bytes: int = 8 << 20, requests: int = 1_000, rows: int = 10_000) -> None:
        self.body_bytes, self.requests, self.rows = body_bytes, requests, rows


class _Face:
    """The handlers, over a service that may still be opening."""

    def __init__(self, limits: Limits, page: Page, secured: bool) -> None:
        self.limits, self.page, self.secured = limits, page, secured
        self.service: Service | None = None
        self.opening = "the state is being loaded"

    def get(self) -> Service:
        if self.service is None:
            raise StateError(f"not ready yet: {self.opening}.")
        return self.service

    async def predict(self, request: Request) -> Response:
        service = self.get()
        body = decoded(await self._body(request), PredictBody)
        records = await service.predict(asks_of(body, service.predictor.kinds, self.limits.requests))
        said = {v: self._said(service, v) for v in {r.version for r in records}} if body.explain else {}
        answers = [answer_of(r, features=body.features, explain=said.get(r.version)) for r in records]
        return _json({"predictions": answers})

    @staticmethod
    def _said(service: Service, version: str) -> dict[str, Any]:
        held = version in service.predictor.versions
        model = service.predictor.model(version) if held else None
        return {
            "threshold": service.predictor.threshold,
            "model": model.name if model else None,
            "importance": model.importance() if model else None,
        }

    async def facts(self, request: Request) -> Response:
        service = self.get()
        body = decoded(await self._body(request), FactsBody)
        if not 1 <= len(body.rows) <= self.limits.rows:
            raise RequestError(f"a push takes 1 to {self.limits.rows} rows, this one has {len(body.rows)}.")
        if body.key is not None and not 1 <= len(body.key) <= 200:
            raise RequestError("key must be a text of 1 to 200 characters.")
        receipt = await service.push(
            request.path_params["table"],
            body.rows,
            key=body.key,
            arrival=checked_value("arrival", body.arrival, "time"),
            quarantine=body.on_bad_rows == "quarantine",
        )
        return _json(receipt_of(receipt))

    async def live(self, request: Request) -> Response:
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        ready = self.service is not None and self.service.ready
        status = self.opening if self.service is None else self.service.status()
        return _json({"ready": ready, "status": status}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        telemetry = self.get().telemetry
        return Response(telemetry.text(), media_type=telemetry.content_type)

    async def model(self, request: Request) -> Response:
        service = self.get()
        roles, predictor = service.roles, service.predictor
        models = {
            version: {"model": predictor.model(version).name, "inputs": list(predictor.model(version).inputs)}
            for version in predictor.versions
        }
        return _json(
            {
                "system": service.system,
                "target": service.target,
                "champion": roles.champion,
                "challenger": roles.challenger,
                "stage": roles.stage,
                "share": roles.share,
                "threshold": predictor.threshold,
                "features": {"identity": service.plan.identity, "names": list(service.plan.names)},
                "request": dict(predictor.kinds),
                "versions": models,
                "status": service.status(),
            }
        )

    async def openapi(self, request: Request) -> Response:
        service = self.get()
        return _json(
            openapi(
                system=service.system,
                target=service.target,
                requests=service.predictor.kinds,
                features=service.plan.origins,
                tables=service.tables,
                replay=isinstance(service.clock, ReplayClock),
                secured=self.secured,
                max_rows=self.limits.requests,
                version=__version__,
            )
        )

    async def front(self, request: Request) -> Response:
        if isinstance(self.page, bytes):
            return Response(self.page, media_type="text/html")
        if self.page is not None and self.page.is_file():
            return Response(self.page.read_bytes(), media_type="text/html")
        title = "hindcast" if self.service is None else f"{self.service.system}: {self.service.target}"
        status = self.opening if self.service is None else self.service.status()
        text = (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
            f"<h1>{escape(title)}</h1><p>{escape(status)}</p>"
            "<ul><li><a href=/v1/model>model</a><li><a href=/openapi.json>description</a>"
            "<li><a href=/metrics>metrics</a><li><a href=/health/ready>ready</a></ul></html>"
        )
        return Response(text, media_type="text/html")

    async def _body(self, request: Request) -> bytes:
        """The body, as long as it is JSON and not too large."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpError(415, f"send application/json, not {kind[:100] or 'nothing'}.")
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self.limits.body_bytes:
                raise HttpError(413, f"a body may have at most {self.limits.body_bytes} bytes; send it in parts.")
            parts.append(part)
        return b"".join(parts)


class _Guard:
    """Around everything: the token, the stopwatch, and any domain error as an answer."""

    def __init__(self, app: ASGIApp, face: _Face, token: str | None, paths: frozenset[str]) -> None:
        self.app, self.face, self.paths = app, face, paths
        self.token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = stopwatch_s(), 500

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._welcome(scope):
                await self.app(scope, receive, noting)
            else:
                fault = {"error": {"type": "HttpError", "message": "send the token: Authorization: Bearer <token>."}}
                await _json(fault, 401, {"www-authenticate": "Bearer"})(scope, receive, noting)
        finally:
            if self.face.service is not None:
                telemetry, path = self.face.service.telemetry, scope["path"]
                path = path if path in self.paths else "/v1/facts" if path.startswith("/v1/facts/") else "other"
                telemetry.requests.labels(path, status).inc()
                telemetry.latency.labels(path).observe(stopwatch_s() - start)

    def _welcome(self, scope: Scope) -> bool:
        if self.token is None or scope["path"] in ("/health/live", "/health/ready"):
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, b"Bearer " + self.token)


def build_app(
    opener: Callable[[], Awaitable[Service]] | Service,
    *,
    token: str | None = None,
    page: Page = None,
    limits: Limits | None = None,
    on_ready: Callable[[Service], None] | None = None,
) -> Starlette:
    """The ASGI application.

    Parameters
    ----------
    opener : Service, or coroutine function giving one
        Awaited in the background at startup; until it is done only health answers. The app starts and closes it.
    token : str, optional
        Callers must send it as a bearer token, except for health.
    page : bytes or Path, optional
        The page at ``/``; a file is read anew each time. By default a line of status.
    limits : Limits, optional
    on_ready : function, optional
        Called once with the service when it is ready to be asked.
    """
    face = _Face(limits or Limits(), page, token is not None)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        import asyncio

        async def open_service() -> None:
            try:
                service = opener if isinstance(opener, Service) else await opener()
                await service.start()
            except Exception as error:
                face.opening = f"it could not be opened: {error}"
                raise
            face.service = app.state.service = service
            if on_ready is not None:
                on_ready(service)

        opening = asyncio.create_task(open_service())
        app.state.opening = opening
        try:
            yield
        finally:
            await asyncio.wait([opening])
            if face.service is not None:
                await face.service.close()

    paths = {
        "/": (face.front, "GET"),
        "/v1/predict": (face.predict, "POST"),
        "/v1/facts/{table}": (face.facts, "POST"),
        "/v1/model": (face.model, "GET"),
        "/openapi.json": (face.openapi, "GET"),
        "/metrics": (face.metrics, "GET"),
        "/health/live": (face.live, "GET"),
        "/health/ready": (face.ready, "GET"),
    }
    app = Starlette(
        routes=[Route(path, handler, methods=[method]) for path, (handler, method) in paths.items()],
        exception_handlers={
            HindcastError: _failed,
            HttpError: _failed,
            HTTPException: _refused,
            ClientDisconnect: _gone,
        },
        lifespan=lifespan,
    )
    app.add_middleware(_Guard, face=face, token=token, paths=frozenset(paths))
    return app


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HindcastError | HttpError)
    status, body = error_of(error)
    return _json(body, status, {"retry-after": "1"} if status == 503 else None)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {"error": {"type": "HttpError", "message": f"{error.detail}: {request.method} {request.url.path[:200]}"}}
    return _json(body, error.status_code, dict(error.headers or {}))


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is there to be answered."""
    return Response(status_code=400)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(encoded(body), status, headers, "application/json")
