"""The checks of what is published; ``make test-wheel`` builds it, makes the environments and says where they are."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where things are."""
    parser.addoption("--dist", type=Path, required=True, help="the folder that holds the sdist and the wheel")
    parser.addoption("--plain", type=Path, help="the environment of an Airflow that has the wheel and no more of ours")


@pytest.fixture(name="dist", scope="session")
def _dist(request: pytest.FixtureRequest) -> Path:
    """The folder that holds the sdist and the wheel."""
    dist: Path = request.config.getoption("--dist")
    return dist


@pytest.fixture(name="plain", scope="session")
def _plain(request: pytest.FixtureRequest) -> Path:
    """The environment of an Airflow that has the wheel and no more of ours."""
    plain: Path = request.config.getoption("--plain")
    return plain
