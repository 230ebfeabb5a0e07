"""A browser for the tests that look at Airflow as a person does: Debian's Chromium, driven by Playwright."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WORDS = "words.json"
"""The file beside the pictures that says what they show, for a test that looks at no picture."""
WHY_NOT = "there is no Chromium on this machine: `make browser` gets Debian's"

# No window, no graphics card, and nothing sent to anyone on its own account. Root, as in a container, has no sandbox.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The same picture on every machine.
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]

# Five seconds are not enough for a page of Airflow on a busy machine.
expect.set_options(timeout=30_000)


@contextmanager
def opened_browser(*, width: int = 1200, height: int = 1250) -> Iterator[Page]:
    """Open a page in a browser of its own, for a ``with`` block; what it waits for may take half a minute.

    :param width: of the page, in pixels.
    :param height: of the page, in pixels.
    """
    if CHROMIUM is None:
        raise FileNotFoundError(WHY_NOT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="light",
                locale="en-GB",
                reduced_motion="reduce",
            )
            page.set_default_timeout(30_000)
            yield page
        finally:
            browser.close()


class Pictures:
    """Where screenshots go: nowhere, unless ``--screenshots FOLDER`` asks for them.

    :param folder: the folder; None for nowhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, page: Page, name: str, *, of: str | None = None, height: int | None = None) -> None:
        """Write a picture, and note the words that it shows.

        :param page: what to take it of.
        :param name: of the file, without its suffix.
        :param of: a selector of the part that matters; all that is to be seen by default.
        :param height: of the page, in pixels, from now on.
        """
        if self._folder is None:
            return
        if height is not None and page.viewport_size is not None:
            page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.png"
        (page if of is None else page.locator(of)).screenshot(path=path, animations="disabled", caret="hide")
        words = self._folder / WORDS
        noted = json.loads(words.read_text(encoding="utf-8")) if words.exists() else {}
        noted[name] = {"picture": fingerprint(path), **_shown(page.locator(of or "body"))}
        words.write_text(f"{json.dumps(noted, indent=2, sort_keys=True)}\n", encoding="utf-8")


def fingerprint(picture: Path) -> str:
    """Return the SHA-256 of a picture, by which it is told that its words are noted.

    :param picture: the file.
    """
    return hashlib.sha256(picture.read_bytes()).hexdigest()


def _shown(part: Locator) -> dict[str, object]:
    """Return what a picture shows in words: the lines of text, and what stands in each field but a covered one."""
    fields = part.locator("input[name]:visible:not([type=password])").all()
    return {
        # A tab is between the cells of a table's row.
        "lines": [line.strip() for line in re.split(r"[\n\t]", part.inner_text()) if line.strip()],
        "fields": {
            str(field.get_attribute("name")): field.input_value() or field.get_attribute("placeholder") or ""
            for field in fields
        },
    }
