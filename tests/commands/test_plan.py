"""The command ``plan``: each outcome and exit code, and nothing that changes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.airflow_variables import SENTINEL
from airflow_provider_copass.commands import description
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.operators import RegisterSourcesOperator
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.journal import Completed, Pending, entry_name, to_text
from airflow_provider_copass.registration.spec import IF_EXISTS, ON_MISSING_SECRET, Identity
from tests.commands.conftest import Done, Run, one_line_of
from tests.harness.airflow_database import AirflowDatabase
from tests.hooks.connections import ENVIRONMENT, as_json
from tests.operators.in_memory import TaskInstance

pytestmark = pytest.mark.usefixtures("database")

POLLED = {"provider": "slack", "name": "chat", "ingestion_mode": "polling", "poll_interval_seconds": 60}
DUPLICATE = {"provider": "slack", "name": "twice", "ingestion_mode": "manual"}


@pytest.fixture(name="manifest")
def _manifest(tmp_path: Path) -> Path:
    """A manifest of one source."""
    return write(tmp_path, [POLLED])


def write(folder: Path, sources: list[dict[str, Any]]) -> Path:
    """Write a manifest."""
    path = folder / "sources.json"
    path.write_text(json.dumps(sources), encoding="utf-8")
    return path


def outcomes(done: Done) -> list[str]:
    """Return the first word of each row of the plan."""
    return [line.split()[0] for line in done.out.splitlines()[1:-1]]


def test_a_source_that_is_missing_is_created(account: Emulator, run: Run, manifest: Path) -> None:
    """A table, and how many there are of each outcome."""
    done = run("plan", str(manifest))
    assert (done.code, done.err, outcomes(done)) == (0, "", ["created"])
    assert done.out.splitlines()[-1] == "1 sources: 1 created."


def test_a_source_in_place_is_unchanged(account: Emulator, run: Run, manifest: Path) -> None:
    """With its id."""
    [source_id] = account.seed([POLLED])
    done = run("plan", str(manifest))
    assert outcomes(done) == ["unchanged"]
    assert source_id in done.out


def test_a_source_that_differs_is_updated_where_that_is_asked_for(account: Emulator, run: Run, manifest: Path) -> None:
    """As with the operator, it is left alone unless ``if_exists`` says otherwise; the field is named, not its value."""
    account.seed([{**POLLED, "poll_interval_seconds": 4321}])
    assert outcomes(run("plan", str(manifest))) == ["unchanged"]
    done = run("plan", str(manifest), "--if-exists", "update")
    assert outcomes(done) == ["updated"]
    assert "changes: poll_interval_seconds" in done.out
    assert "4321" not in done.out


def test_a_source_that_would_fail_is_exit_code_1(account: Emulator, run: Run, tmp_path: Path) -> None:
    """The plan says why, those that fail come first, and a line says that nothing was changed."""
    account.seed([DUPLICATE, DUPLICATE])
    done = run("plan", str(write(tmp_path, [POLLED, DUPLICATE])), "--detailed-exitcode")
    assert (done.code, outcomes(done)) == (1, ["failed", "created"])
    assert "2 live sources are slack source 'twice'" in done.out
    assert done.err == "1 of 2 sources would fail. Nothing was changed. The plan says why, and what to do.\n"


def test_a_source_that_another_task_works_on_is_skipped(
    account: Emulator, run: Run, manifest: Path, database: AirflowDatabase
) -> None:
    """What will become of it is not known, so it is no source that is unchanged."""
    entry = Pending("token", Owner("dag", "run", "task", -1, 1))
    database.set(entry_name(Identity("sb_demo", "slack", "chat")), to_text(entry))
    done = run("plan", str(manifest))
    assert (done.code, outcomes(done)) == (0, ["skipped"])
    assert run("plan", str(manifest), "--detailed-exitcode").code == 3


@pytest.mark.parametrize(
    ("there", "arguments", "code"),
    [
        (None, "", 0),
        (None, "--detailed-exitcode", 3),
        (60, "--detailed-exitcode", 0),
        (600, "--detailed-exitcode", 0),
        (600, "--if-exists update", 0),
        (600, "--if-exists update --detailed-exitcode", 3),
    ],
)
def test_the_exit_code_tells_whether_something_would_change(
    account: Emulator, run: Run, tmp_path: Path, *, there: int | None, arguments: str, code: int
) -> None:
    """Only where that is asked for."""
    account.seed([] if there is None else [{**POLLED, "poll_interval_seconds": there}])
    assert run("plan", str(write(tmp_path, [POLLED])), *arguments.split()).code == code


def test_a_plan_changes_nothing(account: Emulator, run: Run, tmp_path: Path, database: AirflowDatabase) -> None:
    """The requests are one list, and no Variable is written: neither an entry, nor a secret, nor the sentinel."""
    realtime = {"provider": "slack", "name": "hook", "ingestion_mode": "realtime"}
    account.seed([realtime, {**POLLED, "poll_interval_seconds": 600}])
    sources = [realtime, POLLED, {**realtime, "name": "new"}]
    done = run("plan", str(write(tmp_path, sources)), "--if-exists", "update", "--on-missing-secret", "rotate")
    assert outcomes(done) == ["updated", "updated", "created"]
    assert [request["operation"] for request in account.requests()] == ["list"]
    assert database.keys() == []


def test_the_operator_s_plan_makes_no_sentinel_either(
    account: Emulator, tmp_path: Path, database: AirflowDatabase
) -> None:
    """A look for a secret in the store of Airflow Variables writes nothing."""
    realtime = {"provider": "slack", "name": "hook", "ingestion_mode": "realtime"}
    account.seed([realtime])
    operator = RegisterSourcesOperator(
        task_id="plan", sources=[realtime], plan_only=True, on_missing_secret="rotate", if_exists="update"
    )
    [row] = operator.execute({"ti": TaskInstance()})  # type: ignore[typeddict-item]
    assert row["outcome"] == "updated"
    assert database.keys() == []


def test_json_is_what_the_operator_returns(account: Emulator, run: Run, tmp_path: Path) -> None:
    """Row for row."""
    account.seed([{**POLLED, "poll_interval_seconds": 600}, DUPLICATE, DUPLICATE])
    sources = [POLLED, DUPLICATE, {**POLLED, "name": "new"}]
    operator = RegisterSourcesOperator(task_id="plan", sources=sources, plan_only=True, if_exists="update")
    returned = operator.execute({"ti": TaskInstance()})  # type: ignore[typeddict-item]
    done = run("plan", str(write(tmp_path, sources)), "--if-exists", "update", "--output", "json")
    assert json.loads(done.out) == returned
    assert {row["outcome"] for row in returned} == {"updated", "failed", "created"}


def test_the_journal_is_read_as_by_a_task(
    account: Emulator, run: Run, manifest: Path, database: AirflowDatabase
) -> None:
    """What it knows of a source comes before the list: here that the source was renamed by hand."""
    [source_id] = account.seed([{**POLLED, "name": "another"}])
    database.set(entry_name(Identity("sb_demo", "slack", "chat")), to_text(Completed(source_id)))
    done = run("plan", str(manifest))
    assert (done.code, outcomes(done)) == (1, ["failed"])
    assert "has another name or provider now" in done.out


def test_an_entry_that_cannot_be_decrypted_is_no_missing_entry(
    account: Emulator, run: Run, manifest: Path, database: AirflowDatabase
) -> None:
    """Airflow reads it as absent; a plan that says "created" would be wrong."""
    name = entry_name(Identity("sb_demo", "slack", "chat"))
    database.set(name, to_text(Completed("an id")))
    database.scramble(name)
    said = one_line_of(run("plan", str(manifest)))
    assert said.startswith("No plan was made: The journal entry of slack source 'chat' cannot be decrypted.")
    assert account.requests() == []


def test_another_sandbox_can_be_named(account: Emulator, run: Run, manifest: Path) -> None:
    """The option comes before the connection's default."""
    account.seed([{**POLLED, "sandbox_id": "sb_two"}], sandboxes=["sb_two"])
    assert outcomes(run("plan", str(manifest))) == ["created"]
    assert outcomes(run("plan", str(manifest), "--sandbox-id", "sb_two")) == ["unchanged"]


def test_a_long_plan_is_shown_whole(account: Emulator, run: Run, tmp_path: Path) -> None:
    """A task's log is bounded; a terminal is not."""
    sources = [{**POLLED, "name": f"source {number}"} for number in range(250)]
    assert len(outcomes(run("plan", str(write(tmp_path, sources))))) == 250


def test_a_name_cannot_break_the_plan(account: Emulator, run: Run, tmp_path: Path) -> None:
    """Control characters are question marks, in a row of its own."""
    done = run("plan", str(write(tmp_path, [{**POLLED, "name": "a\x1b[2J\u202eb"}])))
    assert all(sign.isprintable() for sign in done.out.replace("\n", ""))
    assert done.out.count("\n") == 3


def test_an_empty_list_is_a_plan(account: Emulator, run: Run, tmp_path: Path) -> None:
    """There is nothing to do, and nothing to ask."""
    assert run("plan", str(write(tmp_path, [])), "--detailed-exitcode") == (0, "0 sources: none.\n", "")
    assert account.requests() == []


TEMPLATED = "- {provider: slack, name: 'chat {{ ds }}', adapter_config: {token: canary}}\n"


@pytest.mark.parametrize("text", [TEMPLATED, "- {provider: slack, name: chat, adapter_config: {a: ['{% if x %}']}}\n"])
def test_a_manifest_with_templates_needs_a_task(account: Emulator, run: Run, tmp_path: Path, text: str) -> None:
    """Outside a task there is nothing to render them with; the message names the way out."""
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    said = one_line_of(run("plan", str(path)))
    assert said == (
        "No plan was made: The manifest 'sources.yaml' has templates, which only a task can render. Run the task of "
        "its RegisterSourcesOperator with plan_only=True.\n"
    )
    assert account.requests() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- provider: slack\n  name: canary\n  provider: slack\n", "line 3: 'provider' is there twice in one object"),
        ("- provider: slack\n  name: a\n  adapter_config: {k: canary, k: canary}\n", "a key is there twice"),
        ("canary: [", "is not YAML"),
        ("- provider: slack\n  name: a\n  nmae: canary\n", "unknown field 'nmae' (is name meant?)"),
        ("- {provider: slack, name: a}\n- {provider: slack, name: a}\n", "sources.yaml[1]"),
    ],
)
def test_a_manifest_that_is_refused_is_one_line(
    account: Emulator, run: Run, tmp_path: Path, text: str, said: str
) -> None:
    """In the operator's own words, before any request, and without a value."""
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    line = one_line_of(run("plan", str(path)))
    assert line.startswith("No plan was made: ")
    assert said in line
    assert "canary" not in line
    assert account.requests() == []


def test_several_refusals_are_one_line_with_a_space_between_them(account: Emulator, run: Run, tmp_path: Path) -> None:
    """In a task's log each is a line of its own."""
    path = tmp_path / "sources.yaml"
    path.write_text("- {provider: slack, nmae: a}\n- {provider: slack, nmae: b}\n", encoding="utf-8")
    said = one_line_of(run("plan", str(path)))
    assert "2 of 2 entries: sources.yaml[0] ('slack'): unknown field" in said
    assert ". sources.yaml[1] ('slack'): unknown field" in said
    assert "?" not in said.partition("(is ")[0]


def test_a_manifest_that_is_not_there_is_one_line(account: Emulator, run: Run) -> None:
    """A relative path begins from where the person is, as the message says."""
    said = one_line_of(run("plan", "nowhere.yaml"))
    assert "'nowhere.yaml' cannot be read (FileNotFoundError)" in said
    assert "or from the current folder" in said


def test_one_key_for_two_secrets_is_refused(account: Emulator, run: Run, tmp_path: Path) -> None:
    """As by the operator."""
    sources = [{"provider": "slack", "name": name, "ingestion_mode": "realtime"} for name in ("a", "b")]
    assert "under the same key" in one_line_of(run("plan", str(write(tmp_path, sources)), "--store-as", "one"))


def test_white_space_around_a_name_is_told(account: Emulator, run: Run, tmp_path: Path) -> None:
    """Beside the plan, where a program that reads JSON does not stumble over it."""
    done = run("plan", str(write(tmp_path, [{**POLLED, "name": " chat"}])), "-o", "json")
    assert done.err.startswith("name of sources.json[0] begin or end with white space")
    assert done.err.endswith("and are used as they are.\n")
    assert json.loads(done.out)[0]["name"] == " chat"


def test_a_wrong_token_is_one_line(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run, manifest: Path
) -> None:
    """It shows no token."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_canary", host=emulator.url, extra={"sandbox_id": "sb_demo"}))
    said = one_line_of(run("plan", str(manifest)))
    assert said.startswith("No plan was made: list_sources: the server answered 401. The token is not accepted")
    assert "canary" not in said


def test_no_value_of_adapter_config_is_printed(account: Emulator, run: Run, tmp_path: Path) -> None:
    """Whatever the plan says of it, it says by key."""
    account.seed([{**POLLED, "adapter_config": {"api_key": "canary there"}}])
    path = str(write(tmp_path, [{**POLLED, "adapter_config": {"api_key": "canary here"}}]))
    for output in ("table", "json"):
        done = run("plan", path, "--if-exists", "update", "--output", output)
        assert "adapter_config.api_key" in done.out
        assert "canary" not in done.out + done.err


def test_the_choices_are_those_of_the_operator() -> None:
    """They are written down once more, since a start of ``airflow`` is not to import the operator's."""
    assert (description.IF_EXISTS, description.ON_MISSING_SECRET) == (IF_EXISTS, ON_MISSING_SECRET)
    assert CopassHook.default_conn_name == description.CONN_ID_DEFAULT


def test_a_sentinel_that_is_there_stays(account: Emulator, run: Run, manifest: Path, database: AirflowDatabase) -> None:
    """It is read, and nothing else."""
    database.set(SENTINEL, "text")
    run("plan", str(manifest))
    assert database.keys() == [SENTINEL]
