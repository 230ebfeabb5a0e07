"""What holds for every test: an Airflow home of its own, and an emulated Copass account where one is asked for."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports Airflow, which reads its home once: a developer's own is neither read nor written.
_HOME = tempfile.TemporaryDirectory(prefix="copass-tests-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
for _name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_", "COPASS_"))]:
    del os.environ[_name]

from airflow_provider_copass.emulator import Emulator  # noqa: E402 - see above
from tests.harness.own_words import WARNINGS  # noqa: E402 - see above

# `--hypothesis-profile=rounds` is what `make test-rounds` says. How long an example takes is the machine's to say.
settings.register_profile("usual", max_examples=150, deadline=None)
settings.register_profile("rounds", max_examples=1000, deadline=None)
settings.load_profile("usual")


def pytest_configure(config: pytest.Config) -> None:
    """Have every warning be an error, but for those that this Airflow gives without us."""
    for warning in WARNINGS:
        config.addinivalue_line("filterwarnings", warning.as_filter())


@pytest.fixture(autouse=True)
def _masks_of_its_own() -> Iterator[None]:
    """Airflow looks for all that it masks with one regular expression, which it compiles anew for each secret.

    A task has a few secrets. These tests have thousands, of sources that no later test knows.
    """
    yield
    for name in ("airflow._shared.secrets_masker", "airflow.sdk._shared.secrets_masker", "airflow.utils.log"):
        # Airflow 2's own, or one for each half of Airflow 3; none where no filter has been added to any log.
        module = sys.modules.get(f"{name}.secrets_masker")
        if module is not None:
            with suppress(RuntimeError):
                masker = module._secrets_masker()
                masker.patterns, masker.replacer = set(), None


@pytest.fixture(scope="session", autouse=True)
def _with_which_airflow(record_testsuite_property: Callable[[str, object], None]) -> None:
    """The report says with which Airflow these tests ran: ``make matrix`` reads it."""
    record_testsuite_property("apache-airflow", importlib.metadata.version("apache-airflow"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--screenshots``: the tests that look at Airflow in a browser write what the pages show."""
    parser.addoption("--screenshots", type=Path, default=None, help="folder for pictures of Airflow's pages")


@pytest.fixture
def emulator(copass_emulator: Emulator) -> Emulator:
    """The account that users' tests get; :func:`airflow_provider_copass.pytest_plugin.connection_to` leads to it."""
    return copass_emulator
