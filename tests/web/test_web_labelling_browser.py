"""The labelling page in a real browser against a real server: people, keyboards, crashes."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labelling_server import CHROMIUM, FLAGS, Served, Visitor

from hindcast.labelling import Item, Project
from hindcast.labelling.operations import AddItems, LetIn, Revoke
from hindcast.web.labelling import perform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
HOSTILE = '<img src=x onerror="window.hurt=1"></script><script>window.hurt=1</script>'
Serve = Callable[..., Served]
Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    made: list[Served] = []

    def served(items: list[Item] | int = 6, **options: Any) -> Served:
        given = [Item(f"c{n}", f"comment number {n}") for n in range(items)] if isinstance(items, int) else items
        made.append(Served(tmp_path / "p", given, **options))
        return made[-1]

    yield served
    for one in made:
        one.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    made: list[Visitor] = []

    def visited(served: Served, who: str, **options: Any) -> Visitor:
        made.append(Visitor(browser, served, who, **options))
        return made[-1]

    yield visited
    for one in made:
        one.close()


def test_two_disagree_a_third_decides_and_takes_the_labels_home(serve: Serve, visit: Visit) -> None:
    served = serve(4)
    ann, bo = visit(served, "Ann"), visit(served, "Bo")
    said: dict[str, dict[str, str]] = {"Ann": {}, "Bo": {}}
    for _ in range(4):  # both at once, by keyboard alone, each in an order of their own
        for person, spam in ((ann, "number 1"), (bo, "number 2")):
            text = person.text()
            said[person.who][text[-1]] = "spam" if spam in text else "ham"
            person.press("2" if spam in text else "1")
    for person in (ann, bo):
        person.wait("All done")
        person.saved()
        assert person.heard == []
    assert served.answers() == {(who, f"c{n}"): label for who, mine in said.items() for n, label in mine.items()}
    cleo = visit(served, "Cleo")
    assert cleo.page.get_by_role("link", name="Adjudicate 2 in dispute").is_visible()
    cleo.go("Adjudicate")
    answers = cleo.page.locator(".answers li").all_inner_texts()
    assert sorted(text.split("\n")[0] for text in answers) == ["Ann", "Bo"]
    first = cleo.text()[-1]
    cleo.press("c")
    cleo.page.keyboard.type("12 wants something: it is a shop")
    cleo.press("Escape", "2", "Enter")
    cleo.wait("1 of 1 in dispute")
    cleo.press("n", "Enter")
    cleo.wait("Nothing to decide")
    cleo.saved()
    cleo.go("Report")
    cleo.wait("4 of 4")
    with cleo.page.expect_download() as download:
        cleo.page.get_by_role("button", name="Download").click()
    labels = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "facts.csv"
    assert re.search(rf"^c{first},spam,.*adjudicated", labels, re.M), labels
    assert cleo.heard == []
    for person in (ann, bo, cleo):
        assert all(url.startswith((served.url, "blob:")) for url in person.asked), "the page asks nobody else"
        assert not any(served.tokens[person.who] in url.partition("#")[0] for url in person.asked), (
            "a token in an address"
        )
        assert "token" not in person.page.url


def test_undo_shows_the_item_again_also_after_a_reload(serve: Serve, visit: Visit) -> None:
    served = serve(5)
    ann = visit(served, "Ann")
    first = ann.text()
    ann.press("1")
    second = ann.text()
    assert second != first
    ann.press("u")
    assert ann.text() == first
    assert ann.page.get_by_role("button", name="ham").get_attribute("aria-pressed") == "true"
    ann.press("2")
    assert ann.text() == second
    ann.saved()
    ann.page.reload()
    ann.wait("1 of 5 answered")
    assert ann.text() == second, "what was on the screen comes back first"
    ann.press("u")
    ann.saved()
    assert ann.text() == first
    assert served.answers() == {}
    ann.page.reload()
    ann.wait("0 of 5 answered")
    assert ann.text() == first, "taken back, it is asked again"
    assert ann.page.get_by_role("button", name="Undo").is_disabled(), "nothing is left to undo"
    ann.press("s")
    assert ann.text() == second
    ann.press("n")
    ann.saved()
    assert sorted(served.answers().values()) == ["skip", "unsure"]


def test_a_comment_half_written_survives_a_reload(serve: Serve, visit: Visit) -> None:
    served = serve(3)
    ann = visit(served, "Ann")
    ann.press("c")
    ann.page.keyboard.type("12 us? not yet sure")  # none of these keys may answer anything
    ann.page.reload()
    assert ann.page.get_by_label("Comment").input_value() == "12 us? not yet sure"
    assert served.answers() == {}
    ann.press("2")
    ann.saved()
    history = ann.page.evaluate(
        "async () => (await fetch('/api/v1/history', {headers: {authorization: 'Bearer ' + "
        "sessionStorage.getItem('hindcast:token')}})).json()"
    )
    assert history["answers"][0]["comment"] == "12 us? not yet sure"
    assert 0 < history["answers"][0]["seconds"] < 60


def test_nothing_is_lost_when_the_server_is_killed_and_the_page_crashes(serve: Serve, visit: Visit) -> None:
    served = serve(8)
    ann = visit(served, "Ann")
    ann.press("1", "1")
    ann.saved()
    acknowledged = served.answers()
    assert len(acknowledged) == 2
    ann.page.wait_for_load_state("networkidle")  # two more items are here
    served.stop(signal.SIGKILL)
    shown = [ann.text()]
    ann.press("2")
    shown.append(ann.text())
    ann.press("2")
    shown.append(ann.text())
    ann.press("2")
    ann.wait("Not reached, 3 kept here")
    ann.wait("The server does not answer")
    ann.press("u")  # the last was never sent: it is simply not sent
    assert ann.text() == shown[2]
    ann.page.close()  # the browser's tab is gone, with what was in its memory
    served.start()
    assert served.answers() == acknowledged, "what was acknowledged was on disk"
    ann.open()
    ann.saved()
    kept = {("Ann", f"c{text[-1]}"): "spam" for text in shown[:2]}
    assert served.answers() == acknowledged | kept
    assert ann.text() == shown[2]


def test_answers_flow_again_by_themselves_when_the_server_is_back(serve: Serve, visit: Visit) -> None:
    served = serve(6)
    ann = visit(served, "Ann")
    ann.page.wait_for_load_state("networkidle")
    served.stop(signal.SIGKILL)
    for _ in range(3):
        ann.press("1")
    ann.wait("The server does not answer")
    ann.page.get_by_role("heading", name="The server does not answer").wait_for()  # no item waits here any more
    served.start()
    ann.wait("Everything is saved again")
    ann.page.locator("article .text").wait_for()
    assert list(served.answers().values()) == ["ham"] * 3
    for _ in range(3):
        ann.press("1")
    ann.wait("All done")
    ann.saved()
    assert len(served.answers()) == 6


def test_an_answer_whose_acknowledgement_was_lost_counts_once(serve: Serve, visit: Visit) -> None:
    served = serve(3)
    ann = visit(served, "Ann")
    lost: list[str] = []

    def swallow(route: Any) -> None:
        """The server takes it, and its answer never arrives."""
        if not lost:
            lost.append(route.request.post_data)
            route.fetch()
            route.abort()
        else:
            assert route.request.post_data == lost[0], "sent again under the same key"
            route.continue_()

    ann.page.route("**/api/v1/answers", swallow)
    ann.press("2")
    ann.saved()
    assert json.loads(lost[0])["label"] == "spam"
    assert list(served.answers().values()) == ["spam"]


def test_a_refused_answer_is_said_and_kept_until_read(serve: Serve, visit: Visit) -> None:
    served = serve(3)
    ann = visit(served, "Ann")
    letter = json.dumps({"error": {"type": "DataError", "message": "this item was withdrawn"}})
    ann.page.route("**/api/v1/answers", lambda route: route.fulfill(status=422, body=letter))
    ann.press("2")
    ann.wait("An answer was refused: this item was withdrawn")
    ann.page.reload()
    ann.page.get_by_role("button", name="Understood").click()
    assert not ann.page.get_by_text("refused").is_visible()


def test_a_key_held_down_answers_once_and_single_keys_can_be_turned_off(serve: Serve, visit: Visit) -> None:
    served = serve(6)
    ann = visit(served, "Ann")
    ann.page.keyboard.down("1")
    for _ in range(5):
        ann.page.keyboard.down("1")
    ann.page.keyboard.up("1")
    ann.saved()
    assert len(served.answers()) == 1
    ann.press("?")
    dialog = ann.page.get_by_role("dialog", name="Keys")
    assert "Undo the last answer" in dialog.inner_text()
    ann.press("1")  # under a dialog no key answers
    dialog.get_by_label("Single keys act").uncheck()
    ann.press("Escape")
    assert not dialog.is_visible()
    assert ann.page.evaluate("document.activeElement.tagName") == "ARTICLE", "the focus comes back"
    ann.press("1", "2", "s")
    ann.page.get_by_role("button", name="spam").click()
    ann.saved()
    assert sorted(served.answers().values()) == ["ham", "spam"]


def test_a_new_guideline_is_announced_until_it_was_read(serve: Serve, visit: Visit) -> None:
    served = serve(6)
    ann, cleo = visit(served, "Ann"), visit(served, "Cleo")
    hello = "New here? The guideline says what is asked of you."
    cleo.wait(hello)
    cleo.go("Guideline")
    assert not cleo.page.get_by_text(hello).is_visible()
    cleo.page.get_by_role("button", name="Write a new version").click()
    cleo.page.get_by_label("Guideline").fill(
        f"# Two\n\n{HOSTILE} [here](javascript:window.hurt=1) [docs](https://example.org)"
    )
    cleo.page.get_by_role("button", name="Save as version 2").click()
    cleo.page.get_by_role("heading", name="Two").wait_for()
    ann.press("1")
    ann.wait("The guideline has changed: version 2, you know version 1.")
    ann.press("g")
    ann.page.get_by_role("heading", name="Two").wait_for()
    assert ann.page.locator("article a").all_inner_texts() == ["docs"]
    assert HOSTILE in ann.page.locator("article").inner_text()
    assert ann.page.evaluate("window.hurt") is None
    ann.press("g")
    ann.page.locator("article .text").wait_for()
    assert not ann.page.locator(".banner").first.is_visible()


def test_hostile_items_run_nothing(serve: Serve, visit: Visit) -> None:
    row = {HOSTILE: HOSTILE, "b": None, "a": {"x": HOSTILE}, "2024": 1, "7": 2}
    served = serve(
        [Item("r0", row, {HOSTILE: HOSTILE})], kind="row", classes=[HOSTILE, "other"], question=HOSTILE, name=HOSTILE,
        overlap=1,
    )  # fmt: skip
    cleo = visit(served, "Cleo")
    assert cleo.page.locator("h1").inner_text() == HOSTILE
    assert cleo.page.locator(".fields dt").all_inner_texts() == [HOSTILE, "b", "a", "2024", "7"], "as they came"
    cleo.press("n")
    cleo.saved()
    for view in ("Adjudicate", "Report", "Guideline"):
        cleo.go(view)
    assert cleo.page.evaluate("window.hurt") is None
    assert cleo.page.locator("img, main script").count() == 0
    assert cleo.heard == []


def test_an_image_is_fetched_with_the_token_and_can_be_looked_at_closely(serve: Serve, visit: Visit) -> None:
    import struct
    import zlib

    def png(width: int, height: int, grey: int) -> bytes:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        rows = (b"\0" + bytes([grey]) * width) * height
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

    served = serve([Item(f"i{n}", png(40 + n, 30, 90)) for n in range(3)], kind="image")
    broken = AddItems(
        items=[{"id": "broken", "image": "data:image/png;base64,iVBORw0KGgo8c2NyaXB0Pg=="}], priority=-1.0
    )
    assert perform(served.folder, broken).added == 1, "begins like a picture, and is none"
    ann = visit(served, "Ann")
    width = "() => document.querySelector('article img').clientWidth"
    ann.page.wait_for_function(f"({width})() >= 40")
    before = ann.page.evaluate(width)
    ann.press("+", "+")
    assert ann.page.evaluate(width) == pytest.approx(before * 2.25, abs=2)
    ann.press("0")
    assert ann.page.evaluate(width) == before
    assert ann.page.get_by_role("img", name=re.compile("^Image to label, i")).is_visible()
    ann.press("1")
    ann.page.wait_for_function(f"({width})() !== {before}")
    ann.press("1", "1")
    ann.wait("This image cannot be shown: its file is damaged")
    assert ann.heard == []


def test_many_classes_have_keys_and_a_finder(serve: Serve, visit: Visit) -> None:
    names = [f"class {n}" for n in range(40)]
    served = serve(3, classes=names)
    ann = visit(served, "Ann")
    ann.press("a")  # the tenth: digits first, then letters that mean nothing else
    ann.saved()
    ann.press("/")
    ann.page.keyboard.type("class 37")
    ann.press("Enter")
    ann.saved()
    ann.press("/")
    ann.page.keyboard.type("no such")
    ann.press("Enter", "Escape")
    assert sorted(served.answers().values()) == ["class 37", "class 9"]


def test_two_tabs_of_one_person_ask_nothing_twice(serve: Serve, visit: Visit) -> None:
    served = serve(4)
    ann = visit(served, "Ann")
    first = ann.text()
    here = ann.page
    ann.open()
    there = ann.page
    assert ann.text() == first
    ann.press("1")
    second = ann.text()
    here.get_by_text(second, exact=True).first.wait_for()  # the first tab goes on too
    assert here.locator("article .text").inner_text() == second
    here.bring_to_front()
    here.keyboard.press("u")  # what was answered there is undone here
    there.locator(".before").wait_for(state="detached")
    assert here.locator("article .text").inner_text() == first
    here.keyboard.press("2")
    for page in (here, there):
        page.wait_for_selector(".state[data-state=saved]")
    assert served.answers() == {("Ann", f"c{first[-1]}"): "spam"}
    for _ in range(3):
        here.keyboard.press("1")
    here.get_by_text("All done").wait_for()
    here.wait_for_selector(".state[data-state=saved]")
    assert len(served.answers()) == 4
    there.bring_to_front()
    there.get_by_text("All done").wait_for()
    assert ann.heard == []


def test_whose_link_died_keeps_what_was_answered_and_sends_it_with_a_new_one(serve: Serve, visit: Visit) -> None:
    served = serve(3, instructions="Spam wants something.")
    ann = visit(served, "Ann")
    ann.wait("Spam wants something.")
    ann.page.wait_for_load_state("networkidle")
    perform(served.folder, Revoke(name="Ann"))
    ann.press("1", "1", "1")
    ann.wait("Signed out, 3 kept here")
    ann.page.get_by_role("heading", name="Your link no longer works").wait_for()
    ann.page.get_by_role("button", name="Sign in again").click()
    new = perform(served.folder, LetIn(name="Ann"))
    ann.page.get_by_label("Your token").fill(new)
    ann.press("Enter")
    ann.wait("All done")
    ann.saved()
    assert list(served.answers().values()) == ["ham"] * 3


def test_the_report_shows_how_it_went(serve: Serve, visit: Visit) -> None:
    served = serve(60)
    served.stop(signal.SIGTERM)
    with Project.open(served.folder) as project:
        for n in range(50):
            project.answer("Ann", f"c{n}", "spam", key=f"a{n}")
            project.answer("Bo", f"c{n}", "spam" if n % 5 else "ham", key=f"b{n}")
    served.start()
    cleo = visit(served, "Cleo")
    cleo.go("Report")
    cleo.page.get_by_role("img", name=re.compile("^Items done: 50 of 60 by")).wait_for()
    agreed = cleo.page.get_by_role("img", name=re.compile("^How often two answers agree"))
    assert re.findall(r": (\d+%), .*?, (\d+) items", agreed.get_attribute("aria-label")) == [("80%", "25")] * 2
    assert agreed.locator("circle").count() == 2
    assert cleo.heard == []


def test_a_stranger_is_asked_for_a_token(serve: Serve, visit: Visit) -> None:
    served = serve(2)
    good = served.tokens["Ann"]
    served.tokens["Ann"] = "wrong"
    ann = visit(served, "Ann")
    ann.wait("This token is not known here")
    ann.page.get_by_label("Your token").fill(good)
    ann.press("Enter")
    ann.wait("0 of 2 answered")
    ann.page.get_by_role("button", name="Signed in as Ann").click()
    ann.page.get_by_role("button", name="Sign out", exact=True).click()
    ann.page.get_by_label("Your token").wait_for()


def test_the_server_leaves_cleanly(serve: Serve) -> None:
    served = serve(2)
    assert served.stop(signal.SIGTERM) == 0
    served.start()
    assert served.stop(signal.SIGINT) == 0
