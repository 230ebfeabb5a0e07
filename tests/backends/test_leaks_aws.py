"""Every case of the leak test with everything in AWS's Secrets Manager: the token, the credential and the secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("boto3", reason="the secrets backends have an environment of their own: make test-backends")

import boto3

from tests.airflow.leak_cases import CASES, Case
from tests.airflow.leak_stage import Played, played
from tests.docs import pages
from tests.harness import leak_search
from tests.harness.airflow_home import AIRFLOW_3

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    # What is suppressed is tested on both, in one process.
    pytest.mark.skipif(not AIRFLOW_3, reason="a minute's run for a rule that is the same on Airflow 2"),
]

SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
PAGE = pages.CHECKOUT / "docs" / "secrets.md"


def keep(kind: str, content: dict[str, Any]) -> None:
    """Put connections and Variables where the backend finds them."""
    for name, value in content.items():
        text = value if isinstance(value, str) else json.dumps(value)
        boto3.client("secretsmanager").create_secret(Name=f"airflow/{kind}/{name}", SecretString=text)


@pytest.fixture(scope="module")
def loud(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Every case, with all loggers at DEBUG, and the cure of the page for what Airflow and users' tasks read."""
    [cure] = [each.text for each in pages.snippets(PAGE) if each.language == "python" and "botocore" in each.text]
    settings = {"SECRETS__BACKEND": SECRETS_MANAGER}
    with played(tmp_path_factory.mktemp("leaks"), settings, keep=keep, local_settings=cure) as done:
        yield done


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.word)
def test_each_case_ends_as_it_should(loud: Played, case: Case) -> None:
    """As with Variables, and with the vault."""
    outcome = loud.tasks[case.word]
    assert (outcome.state, outcome.tries) == (case.state, case.tries)


def test_nothing_holds_one(loud: Played) -> None:
    """No log, no column, no output of any process: botocore, which logs bodies, is suppressed meanwhile.

    In the tasks of the operator it is set to DEBUG again, and the operator suppresses the logs of what it reads itself.
    """
    assert [str(leak) for leak in loud.leaks()] == []


def test_the_search_is_not_blind(loud: Played) -> None:
    """It knows the secrets, finds what is there, and the user's task has read a secret."""
    assert len([name for name in loud.values() if name.startswith("secret ")]) > len(CASES) // 2
    landmark = {"landmark": loud.xcoms["success"]["return_value"]}
    seen = {leak.path for leak in leak_search.search([loud.home.path], landmark).leaks}
    assert loud.home.database in seen
    assert any(loud.home.logs in path.parents for path in seen)
    assert loud.xcoms["use_secret"]["return_value"] > 0
