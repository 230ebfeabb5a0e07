"""The pictures are true: the words that stood in them when they were taken are those of today.

They are noted beside the pictures when these are taken. When a test here fails: ``make screenshots``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from airflow_provider_copass.connection_fields import EXTRA_FIELDS, HIDDEN_FIELDS, STANDARD_FIELDS
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from tests.docs import pages
from tests.harness.browser import WORDS, fingerprint

IMAGES = pages.CHECKOUT / "docs" / "images"
NOTED: dict[str, Any] = json.loads((IMAGES / WORDS).read_text(encoding="utf-8"))
EXAMPLE = pages.CHECKOUT / "example_dags" / "example_register_source.py"
REACT = pages.CHECKOUT / "example_dags" / "example_react_to_sync.py"


def lines(name: str) -> list[str]:
    """Return the lines of text in a picture."""
    found: list[str] = NOTED[name]["lines"]
    return found


def test_every_picture_has_its_words_noted() -> None:
    """A picture that was put there by hand has not, and is no longer the one whose words are noted."""
    assert {name: noted["picture"] for name, noted in NOTED.items()} == {
        path.stem: fingerprint(path) for path in IMAGES.glob("*.png")
    }


def test_every_diagram_has_its_picture_and_no_other_is_left() -> None:
    """The site shows pictures of the diagrams as they are in the pages now. When this fails: ``make diagrams``."""
    assert {pages.picture_of(diagram) for diagram in pages.diagrams()} == {*(IMAGES / "diagrams").glob("*.svg")}


def test_no_picture_of_a_diagram_loads_anything() -> None:
    """No script, no style sheet and no font from elsewhere."""
    for path in (IMAGES / "diagrams").glob("*.svg"):
        assert re.findall(r"<script|@import|(?:href|src)=.https?:|url\(.?https?:", path.read_text()) == []


def test_every_picture_is_shown_on_a_page() -> None:
    """And every page shows pictures that are there, which the test of its links sees to."""
    shown = {link.rpartition("/")[2] for page in pages.PAGES for link in pages.relative_links(page)}
    assert {path.name for path in IMAGES.glob("*.png")} <= shown


def test_the_form_has_the_labels_of_the_standard_fields() -> None:
    """All of them, and none that is hidden."""
    assert {field.label for field in STANDARD_FIELDS} <= set(lines("connection-form"))
    assert not set(HIDDEN_FIELDS) & set(NOTED["connection-form"]["fields"])
    assert NOTED["connection-form"]["fields"]["port"] == "443"


def test_the_form_has_the_words_and_the_defaults_of_the_extra_fields() -> None:
    """All of them, with the default sandbox filled in."""
    shown = set(lines("connection-form-extra"))
    assert {field.label for field in EXTRA_FIELDS} <= shown
    assert {field.description for field in EXTRA_FIELDS} <= shown
    defaults = {f"element_{field.name}": str(field.default or "") for field in EXTRA_FIELDS}
    assert (
        NOTED["connection-form-extra"]["fields"].items()
        >= {
            **defaults,
            "element_sandbox_id": "sb_your_sandbox",
        }.items()
    )


def test_the_test_says_what_a_test_says(emulator: Emulator) -> None:
    """The line in the picture is that of a good connection to a sandbox without sources."""
    worked, said = CopassHook().test_connection()
    assert worked
    without_place = said.removeprefix(f"Reached {emulator.url}")
    assert [line for line in lines("connection-test") if re.fullmatch(rf"Reached \S+{re.escape(without_place)}", line)]


def test_the_green_run_is_one_of_the_example() -> None:
    """Its DAG, its tasks and the sources that these are called by are those of the file, and each is a success."""
    text = EXAMPLE.read_text(encoding="utf-8")
    [dag_id] = re.findall(r'dag_id="(\w+)"', text)
    tasks = {*re.findall(r'task_id="(\w+)"', text), *re.findall(r"@task\n    def (\w+)", text)}
    shown = set(lines("green-run"))
    assert {dag_id, "Success", "RegisterSourceOperator"} <= shown
    assert [task for task in tasks if task not in shown] == []
    assert {*re.findall(r'"name": "([^"]+)"', text)} <= shown


def test_the_run_by_an_event_is_one_of_the_example() -> None:
    """Its DAG, its task and its asset are those of the file, and it says what has started it."""
    text = REACT.read_text(encoding="utf-8")
    [dag_id] = re.findall(r'dag_id="(\w+)"', text)
    [task] = re.findall(r"@task\n    def (\w+)", text)
    [asset] = re.findall(r'Asset\(\n    "(\w+)"', text)
    assert {dag_id, task, asset, "Asset Triggered", "Success"} <= set(lines("asset-run"))
