"""Slow and endless callers: they lose their connection, and everybody else is served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn

from hindcast.labelling import Item, Project
from hindcast.serve.listening import listen
from hindcast.web.labelling import app, connections, labelling_app
from hindcast.web.labelling.connections import HEAD_BYTES, ImpatientProtocol

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]


def talk(tmp_path: Path, *talks: Talk) -> None:
    """Let callers who have a token talk to a server, one after another."""
    with (
        Project.create(tmp_path / "p", name="p", classes=["a", "b"]) as project,
        listen("127.0.0.1", 0) as listening,
    ):
        project.add_items([Item("i", "x")])
        token = project.add_annotator("Ann")

        async def all_of_them() -> None:
            config = uvicorn.Config(
                labelling_app(project), http=ImpatientProtocol, ws="none", lifespan="off", log_config=None
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            for one in talks:
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                await one(reader, writer, token)
                writer.close()
            server.should_exit = True
            await serving

        asyncio.run(all_of_them())


def head(token: str, method: str, path: str, **more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}"]
    return "\r\n".join(
        [*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in more.items()), "", ""]
    ).encode()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server hangs up, however it does that."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def test_who_never_asks_or_never_ends_the_head_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        assert await read_all(reader) == b""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ")
        assert await read_all(reader) == b""

    async def after_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        writer.write(head(token, "GET", "/api/v1/me"))
        told = await reader.readuntil(b'"disputed":null}}')
        assert told.startswith(b"HTTP/1.1 200")
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ")
        assert await read_all(reader) == b""

    talk(tmp_path, silent, half, after_an_answer)


def test_a_head_without_end_is_cut_off(tmp_path: Path) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n")
        try:
            for n in range(64):
                writer.write(f"x-{n}: ".encode() + b"y" * (HEAD_BYTES // 16) + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        assert b"200" not in await read_all(reader)

    async def large_but_whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        body = json.dumps({"item": "i", "key": "k", "label": "a", "comment": "c" * 9_000}).encode()
        writer.write(
            head(token, "POST", "/api/v1/answers", content_type="application/json", content_length=str(len(body)))
        )
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    talk(tmp_path, endless, large_but_whole)


def test_a_body_that_does_not_arrive_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_S", 0.05)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        writer.write(
            head(token, "POST", "/api/v1/answers", content_type="application/json", content_length="100") + b'{"item"'
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")

    async def a_bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        monkeypatch.setattr(app, "BODY_S", 60.0)
        writer.write(
            head(token, "POST", "/api/v1/answers", content_type="application/json", content_length=str(1 << 40))
        )
        writer.write(b"[" * (256 << 10))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")

    talk(tmp_path, half, a_bomb)
