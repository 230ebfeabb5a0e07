"""The pages that list things list all of them: an operator's parameters and XComs, and each error."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass import api, operators
from airflow_provider_copass.api.errors import STATUS_ERRORS, CopassError
from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator, UpdateSourceOperator
from airflow_provider_copass.operators.failures import is_final
from tests.docs import pages
from tests.harness.environment import clean_environment

OPERATORS = pages.CHECKOUT / "docs" / "operators.md"
FAILURES = pages.CHECKOUT / "docs" / "failures.md"
# Bases of others, and what is said of a redirect and of an answer as such.
NOT_LISTED = {
    "CopassCallError",
    "CopassError",
    "CopassRedirectError",
    "CopassRegistrationError",
    "CopassStatusError",
    "CopassTransportError",
}


def first_cells(text: str) -> list[str]:
    """Return the first cell of each row of the tables in a text."""
    return [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| `")]


def table_of(operator: type[Any]) -> list[str]:
    """Return the rows of the table of an operator's parameters."""
    text = OPERATORS.read_text().partition(f"# {operator.__name__}\n")[2].partition("| XCom |")[0]
    return [row for row in text.splitlines() if row.startswith("| `")]


def parameters_of(operator: type[Any]) -> list[str]:
    """Return the names of what an operator adds to what every operator of its kind takes."""
    return [
        name
        for name, each in inspect.signature(operator.__init__).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("operator", [RegisterSourceOperator, RegisterSourcesOperator, UpdateSourceOperator])
def test_every_parameter_of_the_operator_is_listed(operator: type[Any]) -> None:
    """All of ``__init__``, in its order, but for the connection and the sandbox of every operator."""
    listed = [row.split("`")[1] for row in table_of(operator)]
    assert listed == [name for name in parameters_of(operator) if name != "copass_conn_id"]


@pytest.mark.parametrize("operator", [RegisterSourceOperator, RegisterSourcesOperator, UpdateSourceOperator])
def test_what_is_called_templated_is(operator: type[Any]) -> None:
    """Each row says so, and no other."""
    named = {row.split("`")[1] for row in table_of(operator) if "templated" in row}
    assert named == {*operator.template_fields} & {*parameters_of(operator)} - {"copass_conn_id"}


CODE = [snippet.text for snippet in pages.snippets(OPERATORS) if snippet.language == "python"]


@pytest.mark.parametrize("code", CODE, ids=["many sources", "a list", "outlets"])
def test_each_dag_of_the_page_is_parsed(tmp_path: Path, code: str) -> None:
    """It is a DAG file without an import error."""
    file = tmp_path / "shown.py"
    file.write_text(code, encoding="utf-8")
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(pages.CHECKOUT)}
    subprocess.run([sys.executable, str(file)], env=environment, check=True, capture_output=True)


def sections() -> dict[str, str]:
    """Return the page's sections by their headings."""
    parts = re.split(r"^## (.*)$", FAILURES.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_error_is_listed() -> None:
    """All that can leave this package, and nothing that cannot."""
    errors = {name for name in api.__all__ if name.endswith("Error")} - NOT_LISTED
    listed = set(re.findall(r"\b(\w+Error)\b", "".join(map("".join, map(first_cells, sections().values())))))
    assert listed == errors


def made(name: str) -> CopassError:
    """Make an error of a class."""
    kind = getattr(api, name)
    statuses = [status for status, each in STATUS_ERRORS.items() if each is kind] or [503]
    takes = inspect.signature(kind.__init__).parameters
    error: CopassError = kind("message", **({"status": statuses[0]} if "status" in takes else {}))
    return error


@pytest.mark.parametrize("kind", ["Final", "Passing"])
def test_each_error_stands_where_the_operators_put_it(kind: str) -> None:
    """What fails a task at once is under Final, everything else under Passing."""
    names = re.findall(r"\b(\w+Error)\b", "".join(first_cells(sections()[kind])))
    assert names
    assert {name: is_final(made(name)) for name in names} == dict.fromkeys(names, kind == "Final")


def test_every_operator_has_its_place_on_the_page() -> None:
    """In a heading or in a table."""
    text = OPERATORS.read_text()
    assert [name for name in operators.__all__ if f"`{name}`" not in text and f"## {name}" not in text] == []
