"""The code in README.md and docs/ runs; commands, options and links in them exist.

A block of Python runs with the blocks before it on the same page. A block that must not run is marked in the line above
with a reason: ``<!-- not run: why -->``.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from architecture import ROOT
from hindcast.cli.main import commands

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "benchmarks", "experiments") for page in (ROOT / folder).rglob("*.md")),
    ]
)
_BLOCK = re.compile(
    r"(?P<mark><!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<language>[\w-]+)\n(?P<code>.*?)^```$", re.M | re.S
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    code: str
    why: str | None


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start("code")) + 1, match["language"], match["code"], match["why"])
        for match in _BLOCK.finditer(text)
    ]


def run_python(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python of a page as one file, each block at its own lines so that a traceback points into the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and block.why is None and ">>>" not in block.code:
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.code.splitlines()
    script = folder / f"{page.stem}.py"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def pages_with(language: str, prompt: bool) -> list[Path]:
    return [
        page
        for page in PAGES
        if any(b.language == language and b.why is None and (">>>" in b.code) == prompt for b in blocks(page))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("python", prompt=False), ids=name_of)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    run = run_python(page, tmp_path)
    print(run.stdout)
    assert run.returncode == 0, f"{name_of(page)}:\n{run.stdout[-2_000:]}\n{run.stderr[-4_000:]}"


@pytest.mark.slow
def test_the_first_code_prints_what_the_readme_says(tmp_path: Path) -> None:
    readme = ROOT / "README.md"
    said = [block.code for block in blocks(readme) if block.language == "text"]
    run = run_python(readme, tmp_path)
    assert any(run.stdout.strip() == text.strip() for text in said), f"README.md does not show:\n{run.stdout}"


@pytest.mark.parametrize("page", pages_with("python", prompt=True), ids=name_of)
def test_the_sessions_of_a_page_print_what_they_say(page: Path) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    shared: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python" and block.why is None and ">>>" in block.code:
            test = doctest.DocTestParser().get_doctest(block.code, shared, name_of(page), str(page), block.line - 1)
            runner.run(test, clear_globs=False)
            shared = test.globs
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for match in _LINK.finditer(page.read_text(encoding="utf-8")):
        to = match["to"].split("#")[0]
        if to and not to.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / to).exists(), f"{name_of(page)} links to {to}, which is not there"


def all_commands() -> dict[str, click.Command]:
    """Every command by what is typed; those of a group as ``label new``."""
    found: dict[str, click.Command] = {}
    for name, command in commands.commands.items():
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {part}": within for part, within in command.commands.items()}
    return found


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name, command in all_commands().items():
        if isinstance(command, click.Group):
            continue
        line = next((line for line in text.splitlines() if line.startswith(f"| `hindcast {name} ")), "")
        assert line, f"docs/reference/cli.md does not describe `hindcast {name}`"
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "--home" not in parameter.opts:
                assert f"`{longest(parameter)}" in line, (
                    f"docs/reference/cli.md: `hindcast {name}` lacks {longest(parameter)}"
                )


def longest(option: click.Option) -> str:
    return max(option.opts, key=len)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_a_page_exist(page: Path) -> None:
    """Every `hindcast something --option` that a page shows is one."""
    text = page.read_text(encoding="utf-8")
    for name, rest in re.findall(r"(?:^|[`$]|\s\|\s|\./)hindcast ([a-z]+)((?: [^`\n|]*)?)", text, re.M):
        if name in ("is", "does", "has", "keeps", "try", "itself", "takes", "one", "says", "calibrates"):
            continue
        assert name in commands.commands, f"{name_of(page)} shows `hindcast {name}`, which is no command"
        command = commands.commands[name]
        if isinstance(command, click.Group):
            part = rest.split()[0] if rest.split() else "--help"
            assert part in command.commands or part.startswith(("-", "COMMAND")), (
                f"{name_of(page)} shows `hindcast {name} {part}`, which is no command"
            )
            command = command.commands.get(part, command)
        known = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
        for option in re.findall(r"(?<!\S)(--[a-z-]+)", rest):
            assert option in known, f"{name_of(page)} shows `hindcast {name} {option}`, which is no option"


def test_make_targets_on_a_page_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        for block in blocks(page):
            if block.language == "sh":
                for target in re.findall(r"^make ([a-z-]+)", block.code, re.M):
                    assert target in targets, f"{name_of(page)} shows `make {target}`"


def test_every_page_is_found_from_the_first_one() -> None:
    """No page of docs/ is an orphan."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        if page.suffix == ".md":
            links = _LINK.findall(page.read_text(encoding="utf-8"))
            waiting += [(page.parent / to.split("#")[0]).resolve() for to in links if not to.startswith("http")]
    lost = [name_of(page) for page in PAGES if page not in seen]
    assert not lost, f"no link leads to {', '.join(lost)}"
