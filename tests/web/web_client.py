"""Calls to an ASGI application, byte for byte as they are written: no client tidies up a hostile path on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls `app` with the headers of `token`."""

    def __init__(self, app: Any, token: str | None = None) -> None:
        self.app = app
        self.headers = {} if token is None else {"authorization": f"Bearer {token}"}

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, [data], headers={"content-type": "application/json", **headers})

    def call(
        self, method: str, path: str, parts: Iterable[bytes] = (), *, headers: dict[str, str] | None = None
    ) -> Answer:
        raw, _, query = path.partition("?")
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in (headers or {}).items()}}
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
            "method": method, "scheme": "http",
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"), "raw_path": raw.encode(),
            "query_string": query.encode(), "root_path": "", "server": ("server", 80), "client": ("client", 1),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        }  # fmt: skip
        waiting = list(parts) or [b""]
        said: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.Event().wait()  # the caller stays and says no more
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self.app(scope, receive, send))
        start = next(message for message in said if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in said if message["type"] == "http.response.body")
        return Answer(start["status"], {k.decode(): v.decode("latin-1") for k, v in start["headers"]}, body)
