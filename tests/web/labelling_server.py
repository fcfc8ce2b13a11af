"""A labelling project with three people, its server as a process of its own, and browsers that look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from hindcast.labelling import Item, Project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
GUIDELINE = "# What is spam?\n\nA comment is **spam** when it wants something *for its author*.\n\n- links are spam\n"
ROLES = {"Ann": "annotator", "Bo": "annotator", "Cleo": "adjudicator"}


class Served:
    """A project and its server process."""

    def __init__(self, folder: Path, items: list[Item], **options: Any) -> None:
        self.folder = folder
        told = {"name": "comments", "classes": ["ham", "spam"], "question": "Is this spam?", "guideline": GUIDELINE}
        with Project.create(folder, **{**told, **options}) as project:
            project.add_items(items)
            self.tokens = {name: project.add_annotator(name, role=role) for name, role in ROLES.items()}  # type: ignore[arg-type]
        self.port = 0
        self.start()

    def start(self) -> None:
        """Serve at the port it had before, if it had one."""
        code = "import sys; from hindcast.web.labelling import run; run(sys.argv[1], port=int(sys.argv[2]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(self.folder), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found, "the server did not start"
        self.port = int(found[1])
        self.url = found[0]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.process.pid, how)
        code = self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def answers(self) -> dict[tuple[str, str], str | None]:
        """What stands on disk: the label by annotator and item. Another process reads it while the server writes."""
        with Project.open(self.folder, writing=False) as project:
            return {
                (person.name, one.item): one.label or one.action
                for person in project.annotators()
                for one in project.history(person.name, 1_000)
            }


class Visitor:
    """One person's browser."""

    def __init__(self, browser: Any, served: Served, who: str, **options: Any) -> None:
        self.served, self.who = served, who
        self.context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.open()

    def open(self) -> None:
        """Open the link in a new page."""
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{self.served.url}/#token={self.served.tokens[self.who]}")
        self.page.wait_for_selector("h1")

    def go(self, view: str) -> None:
        self.page.get_by_role("link", name=re.compile(f"^{view}")).click()
        self.page.wait_for_function("name => document.title.startsWith(name)", arg=view)
        self.page.wait_for_load_state("networkidle")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self) -> str:
        """The text of the item that is shown."""
        return str(self.page.locator("article .text").inner_text())

    def wait(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for()

    def saved(self) -> None:
        self.page.wait_for_selector(".state[data-state=saved]")

    def close(self) -> None:
        self.context.close()
