"""The owner's commands while people label: through the process that writes, whoever is killed, and however often."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from labelling_server import Served

from hindcast.errors import ConfigError, DataError, StateError
from hindcast.labelling import Added, Imported, Item, Project
from hindcast.labelling.log import Taken
from hindcast.labelling.operations import (
    AddItems,
    Adjudicate,
    Enqueue,
    Import,
    LetIn,
    Revoke,
    SetGuideline,
)
from hindcast.web.labelling import owner, perform

pytestmark = [pytest.mark.service]

ADDING = """
import os, sys
from hindcast.labelling.operations import AddItems
from hindcast.web.labelling import owner, perform

owner.TRIES = 6_000  # however slow the machine: here it is about what counts, not about patience
folder, first, last, size = sys.argv[1], *map(int, sys.argv[2:])
for n in range(first, last):
    rows = [{"id": f"{n}-{k}", "text": "t" * 40} for k in range(size)]
    os.write(1, f"asking {n}\\n".encode())
    found = perform(folder, AddItems(items=rows))
    assert found.added + found.known == size and not found.refused, found
    os.write(1, f"done {n}\\n".encode())
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "p", [Item("c0", "zero"), Item("c1", "one")])
    yield made
    made.close()


def adding(folder: Path, first: int, last: int, size: int = 3) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", ADDING, str(folder), str(first), str(last), str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def lines(child: subprocess.Popen[bytes], upto: str) -> list[str]:
    """What a process says, up to a line."""
    assert child.stdout is not None
    found: list[str] = []
    while not found or found[-1] != upto:
        line = child.stdout.readline()
        assert line, found
        found.append(line.decode().strip())
    return found


def finished(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    with child.stdout:
        child.stdout.read()
    assert child.wait(60) == 0


def items(folder: Path) -> list[str]:
    with Project.open(folder, writing=False) as project:
        return list(project.items)


@pytest.mark.slow
def test_every_command_reaches_a_project_that_is_served(served: Served, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("id,text\nc2,two\n,nameless\n")
    (tmp_path / "crowd.csv").write_text("item,worker,label\nc2,w1,spam\nc2,w2,ham\n")
    folder = served.folder
    more = AddItems(items=str(tmp_path / "more.csv"), reason="asked for", priority=2.0)
    found = perform(folder, more)
    assert isinstance(found, Added)
    assert (found.added, found.known, found.refused[0].row) == (1, 0, 2)
    assert perform(folder, more).known == 1, "carried out again, nothing is added"
    crowd = Import(path=str(tmp_path / "crowd.csv"), format="long")
    assert perform(folder, crowd) == Imported(0, 2, 0, 0)
    assert perform(folder, crowd) == Imported(0, 0, 0, 2)
    dov = LetIn(name="Dov", role="adjudicator")
    assert perform(folder, dov) == perform(folder, dov) == dov.token
    page = httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {dov.token}"})
    assert page.get("/api/v1/me").json()["name"] == "Dov", "whoever is let in gets in at once"
    assert [one["item"]["id"] for one in page.get("/api/v1/queue").json()["disputes"]] == ["c2"]
    decision = Adjudicate(who="Dov", item="c2", label="spam", comment="it sells")
    assert perform(folder, decision) is perform(folder, decision) is None
    assert perform(folder, Enqueue(ids=["c2"], reason="its neighbours are ham", priority=0.9)) == 1
    assert page.get("/api/v1/queue").json()["disputes"][0]["label"] == "spam"
    assert perform(folder, SetGuideline(text="# Two")) == perform(folder, SetGuideline(text="# Two")) == 2
    assert page.get("/api/v1/guideline").json()["text"] == "# Two"
    perform(folder, Revoke(name="Dov"))
    assert page.get("/api/v1/me").status_code == 401
    page.close()
    with pytest.raises(ConfigError, match=r"Dov.* was revoked"):
        perform(folder, Adjudicate(who="Dov", item="c2", label="ham"))
    with pytest.raises(ConfigError, match="no item 'c99'"):
        perform(folder, Enqueue(ids=["c99"], reason="x", priority=0.0))
    with pytest.raises(DataError, match="no such file"):
        perform(folder, Import(path=str(tmp_path / "nowhere.csv"), format="long"))
    with Project.open(folder, writing=False) as project:
        assert [step.what for step in project.lineage("c2").steps].count("adjudicated") == 1

    file = folder / "owner.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_bytes())
    strangers(served, told["port"], told["secret"])
    assert served.stop(signal.SIGTERM) == 0
    assert not file.exists()
    assert perform(folder, AddItems(items=[{"id": "c3", "text": "three"}])).added == 1, "without a server, too"


def strangers(served: Served, port: int, secret: str) -> None:
    """Who does not know the secret is told nothing, and everybody keeps to their own door."""
    body = b'{"type":"Revoke","name":"Ann"}'
    digest = sha256(body).hexdigest()
    good = owner._proof(secret, "ask", digest)
    for head in ("", digest, f"{digest}.", f"{digest}.{good[:-1]}x", f"{'0' * 64}.{good}", f"{digest}.\xff", secret):
        assert called(port, body, head)[0] == 401
    status, data = called(port, b'{"type":"Revoke","name":"Bob"}', f"{digest}.{good}")
    assert (status, data) == (400, b""), "another body under the same proof"
    for wrong in (b"{}", b"[", b'{"type":"Destroy"}', b'{"type":"Revoke","name":3}'):
        digest = sha256(wrong).hexdigest()
        status, data = called(port, wrong, f"{digest}.{owner._proof(secret, 'ask', digest)}")
        assert status == 503
        assert b"no such operation" in data
    assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    assert httpx.post(f"{served.url}{owner.PATH}", content=body).status_code == 404
    assert httpx.get(f"{served.url}/api/v1/me").status_code == 401


def called(port: int, body: bytes, head: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", owner.PATH, body, {"x-owner": head})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


@pytest.mark.slow
def test_whoever_is_killed_what_was_acknowledged_is_there_once(served: Served) -> None:
    folder = served.folder
    two = adding(folder, 0, 8), adding(folder, 4, 12)  # at once, and partly the same
    said = lines(two[0], "done 3")
    served.stop(signal.SIGKILL)  # both go on without it
    for child in two:
        finished(child)
    assert (folder / "owner.json").exists() is False, "what a dead server left is cleared away"
    assert set(items(folder)) == {"c0", "c1", *(f"{n}-{k}" for n in range(12) for k in range(3))}
    assert "done 0" in said

    served.start()
    child = adding(folder, 20, 21, size=4_000)
    lines(child, "asking 20")
    child.kill()
    child.communicate()
    finished(adding(folder, 20, 21, size=4_000))  # again, with the server that may have heard the first
    found = items(folder)
    assert len(found) == len(set(found)) == 2 + 36 + 4_000


def test_who_listens_where_a_dead_server_did_learns_nothing_and_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address file outlived its server; another process writes the project, another program has the port."""
    heard: list[bytes] = []
    with Project.create(tmp_path / "p", name="p", classes=["a", "b"]), socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            for _ in range(2):
                caller, _ = other.accept()
                with caller:
                    whole = b""
                    while b"Revoke" not in whole and (part := caller.recv(65536)):
                        whole += part
                    heard.append(whole)
                    caller.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\nx-owner: 1\r\n\r\n{"result":null}')

        impostor = threading.Thread(target=answer)
        impostor.start()
        told = {"port": other.getsockname()[1], "secret": "5ecret"}
        (tmp_path / "p" / "owner.json").write_text(json.dumps(told))
        monkeypatch.setattr(owner, "TRIES", 2)
        monkeypatch.setattr(owner, "PAUSE_S", 0.0)
        with pytest.raises(Taken, match=f"process {os.getpid()}"):
            perform(tmp_path / "p", Revoke(name="Ann"))
        impostor.join()
    assert all(b"Revoke" in one for one in heard)
    assert b"5ecret" not in b"".join(heard)
    for broken in (b"", b"{", b"[]", b'{"port":1}', b'{"port":"x","secret":""}'):
        (tmp_path / "p" / "owner.json").write_bytes(broken)
        with Project.open(tmp_path / "p"), pytest.raises(StateError):
            perform(tmp_path / "p", Revoke(name="Ann"))
        assert perform(tmp_path / "p", AddItems(items=[])).added == 0
        assert not (tmp_path / "p" / "owner.json").exists()


def test_an_operation_whose_answer_was_lost_counts_once(tmp_path: Path) -> None:
    """The server carries it out, and its answer never arrives."""
    with Project.create(tmp_path / "p", name="p", classes=["a", "b"]) as project:
        operations: list[Any] = [
            AddItems(items=[{"id": "i", "text": "x"}]),
            LetIn(name="Ann", role="adjudicator"),
            Adjudicate(who="Ann", item="i", label="a"),
            SetGuideline(text="# New"),
        ]
        for operation in operations:
            operation.on(project)
        before = project.canonical()
        for operation in operations:
            status, letter = owner._carried_out(project, owner.msgspec.json.encode(operation))
            assert (status, "error" in letter) == (200, False)
        assert project.canonical() == before
        status, letter = owner._carried_out(project, b'{"type":"LetIn","name":"Bo","token":"short"}')
        assert status == 422
        assert "token" in letter["error"]["message"]
        taken = operations[1].token
        with pytest.raises(ConfigError, match="somebody else's"):
            project.add_annotator("Cy", token=taken)
