"""One list of versions: the pages name what the Makefile runs, and the pins are of what is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs import pages

PINS = sorted((pages.CHECKOUT / ".ci" / "constraints").glob("*.txt"))
VERSIONS_PAGE = pages.CHECKOUT / "docs" / "versions.md"
MAKEFILE = (pages.CHECKOUT / "Makefile").read_text()


def versions() -> list[str]:
    """Return the versions of the matrix, as the Makefile has them."""
    variables = dict(re.findall(r"^(\w+) := (.*)$", MAKEFILE, re.MULTILINE))
    return re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], variables["VERSIONS"]).split()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CHANGELOG.md", "docs/versions.md"])
def test_a_page_names_every_version_of_the_matrix(page: str) -> None:
    """In the words "2.11.2, 3.1.8, 3.2.2 and 3.3.2"."""
    *most, last = versions()
    text = " ".join((pages.CHECKOUT / page).read_text().split())
    assert f"{', '.join(most)} and {last}" in text


def test_the_pythons_that_are_declared_are_those_that_are_tested() -> None:
    """What an index would show is what the page says, and no more."""
    classifiers = tomllib.loads((pages.CHECKOUT / "pyproject.toml").read_text())["project"]["classifiers"]
    declared = [found[1] for each in classifiers if (found := re.fullmatch(r".*:: Python :: (3\.\d+)", each))]
    said = re.findall(r"Python (3\.\d+)", VERSIONS_PAGE.read_text())
    assert sorted(set(said)) == sorted(declared)
    [others] = re.findall(r"^PYTHONS := (.*)$", MAKEFILE, re.MULTILINE)
    assert declared == ["3.11", *others.split()]


@pytest.mark.parametrize("version", versions())
def test_each_version_has_its_pins(version: str) -> None:
    """And they are of that Airflow."""
    lines = (pages.CHECKOUT / ".ci" / "constraints" / f"airflow-{version}.txt").read_text().splitlines()
    assert f"apache-airflow=={version}" in lines


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_pins_are_names_and_versions_alone(pins: Path) -> None:
    """No address of an index, no path, no option."""
    assert [line for line in pins.read_text().splitlines() if not re.fullmatch(r"[a-z0-9-]+==[\w.!+]+", line)] == []


def test_the_lowest_pins_are_the_bounds_that_are_declared() -> None:
    """What `make test-wheel` runs with as the lowest is what a user may have, and what the page says."""
    project = tomllib.loads((pages.CHECKOUT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["emulator"]]
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", each).groups() for each in declared)  # type: ignore[union-attr]
    pinned = dict(
        line.split("==") for line in (pages.CHECKOUT / ".ci" / "constraints" / "lowest.txt").read_text().splitlines()
    )
    page = " ".join(VERSIONS_PAGE.read_text().split())
    for name, bound in bounds.items():
        assert f"{pinned[name]}.".startswith(f"{bound}."), name
        said = {"apache-airflow": "Airflow", "apache-airflow-providers-common-compat": "common-compat"}.get(name, name)
        assert f"{said} {bound}" in page
