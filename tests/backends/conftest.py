"""The servers behind the secrets backends, one for each module of tests."""

from collections.abc import Iterator

import pytest

from tests.backends import servers
from tests.harness.airflow_home import AirflowHome


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """A home whose database the others copy."""
    home = AirflowHome(tmp_path_factory.mktemp("migrated"))
    home.migrate()
    return home


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Vault]:
    """A running OpenBao; each test has a mount of its own."""
    with servers.vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running stand-in of AWS, by its URL, and an environment that leads to it."""
    with servers.aws(tmp_path_factory.mktemp("aws")) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {**servers.AWS, "AWS_ENDPOINT_URL": url, "NO_PROXY": "*"}.items():
            patch.setenv(name, value)
        yield url
