"""``make diagrams``: draw the pages' diagrams, for the site that ``make docs`` builds.

A browser would draw them itself with a script from elsewhere; a picture needs none. It takes npm, which brings Mermaid,
and the Chromium of ``make browser``.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.docs import pages
from tests.harness.browser import opened_browser

MERMAID = "mermaid@11.4.1"


def main() -> int:
    """Draw each diagram that has no picture, and remove the pictures that are no diagram's."""
    wanted = {pages.picture_of(diagram): diagram for diagram in pages.diagrams()}
    folder = next(iter(wanted)).parent
    folder.mkdir(exist_ok=True)
    for path in set(folder.glob("*.svg")) - set(wanted):
        path.unlink()
    missing = {path: diagram for path, diagram in wanted.items() if not path.exists()}
    if not missing:
        return 0
    with tempfile.TemporaryDirectory() as into, opened_browser() as page:
        packed = subprocess.run(
            ["npm", "pack", "--silent", MERMAID], cwd=into, capture_output=True, text=True, check=True
        )
        with tarfile.open(Path(into) / packed.stdout.split()[-1]) as archive:
            archive.extract("package/dist/mermaid.min.js", into, filter="data")
        page.set_content("<html><body></body></html>")
        page.add_script_tag(path=Path(into) / "package" / "dist" / "mermaid.min.js")
        page.evaluate("mermaid.initialize({startOnLoad: false, htmlLabels: false, flowchart: {htmlLabels: false}})")
        for number, (path, diagram) in enumerate(missing.items()):
            drawn: str = page.evaluate(
                "async ([id, text]) => (await mermaid.render(id, text)).svg", [f"diagram{number}", diagram]
            )
            path.write_text(drawn + "\n", encoding="utf-8")
            print(path.relative_to(pages.CHECKOUT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
