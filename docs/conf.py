"""How ``make docs`` builds the pages: Markdown as it lies here, and the reference out of the docstrings."""

from __future__ import annotations

import importlib
import posixpath
import re
from typing import Any

import airflow_provider_copass
from airflow_provider_copass.errors import CopassError
from tests.docs import pages

_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Before Sphinx does: it imports as a type checker would, and Airflow does not bear that.
_ROOMS = ("operators", "sensors", "triggers", "hooks", "secret_stores", "api", "errors")
for _room in _ROOMS:
    importlib.import_module(f"airflow_provider_copass.{_room}")

project = "airflow-provider-copass"
version = release = airflow_provider_copass.__version__
copyright = "the airflow-provider-copass authors"  # noqa: A001 - Sphinx calls it so

# The whole checkout, so that a link from one page to another is the same here and in the repository.
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# A fence may name a file: `python conftest.py`.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"airflow-provider-copass {release}"
html_copy_source = False
html_show_sourcelink = False


_CONTENTS = {
    "Use it": ["examples", "connection", "operators", "waiting", "secrets", "testing-your-dags"],
    "Run it": ["production", "failures", "secrets-and-logs", "versions", "emulator"],
    "Reference": [f"reference/{room}" for room in _ROOMS],
    "Understand it": ["architecture", "decisions/README"],
}


def _add_contents(_: object, page: str, source: list[str]) -> None:
    """Let the site's first page, the README, say what there is; in the repository its last table does."""
    if page == root_doc:
        for caption, entries in _CONTENTS.items():
            listed = "\n".join(f"docs/{entry}" for entry in entries)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"
        source[0] += "\n```{toctree}\n:hidden:\n:caption: Work on it\n\nCONTRIBUTING\nCHANGELOG\n```\n"


def _show_pictures(_: object, page: str, source: list[str]) -> None:
    """Show the picture of each diagram: a browser that draws it itself would load a script from elsewhere."""
    here = posixpath.dirname(page)

    def shown(found: re.Match[str]) -> str:
        picture = pages.name_of(pages.picture_of(found[1]))
        return f"![A diagram]({posixpath.relpath(picture, here)})"

    source[0] = _DIAGRAM.sub(shown, source[0])


def _skip_errors(app: Any, _: str, __: str, shown: object, skip: bool, ___: object) -> bool:
    """Show each error once, on the page of errors: the API client exports some of them too."""
    is_error = isinstance(shown, type) and issubclass(shown, CopassError)
    return skip or (is_error and app.env.docname != "docs/reference/errors")


def setup(app: Any) -> None:
    """Take part in Sphinx's work."""
    app.connect("source-read", _show_pictures)
    app.connect("source-read", _add_contents)
    app.connect("autodoc-skip-member", _skip_errors)
