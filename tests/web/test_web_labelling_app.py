"""The labelling page's API: everybody their own tasks, nothing twice, and nothing for strangers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_client import Client

from hindcast.clock import ReplayClock
from hindcast.labelling import Item, Project
from hindcast.web.assets import SECURITY_HEADERS
from hindcast.web.labelling import labelling_app
from hindcast.web.labelling.app import EXPORTS

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
HOSTILE = '<img src=x onerror="window.hurt=1"></script><script>window.hurt=1</script>'


class Room:
    """A project and a client for each of its people."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.app = labelling_app(project)
        roles = {"Ann": "annotator", "Bo": "annotator", "Cleo": "adjudicator"}
        self.tokens = {name: project.add_annotator(name, role=role) for name, role in roles.items()}  # type: ignore[arg-type]
        self.ann, self.bo, self.cleo = (Client(self.app, token) for token in self.tokens.values())

    def disagree(self, count: int = 1) -> list[str]:
        """Ann and Bo label the same items differently; the items."""
        items = [f"c{n}" for n in range(count)]
        for item in items:
            say(self.ann, item, "spam", f"a{item}")
            say(self.bo, item, "ham", f"b{item}")
        return items


def say(client: Client, item: str, label: str | None, key: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/answers", {"item": item, "label": label, "key": key, **more})
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Project.create(
        tmp_path / "spam", name="comments", classes=["ham", "spam"], question="Spam?", guideline="# One\n",
        clock=ReplayClock(1_700_000_000_000_000),
    ) as project:  # fmt: skip
        project.add_items(
            [Item(f"c{n}", f"comment {n}", {"video": "v"}) for n in range(4)] + [Item("gold", HOSTILE, gold="spam")]
        )
        yield Room(project)


def test_the_page_and_its_files_need_no_token_and_hold_no_secrets(room: Room) -> None:
    stranger = Client(room.app)
    page = stranger.get("/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert {name: page.headers[name] for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    addresses = [part.split('"')[0] for part in page.body.decode().split('="/')[1:]]
    assert len(addresses) == 4
    for address in addresses:
        assert stranger.get(f"/{address}").status == 200
    assert stranger.get("/health/live").json() == {"live": True}


def test_who_begins_is_told_what_the_page_must_know(room: Room) -> None:
    told = room.ann.get("/api/v1/me").json()
    assert (told["name"], told["role"]) == ("Ann", "annotator")
    assert told["project"]["classes"] == ["ham", "spam"]
    assert told["project"]["question"] == "Spam?"
    assert told["project"]["lease_s"] == 1800
    assert told["project"]["disputed"] is None
    assert room.cleo.get("/api/v1/me").json()["project"]["disputed"] == 0


def test_next_gives_the_same_until_it_is_held_and_counts(room: Room) -> None:
    first = room.ann.get("/api/v1/next").json()
    assert room.ann.get("/api/v1/next").json()["task"]["item"] == first["task"]["item"]
    assert (first["done"], first["total"], first["guideline"]) == (0, 5, 1)
    held: list[str] = []
    while task := room.ann.get("/api/v1/next" + "".join(f"&held={i}" for i in held).replace("&", "?", 1)).json()[
        "task"
    ]:
        assert task["item"]["id"] not in held
        assert set(task["item"]) == {"id", "content", "meta"}, "a known answer must not be told"
        held.append(task["item"]["id"])
    assert sorted(held) == ["c0", "c1", "c2", "c3", "gold"]
    for n, item in enumerate(held):
        say(room.ann, item, "ham", f"k{n}")
    end = room.ann.get("/api/v1/next").json()
    assert (end["task"], end["done"], end["total"]) == (None, 5, 5)


def test_who_reloads_gets_back_what_was_on_the_screen_first(room: Room) -> None:
    shown = room.ann.get("/api/v1/next").json()["task"]["item"]["id"]
    ahead = room.ann.get(f"/api/v1/next?held={shown}").json()["task"]["item"]["id"]
    assert room.ann.get("/api/v1/next").json()["task"]["item"]["id"] == shown
    assert room.ann.get(f"/api/v1/next?held={shown}").json()["task"]["item"]["id"] == ahead


def test_an_answer_sent_again_counts_once_and_another_under_its_key_is_refused(room: Room) -> None:
    item = room.ann.get("/api/v1/next").json()["task"]["item"]["id"]
    first = say(room.ann, item, "spam", "k", comment="a shop", seconds=2.5)
    assert say(room.ann, item, "spam", "k", comment="a shop", seconds=2.5) == first
    (said,) = room.ann.get("/api/v1/history").json()["answers"]
    assert (said["item"]["id"], said["label"], said["comment"], said["seconds"]) == (item, "spam", "a shop", 2.5)
    assert said["at"].startswith("2023-11-14T22:13:20")
    other = room.ann.post("/api/v1/answers", {"item": item, "label": "ham", "key": "k"})
    assert other.status == 422
    assert "key" in other.json()["error"]["message"]


def test_skip_and_unsure(room: Room) -> None:
    for n, action in enumerate(("skip", "unsure")):
        item = room.ann.get("/api/v1/next").json()["task"]["item"]["id"]
        say(room.ann, item, None, f"k{n}", action=action)
    assert [one["action"] for one in room.ann.get("/api/v1/history").json()["answers"]] == ["unsure", "skip"]


def test_undo_takes_back_the_named_answer_once(room: Room) -> None:
    items = []
    for n in range(2):
        items.append(room.ann.get("/api/v1/next").json()["task"]["item"]["id"])
        say(room.ann, items[-1], "ham", f"k{n}")
    undo = {"item": items[1], "key": "u"}
    assert room.ann.post("/api/v1/undo", undo).json() == {"item": items[1]}
    assert room.ann.post("/api/v1/undo", undo).json() == {"item": items[1]}, "sent again"
    assert room.ann.post("/api/v1/undo", {"item": items[1], "key": "v"}).json() == {"item": None}, (
        "not the last any more"
    )
    assert [one["item"]["id"] for one in room.ann.get("/api/v1/history").json()["answers"]] == [items[0]]
    assert room.ann.get("/api/v1/next").json()["task"]["item"]["id"] == items[1], "asked again at once"


def test_two_disagree_and_a_third_decides(room: Room) -> None:
    (item,) = room.disagree()
    assert room.cleo.get("/api/v1/me").json()["project"]["disputed"] == 1
    (dispute,) = room.cleo.get("/api/v1/queue").json()["disputes"]
    assert dispute["item"]["id"] == item
    assert {one["annotator"]: one["label"] for one in dispute["answers"]} == {"Ann": "spam", "Bo": "ham"}
    assert dispute["reasons"] == ["answers differ: ham 1, spam 1"]
    decision = {"item": item, "label": "spam", "comment": "a shop", "key": "d"}
    first = room.cleo.post("/api/v1/adjudications", decision)
    assert first.status == 200
    assert room.cleo.post("/api/v1/adjudications", decision).json() == first.json()
    assert room.cleo.get("/api/v1/queue").json()["disputes"] == []
    labels = {one.item: (one.label, one.how) for one in room.project.labels("adjudicated-else-majority")}
    assert labels[item] == ("spam", "adjudicated")


def test_the_report_says_how_it_stands(room: Room) -> None:
    empty = room.cleo.get("/api/v1/report").json()
    assert empty["progress"]["answers"] == 0
    assert all(one["value"] is None for one in empty["agreement"])
    room.disagree(2)
    told = room.cleo.get("/api/v1/report").json()
    people = {one["name"]: one for one in told["people"]}
    assert people["Ann"]["labelled"] == people["Bo"]["labelled"] == 2
    assert people["Cleo"]["accuracy"] is None
    measures = {one["measure"]: one["value"] for one in told["agreement"]}
    assert measures["percent agreement"] == 0
    assert sum(one["answers"] for one in told["classes"]) == told["progress"]["answers"]


def test_labels_and_answers_are_handed_out_as_files(room: Room) -> None:
    (item,) = room.disagree()
    room.cleo.post("/api/v1/adjudications", {"item": item, "label": "spam", "key": "d"})
    labels = room.cleo.get("/api/v1/export")
    assert labels.headers["content-disposition"] == 'attachment; filename="facts.csv"'
    assert f"{item},spam," in labels.body.decode()
    rows = [json.loads(line) for line in room.cleo.get("/api/v1/export?format=long&file=jsonl").body.splitlines()]
    assert [(row["annotator"], row["label"]) for row in rows] == [("Ann", "spam"), ("Bo", "ham"), ("Cleo", "spam")]
    for name, endings in EXPORTS.items():
        for ending in endings:
            assert room.cleo.get(f"/api/v1/export?format={name}&file={ending}").status == 200, (name, ending)
    assert room.cleo.get("/api/v1/export?format=wide&file=../../x").status == 422
    assert room.cleo.get("/api/v1/export?format=../../x").status == 422
    assert not [path for path in room.project.folder.iterdir() if path.name.startswith(".export")]


def test_a_new_guideline_is_told_with_the_next_call(room: Room) -> None:
    item = room.ann.get("/api/v1/next").json()["task"]["item"]["id"]
    assert room.cleo.post("/api/v1/guideline", {"text": "# Two\n"}).json() == {"version": 2}
    assert say(room.ann, item, "ham", "k")["guideline"] == 2
    assert room.ann.get("/api/v1/next").json()["guideline"] == 2
    assert room.ann.get("/api/v1/guideline").json()["text"] == "# Two\n"
    old = room.ann.get("/api/v1/guideline?version=1").json()
    assert (old["text"], old["version"], old["newest"]) == ("# One\n", 1, 2)


def test_an_adjudicator_lets_people_in(room: Room) -> None:
    made = room.cleo.post("/api/v1/people", {"name": "Dov"}).json()
    assert Client(room.app, made["token"]).get("/api/v1/me").json()["name"] == "Dov"
    again = room.cleo.post("/api/v1/people", {"name": "Dov"})
    assert (again.status, "renew" in again.json()["error"]["message"]) == (422, True)
    renewed = room.cleo.post("/api/v1/people", {"name": "Dov", "renew": True}).json()
    assert Client(room.app, made["token"]).get("/api/v1/me").status == 401
    assert Client(room.app, renewed["token"]).get("/api/v1/me").status == 200


def test_images_come_by_digest_and_nothing_else_of_the_folder_does(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p", name="birds", classes=["a", "b"], kind="image", overlap=1) as project:
        project.add_items([Item("i", PNG)])
        client = Client(labelling_app(project), project.add_annotator("Ann"))
        name = client.get("/api/v1/next").json()["task"]["item"]["content"]
        image = client.get(f"/api/v1/images/{name}")
        assert (image.status, image.body, image.headers["content-type"]) == (200, PNG, "image/png")
        assert image.headers["x-content-type-options"] == "nosniff"
        assert "private" in image.headers["cache-control"]
        (tmp_path / "p" / "media" / f"{'0' * 32}.png").symlink_to(tmp_path / "p" / "project.json")
        for other in (
            "../project.json", "..%2fproject.json", "%2e%2e%2fproject.json", "project.json", f"{'0' * 32}.png", "",
            f"{'a' * 32}.png", f"{name}/..", f"{name}%00", f"./{name}", "..%5cproject.json",
        ):  # fmt: skip
            answer = client.get(f"/api/v1/images/{other}")
            assert answer.status == 404, other
            assert b"format" not in answer.body
        assert Client(labelling_app(project)).get(f"/api/v1/images/{name}").status == 401


CALLS = [
    ("GET", "me"), ("GET", "next"), ("POST", "answers"), ("POST", "undo"), ("GET", "history"), ("GET", "guideline"),
    ("POST", "guideline"), ("GET", "queue"), ("POST", "adjudications"), ("POST", "people"), ("GET", "report"),
    ("GET", "images/x.png"), ("GET", "export"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_strangers_are_told_nothing(room: Room, method: str, path: str) -> None:
    stolen = room.tokens["Ann"]
    for headers in (
        {}, {"authorization": "Bearer "}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {stolen}"},
        {"authorization": stolen}, {"authorization": "Bearer " + "\xff" * 40}, {"cookie": f"token={stolen}"},
        {"authorization": f"Bearer {stolen}x"},
    ):  # fmt: skip
        answer = Client(room.app).call(method, f"/api/v1/{path}", [b"{}"], headers=headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert Client(room.app).call(method, f"/api/v1/{path}?token={stolen}").status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "queue"), ("POST", "adjudications"), ("GET", "report"), ("POST", "people"), ("POST", "guideline"),
        ("GET", "export"),
    ],
)  # fmt: skip
def test_what_is_for_adjudicators_is_for_nobody_else(room: Room, method: str, path: str) -> None:
    answer = room.ann.call(method, f"/api/v1/{path}", [b"{}"], headers={"content-type": "application/json"})
    assert answer.status == 403
    assert "adjudicators" in answer.json()["error"]["message"]


def test_who_was_revoked_is_a_stranger(room: Room) -> None:
    room.project.revoke("Ann")
    assert room.ann.get("/api/v1/next").status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"{", 422), (b"null", 422), (b"[]", 422), (b'"x"', 422), (b"\xff\xfe", 422), (b"[" * 5_000, 422),
        ({}, 422), ({"item": "c0"}, 422), ({"item": "c0", "key": "k"}, 422),
        ({"item": 1, "key": "k", "label": "ham"}, 422),
        ({"item": "c0", "key": "k", "label": "eggs"}, 422), ({"item": "c0", "key": "k", "label": 7}, 422),
        ({"item": "nowhere", "key": "k", "label": "ham"}, 422), ({"item": "c0", "key": "", "label": "ham"}, 422),
        ({"item": "c0", "key": "k" * 300, "label": "ham"}, 422), ({"item": "c0", "key": 5, "label": "ham"}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "action": "steal"}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "action": "skip"}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "seconds": -1}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "seconds": "1"}, 422),
        (b'{"item":"c0","key":"k","label":"ham","seconds":1e999}', 422),
        ({"item": "c0", "key": "k", "label": "ham", "comment": "x" * 20_000}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "comment": None}, 422),
        ({"item": "c0", "key": "k", "label": "ham", "annotator": "Bo"}, 422),
        (b'{"item":"c0","key":"k","label":"ham","comment":"\\ud800"}', 422),
        (b'{"item":"c0","key":"\\ud800","label":"ham"}', 422),
        ({"item": "c0", "key": "k", "label": "ham", "comment": "x" * 200_000}, 413),
    ],
)  # fmt: skip
def test_hostile_answers_get_a_letter_and_change_nothing(room: Room, body: Any, status: int) -> None:
    before = room.project.canonical()
    answer = room.ann.post("/api/v1/answers", body)
    assert answer.status == status, answer.body
    assert answer.json()["error"]["message"]
    assert answer.headers["content-type"] == "application/json"
    assert room.project.canonical() == before


def test_bodies_of_another_kind_are_refused(room: Room) -> None:
    good = b'{"item":"c0","key":"k","label":"ham"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert room.ann.post("/api/v1/answers", good, content_type=kind).status == 415, "what a form could send"
    parts = (b"x" * 65_536 for _ in range(1_000_000))
    endless = room.ann.call("POST", "/api/v1/answers", _few(parts, 40), headers={"content-type": "application/json"})
    assert endless.status == 413


def _few(parts: Iterator[bytes], count: int) -> list[bytes]:
    return [next(parts) for _ in range(count)]


@pytest.mark.parametrize(
    "path",
    [
        "history?n=-1", "history?n=x", "history?n=99999999999999999999", "history?n=0", "history?n=1e3",
        "history?n=%00", "history?n=%D9%A3",
        "guideline?version=0", "guideline?version=2", "guideline?version=-1", "guideline?version=",
        "next?" + "&".join(f"held=i{n}" for n in range(300)),
    ],
)  # fmt: skip
def test_hostile_questions_get_a_letter(room: Room, path: str) -> None:
    answer = room.ann.get(f"/api/v1/{path}")
    assert answer.status == 422
    assert answer.json()["error"]["message"]


def test_what_is_not_there_and_ways_that_are_not(room: Room) -> None:
    assert room.ann.get("/api/v1/nothing").status == 404
    assert room.ann.get("/api/v1/../../etc/passwd").status == 404
    assert room.ann.call("DELETE", "/api/v1/answers").status == 405
    assert room.ann.call("OPTIONS", "/api/v1/answers", headers={"origin": "http://evil"}).status == 405
    answer = room.ann.get("/api/v1/me", origin="http://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control")], "nobody else's page may read"
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_a_text_travels_as_it_is_and_never_as_a_page(room: Room) -> None:
    contents = {}
    held: list[str] = []
    while task := room.ann.get("/api/v1/next" + "".join(f"&held={i}" for i in held).replace("&", "?", 1)).json()[
        "task"
    ]:
        held.append(task["item"]["id"])
        contents[held[-1]] = task["item"]["content"]
    assert contents["gold"] == HOSTILE
    raw = room.ann.get("/api/v1/next")
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-content-type-options"] == "nosniff"
