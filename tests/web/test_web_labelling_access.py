"""The labelling page for everybody: names and roles, contrast, focus, small screens, large type, little motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from labelling_server import CHROMIUM, FLAGS, Served, Visitor

from hindcast.labelling import Item

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
VIEWS = ("Label", "Adjudicate", "Report", "Guideline")

CONTRAST = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a), a: 1 });
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ({ r, g, b }) => [r, g, b].map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const found = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const node = walk.currentNode.parentElement;
    if (!text || node.closest("noscript, .unseen, caption, option, :disabled") || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const under = behind(node);
    const [a, b] = [light(over(parse(style.color), under)), light(under)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return { seen, found };
}"""

CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, [tabindex='0'], [role=progressbar]")]
  .filter((node) => node.checkVisibility() && !node.classList.contains("skip"))
  .map((node) => {
    const box = node.getBoundingClientRect();
    const labels = [...(node.labels ?? [])].map((label) => label.textContent).join(" ");
    const ids = (node.getAttribute("aria-labelledby") ?? "").split(" ");
    const named = ids.map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const text = node.matches("button, a") ? node.textContent : "";
    const name = (node.getAttribute("aria-label") ?? (named.trim() || labels || text)).trim();
    return { tag: node.outerHTML.slice(0, 90), name, width: box.width, height: box.height };
  })"""


FOCUSED = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const { x, y } = node.getBoundingClientRect();
  const seen = style.outlineStyle !== "none" || style.boxShadow.includes("0px 0px 0px 1px");
  return { name: node.getAttribute("aria-label") ?? node.textContent.trim(), tag: node.tagName, seen, x, y };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    texts = ["a comment that is short", "word" * 60, "a longer one " * 30]
    items = [
        Item(f"c{n}", text, {"highlight": ["longer", "comment"], "author": "x" * 80})
        for n, text in enumerate([*texts, *texts])
    ]
    made = Served(
        tmp_path_factory.mktemp("access") / "p", items, classes=["ham", "spam", "neither of the two, or both"]
    )
    yield made
    made.close()


def say(served: Served, who: str, item: str, label: str | None) -> None:
    body = {"item": item, "label": label, "action": "label" if label else "unsure", "key": f"{who}-{item}"}
    headers = {"authorization": f"Bearer {served.tokens[who]}"}
    assert httpx.post(f"{served.url}/api/v1/answers", json=body, headers=headers).status_code == 200


@pytest.fixture(scope="module", autouse=True)
def disputed(served: Served) -> None:
    """Ann and Bo disagree on two items and doubt a third, so that every view has something to show."""
    for who, label in (("Ann", "ham"), ("Bo", "spam")):
        for item, said in (("c0", label), ("c1", label), ("c2", None)):
            say(served, who, item, said)


def look(browser: Any, served: Served, who: str = "Cleo", **options: Any) -> Visitor:
    return Visitor(browser, served, who, **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Any, served: Served, scheme: str) -> None:
    visitor = look(browser, served, color_scheme=scheme)
    for view in VIEWS:
        visitor.go(view)
        told = visitor.page.evaluate(CONTRAST)
        assert told["seen"] > 5, view
        assert told["found"] == [], (view, scheme)
    visitor.press("?")
    assert visitor.page.evaluate(CONTRAST)["found"] == []
    visitor.close()


def test_the_check_of_contrast_finds_what_is_too_faint(browser: Any, served: Served) -> None:
    visitor = look(browser, served)
    visitor.page.evaluate("document.querySelector('h1').style.color = '#bbb'")
    assert len(visitor.page.evaluate(CONTRAST)["found"]) == 1
    visitor.close()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_every_control_has_a_name_and_can_be_hit(browser: Any, served: Served, phone: bool) -> None:
    size = {"width": 360, "height": 740} if phone else {"width": 1280, "height": 900}
    visitor = look(browser, served, viewport=size, has_touch=phone, is_mobile=phone)
    for view in VIEWS:
        visitor.go(view)
        controls = visitor.page.evaluate(CONTROLS)
        assert len(controls) > 5
        for control in controls:
            assert control["name"], control
            if "progressbar" not in control["tag"] and "checkbox" not in control["tag"]:
                assert min(control["width"], control["height"]) >= 24, control
    visitor.close()


def test_a_view_has_one_heading_landmarks_and_a_title(browser: Any, served: Served) -> None:
    visitor = look(browser, served)
    for view in VIEWS:
        visitor.go(view)
        page = visitor.page
        assert page.title() == f"{view} · comments"
        assert page.locator("h1").count() == 1
        assert page.locator("main").count() == page.locator("nav").count() == page.locator("header.top").count() == 1
        assert page.get_by_role("link", name=view).get_attribute("aria-current") == "page"
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
        assert len(ids) == len(set(ids))
        levels = page.evaluate(
            "[...document.querySelectorAll('main :is(h1, h2, h3, h4)')].map((h) => Number(h.tagName[1]))"
        )
        assert all(b <= a + 1 for a, b in zip([0, *levels], levels, strict=False)), levels
    assert visitor.page.locator("html").get_attribute("lang") == "en"
    visitor.close()


def test_what_happens_is_said_to_a_screen_reader(browser: Any, served: Served) -> None:
    visitor = look(browser, served)
    item = visitor.page.get_by_role("article", name="Is this spam?")
    assert item.evaluate("node => node === document.activeElement"), "a new item has the focus, so that it is read"
    description = visitor.page.evaluate(
        "document.getElementById(document.querySelector('article').getAttribute('aria-describedby')).innerText"
    )
    assert len(description) > 10
    bar = visitor.page.get_by_role("progressbar", name="Your progress")
    assert bar.get_attribute("aria-valuetext") == "0 of 3"
    visitor.press("1")
    assert visitor.page.get_by_role("status").first.inner_text() == "ham. Next item."
    visitor.press("u")
    assert "Taken back: ham" in visitor.page.get_by_role("status").first.inner_text()
    visitor.saved()
    assert ("Cleo", "c0") not in visitor.served.answers()
    visitor.close()


def test_by_tab_alone_everything_is_reached_and_the_focus_is_seen(browser: Any, served: Served) -> None:
    visitor = look(browser, served)
    reached: set[str] = set()
    for _ in range(40):
        visitor.press("Tab")
        at = visitor.page.evaluate(FOCUSED)
        if at["tag"] == "BODY":
            continue
        assert at["seen"], at
        assert at["x"] >= 0, at
        assert at["y"] >= 0, at
        reached.add(at["name"])
    for name in ("Skip to the content", "Label", "Report", "1ham", "2spam", "sSkip", "nNot sure", "cComment", "Help"):
        assert any(name in one for one in reached), (name, reached)
    visitor.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("width", "height", "scale"), [(320, 568, 1), (390, 844, 1), (640, 400, 2), (1280, 900, 1)], ids=str
)
def test_nothing_scrolls_sideways(
    browser: Any, served: Served, width: int, height: int, scale: int, scheme: str
) -> None:
    """640 x 400 at twice the pixels is what a window of 1280 x 800 shows at 200% zoom."""
    visitor = look(
        browser, served, viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme
    )
    for view in VIEWS:
        visitor.go(view)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view
    assert visitor.heard == []
    visitor.close()


def test_large_type_stays_on_the_page(browser: Any, served: Served) -> None:
    visitor = look(browser, served, viewport={"width": 640, "height": 800})
    visitor.page.evaluate("document.documentElement.style.fontSize = '200%'")
    for view in VIEWS:
        visitor.go(view)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view
    visitor.close()


def test_whoever_wants_little_motion_gets_none(browser: Any, served: Served) -> None:
    visitor = look(browser, served, reduced_motion="reduce")
    moving = visitor.page.evaluate(
        "[...document.querySelectorAll('*')].filter((node) => { const style = getComputedStyle(node);"
        "return style.animationName !== 'none' || style.transitionDuration.split(',').some((t) => parseFloat(t) > 0)"
        " && style.transitionProperty !== 'none'; }).length"
    )
    assert moving == 0
    visitor.close()


def test_the_theme_stays_as_chosen(browser: Any, served: Served) -> None:
    visitor = look(browser, served, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    before = visitor.page.evaluate(paper)
    visitor.page.get_by_role("button", name="Switch between light and dark").click()
    dark = visitor.page.evaluate(paper)
    assert dark != before
    visitor.page.reload()
    visitor.page.wait_for_selector("h1")
    assert visitor.page.evaluate(paper) == dark
    visitor.close()


def test_tables_have_captions_and_headings(browser: Any, served: Served) -> None:
    visitor = look(browser, served)
    visitor.go("Report")
    for table in visitor.page.locator("table").all():
        assert table.locator("caption").text_content()
        assert table.locator("thead th[scope=col]").count() > 1
        assert table.locator("tbody tr").count() == table.locator("tbody th[scope=row]").count() > 0
    people = visitor.page.get_by_role("region", name="What each person did")
    assert "Ann" in people.inner_text()
    visitor.close()
