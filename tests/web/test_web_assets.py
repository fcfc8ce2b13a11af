"""Packaged files: served for ever under their digest, and nothing else of the machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from web_client import Client

from hindcast.errors import ConfigError
from hindcast.web.assets import POLICY, Assets, packaged

STATIC = Path(__file__).parents[2] / "src" / "hindcast" / "web" / "static"


def client(assets: Assets) -> Client:
    return Client(Starlette(routes=[assets.route()]))


def test_a_file_comes_with_its_type_and_may_be_kept_for_ever() -> None:
    assets = packaged()
    asked = client(assets)
    for name in assets:
        answer = asked.get(assets.address(name))
        assert answer.status == 200
        assert answer.body == (STATIC / name).read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert asked.get(assets.address("components/api.js")).headers["content-type"].startswith("text/javascript")
    assert asked.get(assets.address("base.css")).headers["content-type"].startswith("text/css")


def test_what_a_browser_has_is_not_sent_again() -> None:
    assets = packaged()
    asked = client(assets)
    tag = asked.get(assets.address("base.css")).headers["etag"]
    again = asked.get(assets.address("base.css"), if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    assert asked.get(assets.address("base.css"), if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    "name",
    [
        "../assets.py", "..%2fassets.py", "%2e%2e/assets.py", "%2e%2e%2fassets.py", "....//assets.py", "/etc/passwd",
        "//etc/passwd", "components/../../assets.py", "components/%2e%2e/%2e%2e/assets.py", "..\\assets.py",
        "base.css%00", "components", "", ".", "BASE.CSS", "base.css/",
    ],
)  # fmt: skip
def test_nothing_but_the_files_is_answered(name: str) -> None:
    assets = packaged()
    asked = client(assets)
    answer = asked.get(f"/static/{assets.digest}/{name}")
    assert answer.status == 404
    assert b"hashlib" not in answer.body


def test_another_digest_has_nothing_and_a_changed_file_has_another(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a {}")
    (tmp_path / ".hidden").write_text("secret")
    (tmp_path / "link.css").symlink_to("/etc/hostname")
    before = Assets(tmp_path)
    assert list(before) == ["a.css"]
    (tmp_path / "a.css").write_text("b {}")
    after = Assets(tmp_path)
    assert before.digest != after.digest
    asked = client(after)
    assert asked.get(before.address("a.css")).status == 404
    assert asked.get(after.address("a.css")).body == b"b {}"
    (tmp_path / "a.css").rename(tmp_path / "b.css")
    assert Assets(tmp_path).digest != after.digest


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        Assets(tmp_path / "nowhere")


def test_the_policy_lets_no_text_become_code() -> None:
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"):
        assert part in POLICY
    assert "unsafe" not in POLICY


@pytest.mark.parametrize(
    "path", sorted(path for path in STATIC.rglob("*") if path.is_file()), ids=lambda p: p.relative_to(STATIC).as_posix()
)
def test_a_file_asks_nobody_and_never_reads_html_from_text(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\"'(/^])https?://(?!www\.w3\.org)[\w.-]+\.\w+", source), "an address of somebody else"
    assert not re.findall(r"@import|url\((?!data:)", source), "a style that loads something"
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|\.cookie"
    )
    assert not re.findall(forbidden, source)
    if path.suffix == ".html":
        assert not re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", source), "inline script or style"


def test_modules_import_only_what_is_there() -> None:
    for path in STATIC.rglob("*.js"):
        for target in re.findall(r"from \"([^\"]+)\"", path.read_text(encoding="utf-8")):
            assert target.startswith("."), f"{path.name} imports {target}, which no browser finds"
            assert (path.parent / target).is_file(), f"{path.name} imports {target}, which is not there"
