"""The page: everything a story holds is on it, nothing it lacks is made up, nothing it holds can become markup."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web_story import FEATURES, story

from hindcast.errors import ConfigError
from hindcast.web import render, report
from hindcast.web.sections import SECTIONS

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(1)">\' & <b>css(--ink)</b> %{x}'


class Page(HTMLParser):
    """Elements, their attributes and the text outside of scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._inside = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attrs, so_far = self.scripts[-1]
            self.scripts[-1] = (attrs, so_far + data)
        elif not self._inside:
            self.text += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(story()))


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the five megabytes of plotly.js out where the page around them is what matters."""
    monkeypatch.setattr(report, "_library", lambda: "window.Plotly = {};")


def plots(page: Page) -> dict[str, Any]:
    return json.loads(next(body for attrs, body in page.scripts if attrs.get("id") == "plots"))


def flat(page: Page) -> str:
    return " ".join(page.text.split())


def test_the_headline_says_what_was_earned_and_whether_renewing_paid(page: Page) -> None:
    text = flat(page)
    assert "Earned 415,214 USD over doing nothing" in text
    assert "95% interval 394,214 to 437,614" in text
    assert "(−1,940 to 8,230) holds zero: this period does not show that renewing pays" in text


def test_every_section_is_there_and_linked(page: Page) -> None:
    anchors = {attrs.get("id") for tag, attrs in page.elements if tag == "section"}
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a" and (attrs.get("href") or "").startswith("#")}
    names = {write.__name__ for _, write in SECTIONS}
    assert names == anchors
    assert {f"#{name}" for name in names} <= links


def test_figures_of_the_story_reach_the_page(page: Page) -> None:
    text = flat(page)
    for month in story()["summary"]["months"]:
        assert f"{month['value']:,.0f}" in text
        assert f"{month['auc']:.3f}" in text
    for decision in story()["decisions"]:
        assert decision["text"] in text
    for assumption in story()["assumptions"]:
        assert assumption in text
    for feature in FEATURES[:20]:
        assert feature in text
    for fact in story()["exactness"]:
        assert fact["why"] in text


def test_every_plot_has_its_place_and_its_figures_in_a_table(page: Page) -> None:
    places = [attrs["data-plot"] for _, attrs in page.elements if "data-plot" in attrs]
    assert sorted(places) == sorted(plots(page)) == sorted(report.PLOTS)
    assert all(
        attrs.get("aria-label") and attrs.get("role") == "img" for _, attrs in page.elements if "data-plot" in attrs
    )
    assert sum(attrs.get("class") == "data" for tag, attrs in page.elements if tag == "details") >= len(places)


def test_nothing_is_fetched_and_only_the_two_scripts_may_run(page: Page) -> None:
    policy = next(
        attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    runnable = [body for attrs, body in page.scripts if attrs.get("type") != "application/json"]
    for body in runnable:
        assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy
    assert len(runnable) == 2
    assert "unsafe" not in policy.split("script-src")[1]
    fetching = [(tag, a) for tag, a in page.elements if a.get("src") or (tag == "link" and a.get("href") != "data:,")]
    assert fetching == []


def test_the_same_story_gives_the_same_bytes_in_any_process_and_zone() -> None:
    here = hashlib.sha256(render(story()).encode()).hexdigest()
    code = "import hashlib; from web_story import story; from hindcast.web import render; "
    code += "print(hashlib.sha256(render(story()).encode()).hexdigest())"
    for zone, seed in (("Asia/Tokyo", "1"), ("America/New_York", "2")):
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == here


def test_rendering_imports_neither_plotly_nor_pandas() -> None:
    code = (
        "import sys; from web_story import story; from hindcast.web import render; render(story()); "
        "heavy = {'plotly', 'pandas', 'pyarrow', 'numba', 'numpy', 'rich'}; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & heavy))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def poisoned(value: Any) -> Any:
    """The story with every text, and every name, made hostile."""
    if isinstance(value, dict):
        fixed = {"policies", "summary", "calibration", "goal", "period", "label_delay", "drift", "slices"}
        return {
            k: poisoned(v) if k not in ("kind", "policy", "at", "days", "month") or k in fixed else v
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.usefixtures("light")
def test_hostile_texts_stay_text() -> None:
    told = poisoned(story())
    told["slices"] = {HOSTILE: told["slices"]["origin"]}
    told["summary"]["baselines"] = {HOSTILE: {"value": 1.0}}
    told["compute"] = {HOSTILE: HOSTILE}
    told["decisions"] = [{"at": HOSTILE, "kind": HOSTILE, "policy": HOSTILE, "text": HOSTILE}]
    source = render(told)
    page = Page(source)
    known = {attrs_tag for attrs_tag, _ in Page(render(story())).elements} | {"wbr", "details", "summary"}
    assert {tag for tag, _ in page.elements} <= known
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert not any(tag == "img" for tag, _ in page.elements)
    assert len(page.scripts) == 3
    assert "alert(1)" in page.text
    for spec in plots(page).values():
        assert "<img" not in json.dumps(spec["data"])


@pytest.mark.usefixtures("light")
def test_an_empty_story_says_what_is_missing_and_draws_nothing() -> None:
    page = Page(render({}))
    text = flat(page)
    assert plots(page) == {}
    assert not [1 for _, attrs in page.elements if "data-plot" in attrs]
    assert text.count("Missing from this run") >= len(SECTIONS) - 1
    assert "What it earned is missing" in text
    assert "Whether renewing paid is missing" in text


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("part", sorted(story()))
def test_any_part_may_be_missing(part: str) -> None:
    told = story()
    del told[part]
    assert "</html>" in render(told)


@pytest.mark.usefixtures("light")
def test_numbers_that_are_none_are_said_to_be_missing() -> None:
    told = story()
    told["summary"]["replay"]["auc"] = float("nan")
    told["summary"]["months"][0]["value"] = None
    told["policies"]["renewed"]["log_loss"][3] = float("inf")
    source = render(told)
    assert "missing" in Page(source).text
    assert not re.search(r"\bnan\b|Infinity|NaN", json.dumps(plots(Page(source))))


@pytest.mark.usefixtures("light")
def test_a_dead_loss_is_told_as_one() -> None:
    told = story()
    told["summary"]["replay"] |= {"value": -5_000.0, "value_low": -7_000.0, "value_high": -3_000.0}
    told["summary"]["gain"] = {"value": -900.0, "low": -1_500.0, "high": -200.0}
    text = flat(Page(render(told)))
    assert "Lost 5,000 USD against doing nothing" in text
    assert "Renewing did not pay: it earned 900 USD less" in text


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(-(10**9), 10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80)
@given(
    st.dictionaries(st.sampled_from(sorted(story())), json_values),
    st.sampled_from(sorted(story()["summary"])),
    json_values,
)
def test_no_plain_json_breaks_the_page(told: dict[str, Any], key: str, value: Any) -> None:
    mended = story() | told
    if isinstance(mended["summary"], dict):
        mended["summary"] = {**mended["summary"], key: value}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_library", lambda: "")
        Page(render(mended))


def test_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="a report is made of a story"):
        render([1, 2])  # type: ignore[arg-type]
