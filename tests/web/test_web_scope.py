"""The scoping page: everything that was found is on it, nothing it holds can become markup, anybody can read it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_web_browser import CHROMIUM, browser  # noqa: F401
from test_web_labelling_access import CONTRAST
from test_web_report import HOSTILE, Page, flat

from hindcast.errors import ConfigError
from hindcast.findings import MEANINGS
from hindcast.web.scope import render_scope
from hindcast.web.scope_sections import SECTIONS

NAMES = ("zero rule", "last label", "one rule", "first model")
DAY = 86_400_000_000
in_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


def told() -> dict[str, Any]:
    """What a look at a table could have found, with every part there."""
    floor = {"metric": "log loss", "right": 0.8, "worth": 10.0, "worth_low": -5.0, "worth_high": 25.0, "how": ""}
    starts = [f"2024-01-{day:02d}T00:00:00Z" for day in range(1, 31)]
    findings = [("HC003", "refund", "stop"), ("HC007", "table", "warn"), ("HC015", "shop", "note")]
    return {
        "file": "orders.parquet", "rows": 30_000, "columns": ["at", "visits", "refund", "returned"],
        "kinds": {"at": "time", "visits": "number", "refund": "number", "returned": "text"},
        "roles": {"label": {"value": "returned", "why": "named"}, "time": {"value": "at", "why": "the only one"},
                  "entity": {"value": "", "why": "none"}},
        "first": starts[0], "last": starts[-1], "question": "Will returned be “yes”?",
        "fitness": {"answer": "not yet", "says": "Not yet: a figure would mean nothing.", "reasons": [
            {"weight": "for", "says": "There are answers."}, {"weight": "against", "says": "A column knows them."},
            {"weight": "open", "says": "Nobody said what it is worth."}]},
        "framing": {"kind": "binary", "classes": ["no", "yes"], "counts": [26_000, 3_000], "labelled": 29_000,
                    "why": "returned holds two values", "alternatives": ["How much?"], "histogram": None},
        "goal": {"hit": 1.0, "false_alarm": -1.0, "unit": "EUR"},
        "timeline": {"start": starts, "period_seconds": 86_400.0, "rows": [1_000] * 30, "labelled": [990] * 30,
                     "rates": [{"name": "yes", "value": [0.1, None, *[0.2] * 28], "low": [0.05, None, *[0.1] * 28],
                                "high": [0.15, None, *[0.3] * 28]}],
                     "gaps": {"visits": [0.0, None, *[0.5] * 28]}},
        "delay": {"known": 29_000, "unknown": 1_000, "median_us": DAY, "p90_us": 2 * DAY, "p99_us": 3 * DAY,
                  "age_us": [DAY, 2 * DAY, 3 * DAY], "share": [0.5, 0.9, 0.97], "low": [0.48, 0.88, 0.95],
                  "high": [0.52, 0.92, 0.98], "half_us": DAY, "half_low_us": DAY / 2, "half_high_us": None,
                  "most_us": 2 * DAY, "notes": ["3% never came"]},
        "floors": [{"name": name, "value": value, "low": value - 0.05, "high": value + 0.05, **floor}
                   for name, value in zip(NAMES, (0.4, 0.5, 0.35, 0.3), strict=True)],
        "curve": [{"rows": n, "value": v, "low": v - 0.01, "high": v + 0.01} for n, v in ((100, 0.5), (200, 0.4))],
        "missing": [{"name": "visits", "share": 0.4, "mechanism": "MAR", "told_by_others": 0.9, "low": 0.88,
                     "label_gap": 0.1, "label_gap_low": 0.05, "label_gap_high": 0.15, "since": 4,
                     "advice": "Fill it."}],
        "findings": [{"number": n, "title": "a title", "where": where, "severity": severity, "says": f"{n} was found.",
                      "mend": f"Mend {where}.", "evidence": {}} for n, where, severity in findings],
        "lacking": ["What people do today."], "mended": ["'class' is called class_"], "refused": 2,
    }  # fmt: skip


def test_everything_that_was_found_is_on_the_page() -> None:
    page = Page(render_scope(told()))
    text = flat(page)
    for said in (
        "Will returned be “yes”?", "Is machine learning right here? Not yet.", "A column knows them.", "30,000 rows",
        "10.3%", "Half of all rows have their answer after 1 day", "3% never came", "One rule", "0.350 to 0.450",
        "other columns tell with AUC 0.90 (at least 0.88)", "Fill it.", "HC003 was found.", "Mend refund.", "How much?",
        "What people do today.", "hindcast init orders.parquet --target returned --time at", "2 rows had more or fewer",
    ):  # fmt: skip
        assert said in text, said
    anchors = {attrs.get("id") for _, attrs in page.elements}
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a"}
    assert {f"#{write.__name__}" for _, write in SECTIONS} <= links
    assert {link[1:] for link in links} <= anchors
    for number in ("HC003", "HC007", "HC015"):
        assert MEANINGS[number] in text


def test_every_chart_says_what_it_shows_and_has_its_figures_in_a_table() -> None:
    page = Page(render_scope(told()))
    drawn = [attrs for tag, attrs in page.elements if attrs.get("class") in ("chart", "heat")]
    assert len(drawn) == 5
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawn)
    assert all(attrs.get("aria-hidden") == "true" for tag, attrs in page.elements if tag == "svg")
    assert sum(attrs.get("class") == "data" for tag, attrs in page.elements if tag == "details") >= 4


def test_the_page_is_alone_and_the_same_bytes_again() -> None:
    source = render_scope(told())
    assert source == render_scope(json.loads(json.dumps(told())))
    page = Page(source)
    assert len(source) < 100_000
    assert [(tag, a) for tag, a in page.elements if a.get("src") or (tag == "link" and a.get("href") != "data:,")] == []
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert policy.startswith("default-src 'none'")
    assert len(page.scripts) == 1


def poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return HOSTILE if isinstance(value, str) and value not in ("for", "against", "open", "binary", "HC003") else value


def test_hostile_texts_stay_text() -> None:
    bad = poisoned(told())
    bad["kinds"] = {HOSTILE: HOSTILE}
    bad["timeline"]["gaps"] = {HOSTILE: [0.5] * 30}
    page = Page(render_scope(bad))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in Page(render_scope(told())).elements} | {"wbr"}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert len(page.scripts) == 1
    assert "alert(1)" in page.text


@pytest.mark.parametrize("part", [*sorted(told()), "all"])
def test_what_is_missing_is_said_to_be(part: str) -> None:
    found = {} if part == "all" else {name: value for name, value in told().items() if name != part}
    source = render_scope(found)
    assert "</html>" in source
    assert not re.search(r"\bnan\b|\bNone\b|Infinity", Page(source).text)
    if part == "all":
        assert source.count("Not in this table") >= 5
    with pytest.raises(ConfigError):
        render_scope([])  # type: ignore[arg-type]


plain = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6) | st.integers(-(10**9), 10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(told())), plain), st.sampled_from(["delay", "timeline", "framing"]), plain
)
def test_no_plain_json_breaks_the_page(changed: dict[str, Any], part: str, value: Any) -> None:
    found = {**told(), **changed}
    if isinstance(found[part], dict):
        found[part] = {name: value if n % 2 else old for n, (name, old) in enumerate(found[part].items())}
    assert "</html>" in render_scope(found)


# ---- in a real browser ----------------------------------------------------------------------------------

HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("scope") / "scope.html"
    path.write_text(render_scope(told()), encoding="utf-8")
    return path.as_uri()


class TestInABrowser:
    """Drawn, quiet, alone; readable by everybody, on a phone and on paper."""

    pytestmark = in_browser

    @pytest.mark.parametrize("width", [320, 1280])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_can_be_read(self, browser: Any, address: str, width: int, scheme: str) -> None:  # noqa: F811
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        heard: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        contrast = page.evaluate(CONTRAST)
        assert contrast["seen"] > 100
        assert contrast["found"] == []
        levels = page.evaluate(HEADINGS)
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in zip([0, *levels], levels, strict=False)), levels
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
        assert len(ids) == len(set(ids))
        assert page.locator(".chart rect").count() == 30
        assert heard == []
        assert asked == [address]
        context.close()

    def test_theme_links_and_print(self, browser: Any, address: str) -> None:  # noqa: F811
        context = browser.new_context(color_scheme="light")
        page = context.new_page()
        page.goto(address)
        paper = "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(paper)
        page.click("#theme")
        assert page.evaluate(paper) != before
        page.get_by_role("link", name="HC003: what that means").click()
        assert page.evaluate("document.querySelector(':target').textContent").startswith("HC003")
        page.emulate_media(media="print")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        assert len(page.pdf(format="A4")) > 20_000
        context.close()
