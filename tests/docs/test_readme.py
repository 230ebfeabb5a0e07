"""The pages keep their word: each command and snippet of the README and the connection page is run or checked."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_copass.api import ClientSettings, CopassInputError
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from tests.docs import pages
from tests.harness.airflow_home import AirflowHome

BOTH = [pages.README, pages.CONNECTION]
VARIABLE = "AIRFLOW_CONN_COPASS_DEFAULT"
EXPORT = f"export {VARIABLE}="
TEST = "airflow connections test copass_default"
# Run as they are by tests/airflow/test_check.py, the latter where Airflow has it.
CHECKS = {"python -m airflow_provider_copass check", "airflow copass check"}
# Each is run by tests/commands/test_page.py; that both doors read it alike, tests/commands/test_doors.py shows.
SHOWN = {
    f"{door} {command}"
    for door in ("python -m airflow_provider_copass", "airflow copass")
    for command in (
        "sources",
        "plan sources.yaml --if-exists update --detailed-exitcode",
        "entries --conn-id copass_default",
    )
}
USUAL = ("olk_your_api_key", "https://api.copass.id", "sb_your_sandbox")
EMULATED = ("olk_local", "http://127.0.0.1:9099", "sb_demo")
# The variable's value of each form that a page shows, in order, and what it has to say.
CONNECTIONS: dict[Path, list[tuple[str, str, str]]] = {
    pages.README: [],
    pages.CONNECTION: [USUAL, USUAL, USUAL, EMULATED],
}


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (pages.CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def as_variable(snippet: pages.Snippet) -> str | None:
    """Return the connection that a snippet shows, as the variable's value; None where it shows none."""
    if snippet.language == "json":
        return snippet.text
    if snippet.text.startswith(EXPORT):
        (_, word) = shlex.split(snippet.text)
        return word.partition("=")[2]
    return None


def read(monkeypatch: pytest.MonkeyPatch, variable: str) -> tuple[str, str, str | None]:
    """Read a connection as a task would; the settings without a default must be the usual ones."""
    monkeypatch.setenv(VARIABLE, variable)
    found = CopassHook().connection
    usual = ClientSettings(
        token=found.settings.token, base_url=found.settings.base_url, user_agent=found.settings.user_agent
    )
    assert found.settings == usual
    return found.settings.token, found.settings.base_url.removesuffix(":443"), found.sandbox_id


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """An Airflow with an empty database."""
    home = AirflowHome(tmp_path_factory.mktemp("airflow"))
    home.migrate()
    return home


@pytest.mark.parametrize("page", BOTH, ids=pages.name_of)
def test_no_command_is_unknown_to_this_test(page: Path) -> None:
    """Each command is one that a test below runs or checks; anyone who adds another adds its test."""
    known = {f"make {target}" for target in targets()} | {"pip install .", TEST, *CHECKS, *SHOWN}
    unknown = [line for line in pages.commands(page) if line not in known and not line.startswith((EXPORT, pages.ADD))]
    assert unknown == []


@pytest.mark.parametrize("page", BOTH, ids=pages.name_of)
def test_no_snippet_is_of_an_unknown_kind(page: Path) -> None:
    """A snippet is a command, a command's output, a DAG, a connection or a picture, so that none goes unchecked."""
    assert {snippet.language for snippet in pages.snippets(page)} <= {"bash", "python", "json", "mermaid", "text"}


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    """Whether between fences or in a sentence."""
    assert pages.make_targets_named(page) <= targets()


def test_the_readme_leads_with_what_it_takes_to_use_it() -> None:
    """Install it, give it the token, copy a DAG; then the two commands that show that it works."""
    install, add, check, *rest = pages.commands(pages.README)
    assert (install, add[: len(pages.ADD)]) == ("pip install .", pages.ADD)
    assert check in CHECKS
    assert rest[:2] == ["make demo", "make test"]
    kinds = [snippet.language for snippet in pages.snippets(pages.README)]
    assert kinds[:4] == ["bash", "bash", "python", "bash"]


def test_the_readme_is_no_longer_than_a_stranger_reads() -> None:
    """What is more has a page of its own."""
    assert len(pages.README.read_text().splitlines()) <= 150


def test_the_output_of_the_demo_is_what_the_demo_prints() -> None:
    """Each line that is shown is one that the demo has as its text, or a row of the sources of its DAG."""
    [shown] = [snippet.text for snippet in pages.snippets(pages.README) if snippet.language == "text"]
    texts = (pages.CHECKOUT / "tests" / "tools" / "demo.py").read_text()
    example = (pages.CHECKOUT / "example_dags" / "example_register_source.py").read_text()
    for line in shown.splitlines():
        known = line.strip().removeprefix("ok  ")
        if known.startswith("data_source_id"):
            assert all(f'"{column}"' in texts for column in known.split())
        elif re.match(r"[0-9a-f]{8}-", known):
            _, provider, mode, _, name = re.split(r"  +", known)
            assert all(f'"{word}"' in example for word in (provider, mode, name))
        else:
            assert f'"{known}"' in texts or not known


def test_the_checkout_can_be_installed_under_its_name() -> None:
    """``pip install .`` finds a project that says how it is built."""
    project = tomllib.loads((pages.CHECKOUT / "pyproject.toml").read_text())
    assert "pip install ." in pages.commands(pages.README)
    assert project["project"]["name"] == "airflow-provider-copass"
    assert project["build-system"]["build-backend"]


@pytest.mark.parametrize("page", BOTH, ids=pages.name_of)
def test_every_connection_that_is_shown_says_what_the_page_says(monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    """JSON, URI and variable are read by the hook into the same settings."""
    shown = [variable for snippet in pages.snippets(page) if (variable := as_variable(snippet)) is not None]
    assert [read(monkeypatch, variable) for variable in shown] == CONNECTIONS[page]


@pytest.mark.parametrize(("example", "field"), pages.rows_of_json(pages.CONNECTION))
def test_what_the_page_calls_refused_is_refused(monkeypatch: pytest.MonkeyPatch, example: str, field: str) -> None:
    """Each example is refused for the field that the page names, in words that do not hold its token."""
    connection = {"conn_type": "copass", "password": "olk_x", **json.loads(example)}
    monkeypatch.setenv(VARIABLE, json.dumps(connection))
    with pytest.raises(CopassInputError) as refused:
        CopassHook().get_conn()
    assert refused.value.fields == (field,)
    assert "olk_x" not in str(refused.value)


def test_the_page_shows_what_is_refused() -> None:
    """The table above is there and was found, for each field that has a rule."""
    fields = {field for _, field in pages.rows_of_json(pages.CONNECTION)}
    assert fields == {"conn_type", "token", "host", "port", "schema", *EXTRA}


EXTRA = {"sandbox_id", "timeout", "max_attempts", "ca_bundle", "proxy"}


def test_the_page_has_a_row_for_each_member_of_extra() -> None:
    """What the hook reads is what the page lists, with the default that the settings have."""
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| ([^|]+) \|$", pages.CONNECTION.read_text(), re.MULTILINE))
    assert set(rows) >= EXTRA
    assert float(rows["timeout"]) == ClientSettings(token="olk_x").timeout
    assert int(rows["max_attempts"]) == ClientSettings(token="olk_x").max_attempts


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_every_link_leads_to_a_file(page: Path) -> None:
    """Links are relative to their page."""
    assert [link for link in pages.relative_links(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    """A heading that is renamed takes its links along; GitHub would show the top of the page silently."""
    led = [((page.parent / link) if link else page, fragment) for link, fragment in pages.fragments(page)]
    assert [(target.name, fragment) for target, fragment in led if fragment not in pages.anchors(target)] == []


def test_headings_have_the_anchors_that_github_gives_them(tmp_path: Path) -> None:
    """In lower case and without signs, with a number for the second of a name; what is in a fence is none."""
    page = tmp_path / "page.md"
    page.write_text("# What AWS's client logs\n## A `key_of`, a-b\n## Twice\n## Twice\n```text\n# no\n```\n")
    assert pages.anchors(page) == {"what-awss-client-logs", "a-key_of-a-b", "twice", "twice-1"}


def test_the_readme_links_every_page_for_users() -> None:
    """Nobody has to guess what there is to read."""
    linked = set(pages.relative_links(pages.README))
    users = {path.relative_to(pages.CHECKOUT).as_posix() for path in (pages.CHECKOUT / "docs").glob("*.md")}
    assert users | {"CONTRIBUTING.md", "CHANGELOG.md"} <= linked


def test_the_page_of_examples_links_every_one() -> None:
    """Each DAG file, in the table that says what it shows."""
    page = pages.CHECKOUT / "docs" / "examples.md"
    rows = re.findall(r"^\| \[([\w.]+)\]\(../example_dags/([\w.]+)\) \| \S", page.read_text(), re.MULTILINE)
    assert {target for _, target in rows} == {path.name for path in (pages.CHECKOUT / "example_dags").glob("*.py")}
    assert [text for text, target in rows if text != target] == []


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_the_package_is_installed_from_where_it_can_be_had(page: Path) -> None:
    """That is a checkout, with extras that it has: no index has it yet. The README says what it will be then."""
    extras = tomllib.loads((pages.CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = re.findall(r"pip install (?!-)'?([\w.-]+)(?:\[(\w+)\])?", page.read_text())
    assert {what for what, _ in installed} - {"."} <= ({"airflow-provider-copass"} if page == pages.README else set())
    assert {extra for _, extra in installed if extra} <= set(extras)


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    """Keep a Changelog asks for it, and it comes first."""
    sections = re.findall(r"^## (.*)$", (pages.CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "[Unreleased]"


@pytest.mark.parametrize("page", pages.DECISIONS, ids=pages.name_of)
def test_every_decision_has_the_same_four_parts(page: Path) -> None:
    """Context, decision, drawbacks, alternatives, under a title with the number of the file."""
    lines = page.read_text().splitlines()
    assert lines[0].startswith(f"# {page.name[:3]}: ")
    parts = ["## Context", "## Decision", "## Drawbacks", "## Alternatives"]
    assert [line for line in lines if line.startswith("## ")] == parts


def test_decisions_are_numbered_without_a_gap() -> None:
    """A number names one decision for good."""
    assert [int(page.name[:3]) for page in pages.DECISIONS] == list(range(1, len(pages.DECISIONS) + 1))


@pytest.mark.airflow
def test_the_dag_to_copy_is_parsed_without_an_error(home: AirflowHome) -> None:
    """The README's Python is a DAG file that Airflow imports, with the tasks that it shows."""
    shown = [snippet for page in BOTH for snippet in pages.snippets(page) if snippet.language == "python"]
    for number, snippet in enumerate(shown):
        (home.dags / f"shown_{number}.py").write_text(snippet.text)
    parsed = home.run(sys.executable, str(Path(__file__).with_name("parse_dags.py")), str(home.dags)).stdout
    assert json.loads(parsed.splitlines()[-1]) == {
        "dags": {"copass_support_channel": ["register", "send_event"]},
        "errors": {},
    }


@pytest.mark.airflow
def test_the_command_that_adds_the_connection_adds_it(home: AirflowHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed in a shell as it is shown, it leaves the usual connection in the database, its token encrypted.

    It has a port, without which Airflow 3.3's Test button fails before anything of ours is asked.
    """
    home.run("bash", "-c", pages.the_command_that_adds())
    stored = connection_in(home)
    assert stored["port"] == 443
    assert read(monkeypatch, json.dumps(stored)) == USUAL


@pytest.mark.airflow
def test_the_command_that_tests_the_connection_makes_a_call(emulator: Emulator, tmp_path: Path) -> None:
    """Typed as it is shown, with a connection to the emulator in the environment, it makes a real call."""
    home = AirflowHome(
        tmp_path,
        connections={"copass_default": {"conn_type": "copass", "host": emulator.url, "password": emulator.token}},
    )
    assert TEST in pages.commands(pages.CONNECTION)
    said = home.run("bash", "-c", TEST).stdout
    assert "Connection success!" in said
    assert emulator.token not in said
    assert [request["operation"] for request in emulator.requests()] == ["list_sandboxes"]


def connection_in(home: AirflowHome) -> dict[str, Any]:
    """Return the one connection in the database, decrypted."""
    columns = ("conn_type", "host", "schema", "login", "port", "password", "extra")
    with closing(sqlite3.connect(f"{home.database.as_uri()}?mode=ro", uri=True)) as database:
        (row,) = database.execute(
            f"SELECT {', '.join(columns)}, is_encrypted, is_extra_encrypted FROM connection"
        ).fetchall()
    *values, password_is_encrypted, extra_is_encrypted = row
    assert password_is_encrypted
    assert extra_is_encrypted
    connection = dict(zip(columns, values, strict=True))
    for name in ("password", "extra"):
        connection[name] = Fernet(home.keys.fernet.encode()).decrypt(connection[name].encode()).decode()
    return connection
