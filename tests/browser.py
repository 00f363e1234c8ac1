"""Pages in a headless Chromium, as the system has it."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright import sync_api as playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Watched:
    """A page that has asked nobody for anything, and has no dialog and no message on its console.

    Args:
        browser: The browser.
        own: What the addresses begin with that it may ask for.
        options: Of Playwright's context.
    """

    def __init__(self, browser: "playwright.Browser", own: str = "file:", **options: object) -> None:
        self.own = (own, "data:", "blob:")
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.seen: list[str] = []
        self.page.on("console", lambda message: self.seen.append(message.text))
        self.page.on("pageerror", lambda error: self.seen.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.seen.append(dialog.message), dialog.dismiss()))
        self.page.on("request", self._note)

    def _note(self, request: "playwright.Request") -> None:
        if not request.url.startswith(self.own):
            self.seen.append(request.url)

    def open(self, path: Path, fragment: str = "") -> "playwright.Page":
        self.page.goto("about:blank")
        self.page.goto(path.as_uri() + fragment)
        return self.page


def serious_violations(page: "playwright.Page") -> list[tuple[str, str]]:
    """Return what axe-core finds serious in a page whose policy is bypassed: the rule, and the first element.

    It skips the test where `AXE_CORE` does not name the script.
    """
    script = os.environ.get("AXE_CORE")
    if not script:
        pytest.skip("AXE_CORE does not name axe.min.js of the npm package axe-core")
    page.add_script_tag(path=script)
    found = page.evaluate("axe.run()")["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
