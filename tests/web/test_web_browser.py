"""The page in a real browser: drawn, quiet, alone, and readable on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_story import story

from hindcast.web import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(story()), encoding="utf-8")
    return path.as_uri()


class Visit:
    """A page that was opened and read to its end."""

    def __init__(self, browser: Any, address: str, *, phone: bool, scheme: str) -> None:
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme, is_mobile=phone, has_touch=phone)
        self.page = self.context.new_page()
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        for place in self.page.query_selector_all("[data-plot]"):
            place.scroll_into_view_if_needed()
            self.page.wait_for_function("place => place.querySelector('.main-svg')", arg=place)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_drawn_quiet_and_alone(browser: Any, address: str, phone: bool, scheme: str) -> None:
    visit = Visit(browser, address, phone=phone, scheme=scheme)
    page = visit.page
    assert visit.heard == []
    assert visit.asked == [address]
    assert page.locator("[data-plot]").count() == 5
    assert page.locator("[data-plot] .plot-container").count() == 5
    assert page.locator("#plot-value .scatterlayer .trace").count() >= 5
    assert page.locator("#plot-drift .heatmaplayer image").count() == 1
    assert page.locator("#plot-delay .bars .point").count() == len(story()["label_delay"]["counts"])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("h1").inner_text().startswith("Earned 415,214 USD")
    visit.context.close()


def test_the_theme_button_repaints_page_and_plots(browser: Any, address: str) -> None:
    visit = Visit(browser, address, phone=False, scheme="light")
    ink = "() => getComputedStyle(document.querySelector('#plot-delay .xtick text')).fill"
    paper = "() => getComputedStyle(document.body).backgroundColor"
    before = visit.page.evaluate(ink), visit.page.evaluate(paper)
    visit.page.click("#theme")
    visit.page.wait_for_function(f"old => ({ink})() !== old", arg=before[0])
    assert visit.page.evaluate(paper) != before[1]
    assert visit.heard == []
    visit.context.close()


def test_it_prints_with_every_plot(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    assert len(page.pdf(format="A4")) > 100_000
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelectorAll('[data-plot] .plot-container').length === 5")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()


def test_hostile_texts_run_nothing(browser: Any, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="window.hurt=1"></script><script>window.hurt=1</script>'
    hostile += '<a href="javascript:window.hurt=1">x</a>'
    told = story()
    told["system"] = told["goal"]["unit"] = hostile
    told["drift"]["features"][6] = told["importance"][0]["feature"] = hostile
    told["decisions"][5]["text"] = hostile
    path = tmp_path / "hostile.html"
    path.write_text(render(told), encoding="utf-8")
    visit = Visit(browser, path.as_uri(), phone=False, scheme="light")
    assert visit.page.evaluate("window.hurt") is None
    assert visit.heard == []
    assert visit.page.locator("[data-plot] a").count() == 0
    assert visit.page.locator("img").count() == 0
    visit.context.close()


def test_without_scripts_the_figures_are_still_there(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator("#drift summary").click()
    assert page.locator("#drift table").is_visible()
    context.close()
