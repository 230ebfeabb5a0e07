"""What the wheel and the sdist hold."""

import tarfile
import zipfile
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_copass/"


@pytest.fixture(name="wheel", scope="module")
def _wheel(dist: Path) -> list[str]:
    """The names of the files in the wheel."""
    [path] = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.fixture(name="sdist", scope="module")
def _sdist(dist: Path) -> list[str]:
    """The names of the files in the sdist, below its one folder."""
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def test_the_wheel_holds_the_package_and_its_metadata_alone(wheel: list[str]) -> None:
    """Nothing else would be put beside it in a user's ``site-packages``."""
    folders = {name.partition("/")[0] for name in wheel}
    assert len(folders) == 2
    assert {folder.rpartition(".")[2] for folder in folders} == {PACKAGE.rstrip("/"), "dist-info"}


def test_the_wheel_holds_no_tests(wheel: list[str]) -> None:
    """What has the word in its name is for tests of users' own, or tests a connection."""
    for_users = {PACKAGE + "pytest_plugin.py", PACKAGE + "secret_stores/testing.py"}
    tested = PACKAGE + "hooks/connection_test.py"
    assert {name for name in wheel if "test" in name.lower()} == {*for_users, tested}


def test_the_wheel_holds_every_module_and_the_mark_of_its_types(wheel: list[str], sdist: list[str]) -> None:
    """It was built from the sdist, so that this one is complete as well."""
    assert PACKAGE + "py.typed" in wheel
    assert {name for name in sdist if name.startswith(PACKAGE)} <= set(wheel)


def test_the_sdist_holds_what_it_takes_to_test_it(sdist: list[str]) -> None:
    """Tests, examples, pages, and the commands that run them."""
    for name in (
        "tests/conftest.py",
        "example_dags",
        "docs",
        "Makefile",
        ".ci",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
    ):
        assert any(each == name or each.startswith(f"{name}/") for each in sdist), name
