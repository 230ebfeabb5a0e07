"""The pages, taken apart: what stands between fences, in tables and in links."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "README.md"
CONNECTION = CHECKOUT / "docs" / "connection.md"
DECISIONS = sorted((CHECKOUT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])

ADD = "airflow connections add copass_default "
"""How the command begins that stores a connection."""

_FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# `[text](target)`, the target apart from its fragment.
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")


@dataclass(frozen=True)
class Snippet:
    """What stands between two fences.

    :param language: the word after the first.
    """

    page: str
    language: str
    text: str


def name_of(page: Path) -> str:
    """Return a page's path as a person writes it."""
    return page.relative_to(CHECKOUT).as_posix()


def snippets(page: Path) -> list[Snippet]:
    """Return a page's snippets, in their order."""
    return [Snippet(name_of(page), language, text) for language, text in _FENCED.findall(page.read_text())]


def diagrams() -> list[str]:
    """Return the text of each diagram of the pages."""
    return [each.text for page in PAGES for each in snippets(page) if each.language == "mermaid"]


def picture_of(diagram: str) -> Path:
    """Return where the picture of a diagram is, which ``make diagrams`` draws and ``make docs`` shows."""
    return CHECKOUT / "docs" / "images" / "diagrams" / f"{hashlib.sha256(diagram.encode()).hexdigest()[:12]}.svg"


def commands(page: Path) -> list[str]:
    """Return the commands of a page: each line of its shell snippets, without its comment."""
    lines = [line for each in snippets(page) if each.language == "bash" for line in each.text.splitlines()]
    return [command for line in lines if (command := re.sub(r"\s+# .*", "", line).strip())]


def the_command_that_adds() -> str:
    """Return the command that stores a connection, which the README and the connection page show alike."""
    (command,) = {line for page in (README, CONNECTION) for line in commands(page) if line.startswith(ADD)}
    return command


def rows_of_json(page: Path) -> list[tuple[str, str]]:
    """Return the first two cells of each row that begins with a JSON object as code."""
    return re.findall(r"^\| `(\{.*?\})` \| `(\w+)` \|", page.read_text(), re.MULTILINE)


def relative_links(page: Path) -> list[str]:
    """Return the links of a page that lead to a file."""
    return [link for link, _ in _LINK.findall(_prose(page)) if link and "://" not in link]


def fragments(page: Path) -> list[tuple[str, str]]:
    """Return the links of a page that lead to a heading: the file, empty for the page itself, and the fragment."""
    return [(link, fragment) for link, fragment in _LINK.findall(_prose(page)) if fragment and "://" not in link]


def anchors(page: Path) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        again = (f"{anchor}-{number}" for number in range(1, len(found) + 1))
        found.add(anchor if anchor not in found else next(each for each in again if each not in found))
    return found


def make_targets_named(page: Path) -> set[str]:
    """Return the targets that a page names in code, in a line of text or between fences."""
    text = page.read_text()
    code = [*re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _prose(page)), *(body for _, body in _FENCED.findall(text))]
    return {target for part in code for target in _MAKE.findall(part)}


def _prose(page: Path) -> str:
    """Return a page without what stands between fences."""
    return _FENCED.sub("", page.read_text())
