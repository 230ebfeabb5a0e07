"""What docs/secrets-and-logs.md shows is so."""

from __future__ import annotations

import json

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator
from tests.airflow.leak_cases import CASES
from tests.docs import pages

PAGE = pages.CHECKOUT / "docs" / "secrets-and-logs.md"


def test_the_rendered_view_of_the_snippet_is_the_one_that_is_shown() -> None:
    """The operator of the page, rendered with a value, shows Airflow what the page says."""
    shown = {snippet.language: snippet.text for snippet in pages.snippets(PAGE)}
    known: dict[str, object] = {"RegisterSourceOperator": RegisterSourceOperator}
    with DAG("shown", schedule=None) as dag:
        exec(shown["python"], known)
    operator = dag.get_task("register")
    operator.render_template_fields({"var": {"value": {"github_access_token": "canary"}}})
    assert isinstance(operator, RegisterSourceOperator)
    assert json.loads(str(operator.adapter_config)) == json.loads(shown["json"])


def test_the_cases_are_as_many_as_is_said() -> None:
    """More than twenty."""
    assert "more than twenty cases" in PAGE.read_text()
    assert len(CASES) > 20


def test_the_cure_is_the_one_that_the_leak_test_uses() -> None:
    """The page names the setting that the test proves."""
    cure = "AIRFLOW__LOGGING__NAMESPACE_LEVELS=supervisor=INFO"
    assert cure in PAGE.read_text()
    assert (
        'CURE = {"LOGGING__NAMESPACE_LEVELS": "supervisor=INFO"}'
        in (pages.CHECKOUT / "tests" / "airflow" / "test_leaks.py").read_text()
    )
