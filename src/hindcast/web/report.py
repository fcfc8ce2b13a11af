"""The report of a replay: one HTML file that needs nothing else.

The page holds its style, its script and plotly.js itself, and its content policy forbids everything else: nothing is
fetched, and only these two scripts, named by their digests, may run. The same story gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError
from hindcast.web import figures
from hindcast.web.markup import text
from hindcast.web.sections import SECTIONS, front
from hindcast.web.story import Story, mapping
from hindcast.web.words import headline

__all__ = ["PLOTS", "render"]

PLOTS = {
    "value": figures.value,
    "scores": figures.scores,
    "calibration": figures.calibration,
    "drift": figures.drift,
    "delay": figures.delay,
}
"""The plots of a report by name, each a function from a story to a specification or None."""


def render(story: Story) -> str:
    """The report of `story` as one self-contained HTML page, about 5 MB (plotly.js is nearly all of it).

    Parameters
    ----------
    story : mapping
        Plain JSON, as a replay returns it. Whatever is missing is said to be missing on the page.

    Returns
    -------
    html : str
        UTF-8 text. Readable without scripts: every plot has its figures in a table beside it.

    Raises
    ------
    ConfigError
        When `story` is not a mapping, or plotly is not installed.

    Examples
    --------
    >>> page = render({"system": "flight-delays", "target": "late"})
    >>> page.startswith("<!doctype html>"), "Missing from this run: the months." in page
    (True, True)
    """
    if not isinstance(mapping(story), type(story)) or not isinstance(story, dict):
        raise ConfigError(
            f"a report is made of a story, a dictionary as replay() returns it; got {type(story).__name__}."
        )
    specs = {name: spec for name, draw in PLOTS.items() if (spec := draw(story)) is not None}
    library, script = _library(), _asset("report.js")
    style = _asset("static/tokens.css") + _asset("report.css")
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {_digest(library)} {_digest(script)}"
    )
    links = "".join(f'<a href="#{write.__name__}">{text(name)}</a>\n' for name, write in SECTIONS)
    body = "".join(write(story) for _, write in SECTIONS)
    title = f"{story.get('system') or 'hindcast'}: {headline(story).title}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="hindcast">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class=skip href="#months">Skip to the figures</a>\n'
        '<button type=button id=theme aria-label="Switch between light and dark">Light / dark</button>\n'
        f"<main>\n{front(story)}<nav aria-label=Contents>\n{links}</nav>\n"
        f"{body}<footer><p>Written by hindcast. Everything in this file was computed from the run&#39;s own ledger and "
        "facts; it loads nothing from anywhere.</p></footer>\n</main>\n"
        f'<script type="application/json" id=plots>{_embedded(specs)}</script>\n'
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _embedded(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    dumped = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """plotly.js as the plotly package ships it, read without importing the package."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise ConfigError(
            "the report's plots need the package plotly, whose script goes into the page: install plotly."
        )
    script = (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return script.replace("</script", "<\\/script").replace("\r\n", "\n").replace("\r", "\n")
