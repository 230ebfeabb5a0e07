"""The pages that list things list all of them: an operator's parameters and XComs, and each error."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_copass
from airflow_provider_copass import errors, operators, sensors
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import STATUS_ERRORS, CopassError
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.operators import (
    IngestTextOperator,
    RegisterSourceOperator,
    RegisterSourcesOperator,
    UpdateSourceOperator,
)
from airflow_provider_copass.operators._base import SourceRefOperator
from airflow_provider_copass.operators._report import plan_rows
from airflow_provider_copass.registration import Outcome, SourceSpec
from airflow_provider_copass.triggers import SourceSyncedTrigger
from tests.docs import pages
from tests.harness.environment import clean_environment

OPERATORS = pages.CHECKOUT / "docs" / "operators.md"
WAITING = pages.CHECKOUT / "docs" / "waiting.md"
FAILURES = pages.CHECKOUT / "docs" / "failures.md"
ALL = [getattr(operators, name) for name in operators.__all__]
WITH_A_TABLE = [RegisterSourceOperator, RegisterSourcesOperator, UpdateSourceOperator, IngestTextOperator]
WITH_A_ROW = [operator for operator in ALL if operator not in WITH_A_TABLE]
# Bases of others, of which none is raised as such.
NOT_LISTED = {"CopassCallError", "CopassError", "CopassRegistrationError", "CopassTransportError"}


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


@pytest.mark.parametrize("operator", WITH_A_TABLE)
def test_every_parameter_of_the_operator_is_listed(operator: type[Any]) -> None:
    """All of ``__init__``, in its order, but for the connection and the sandbox of every operator."""
    listed = [row.split("`")[1] for row in table_of(operator)]
    assert listed == [name for name in parameters_of(operator) if name != "copass_conn_id"]


@pytest.mark.parametrize("operator", WITH_A_TABLE)
def test_what_is_called_templated_is(operator: type[Any]) -> None:
    """Each row says so, and no other."""
    named = {row.split("`")[1] for row in table_of(operator) if "templated" in row}
    assert named == {*operator.template_fields} & {*parameters_of(operator)} - {"copass_conn_id"}


def row_of(operator: type[Any]) -> str:
    """Return what is said of the parameters of an operator that has a row alone."""
    [row] = [
        row for row in OPERATORS.read_text().splitlines() if re.match(rf"\| .*`{operator.__name__}`.* \|.*\|", row)
    ]
    return row.split(" | ")[2]


@pytest.mark.parametrize("operator", WITH_A_ROW)
def test_every_parameter_is_in_the_operator_s_row(operator: type[Any]) -> None:
    """Beside those that name the source, which are said of all of them."""
    own = {*parameters_of(operator)} - {*parameters_of(SourceRefOperator)}
    assert {name for name in own if not re.search(rf"`{name}(=\w+)?`", row_of(operator))} == set()


@pytest.mark.parametrize("operator", WITH_A_ROW)
def test_what_is_called_templated_in_the_operator_s_row_is(operator: type[Any]) -> None:
    """Each such field is followed by the word, and no other is."""
    named = set(re.findall(r"`(\w+)` \(templated\)", row_of(operator)))
    assert named == {*operator.template_fields} - {*SourceRefOperator.template_fields}


@pytest.mark.parametrize("operator", ALL)
def test_every_xcom_of_the_operator_is_named(operator: type[Any]) -> None:
    """Each key that it pushes is said to be one in the operator's own section: in the table of XComs, or in a line."""
    section = re.split(rf"^#+ {operator.__name__}$", OPERATORS.read_text(), flags=re.MULTILINE)[1:]
    text = re.split(r"^#+ \w+$", "".join(section), flags=re.MULTILINE)[0]
    pushed = set(re.findall(r'\bkey="(\w+)"', inspect.getsource(inspect.getmodule(operator))))  # type: ignore[arg-type]
    table = "".join(re.findall(r"^\| .*$", text.partition("| XCom |")[2], re.MULTILINE))
    assert {key for key in pushed if f"`{key}`" not in table and f"XCom `{key}`" not in text} == set()


def test_the_row_of_a_plan_has_the_keys_that_are_named() -> None:
    """All of them, and no other."""
    [cell] = re.findall(r"with `plan_only` what would be done about each: (.*?) \|", OPERATORS.read_text())
    outside = re.sub(r"\(.*?\)", "", cell)
    spec = SourceSpec("sb", read_register(provider="slack", name="chat"))
    [keys] = plan_rows([Outcome(spec, "created", registered=None, error=None)])
    assert sorted(re.findall(r"`(\w+)`", outside)) == sorted(keys)


def test_the_hook_is_made_as_the_page_says() -> None:
    """Its parameters, with their defaults."""
    parameters = [each for each in inspect.signature(CopassHook).parameters.values() if each.name != "kwargs"]
    shown = ", ".join(f"{each.name}={each.default!r}" for each in parameters).replace("'", '"')
    assert f"`CopassHook({shown})`" in OPERATORS.read_text()


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_room_is_listed(page: str) -> None:
    """Each folder and module of the package, in the table that says what lives there."""
    text = (pages.CHECKOUT / page).read_text()
    here = Path(airflow_provider_copass.__file__).parent
    rooms = {path.stem for path in here.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    listed = {cell.strip("`").removesuffix(".py") for cell in first_cells(text)}
    assert {room for room in rooms if not room.startswith("__")} - listed == set()


CODE = [
    snippet.text for page in (OPERATORS, WAITING) for snippet in pages.snippets(page) if snippet.language == "python"
]


def test_each_dag_of_the_pages_is_parsed(tmp_path: Path) -> None:
    """Each is a DAG file without an import error; one process runs all of them, for Airflow takes seconds to import."""
    for number, code in enumerate(CODE):
        (tmp_path / f"shown_{number}.py").write_text(code, encoding="utf-8")
    program = "import pathlib, runpy\nfor file in sorted(pathlib.Path('.').glob('*.py')): runpy.run_path(str(file))"
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(pages.CHECKOUT)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, capture_output=True)


def sections() -> dict[str, str]:
    """Return the page's sections by their headings."""
    parts = re.split(r"^## (.*)$", FAILURES.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_error_is_listed() -> None:
    """All that can leave this package, and nothing that cannot."""
    known = {name for name in vars(errors) if name.endswith("Error")} - NOT_LISTED
    listed = set(re.findall(r"\b(\w+Error)\b", "".join(map("".join, map(first_cells, sections().values())))))
    assert listed == known


def made(name: str) -> CopassError:
    """Make an error of a class."""
    kind = getattr(errors, name)
    statuses = [status for status, each in STATUS_ERRORS.items() if each is kind] or [503]
    takes = inspect.signature(kind.__init__).parameters
    error: CopassError = kind("message", **({"status": statuses[0]} if "status" in takes else {}))
    return error


@pytest.mark.parametrize("kind", ["Final", "Temporary"])
def test_each_error_stands_where_the_operators_put_it(kind: str) -> None:
    """What fails a task at once is under Final, everything else under Temporary."""
    names = re.findall(r"\b(\w+Error)\b", "".join(first_cells(sections()[kind])))
    assert names
    assert {name: made(name).is_final for name in names} == dict.fromkeys(names, kind == "Final")


@pytest.mark.parametrize("name", sensors.__all__)
def test_every_parameter_of_a_sensor_is_on_its_page(name: str) -> None:
    """In the table of the sensors, or before it where all of them take it."""
    text = WAITING.read_text().partition("### What happens")[0]
    assert f"| `{name}` |" in text
    assert [each for each in parameters_of(getattr(sensors, name)) if f"`{each}`" not in text] == []


def test_every_parameter_of_the_trigger_is_on_its_page() -> None:
    """In its table, in the order of its arguments."""
    text = WAITING.read_text().partition("## Run a DAG")[2]
    listed = [
        each for row in text.splitlines() if row.startswith("| `") for each in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert listed == parameters_of(SourceSyncedTrigger)


def test_every_operator_has_its_place_on_the_page() -> None:
    """In a heading or in a table."""
    text = OPERATORS.read_text()
    assert [name for name in operators.__all__ if f"`{name}`" not in text and f"## {name}" not in text] == []
