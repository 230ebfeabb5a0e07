"""What the tests of this folder share: a database of this Airflow, made once."""

import pytest

from tests.harness.airflow_home import AirflowHome


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """A home with an empty database, to be copied: making one takes Airflow ten seconds."""
    home = AirflowHome(tmp_path_factory.mktemp("migrated"))
    home.migrate()
    return home
