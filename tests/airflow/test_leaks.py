"""No secret, token or credential gets out, whatever fails and however loud the loggers are: a real scheduler, searched.

Every case of ``leak_cases`` runs with all loggers at DEBUG: success, each kind of failure, retries, kills. Then the
whole home of that Airflow is searched, its logs, its database and every process's output: for the token, for a
credential in ``adapter_config``, and for each secret that was ever in an answer, stored or lost.
"""

import json
from collections.abc import Iterator

import pytest

from tests.airflow.leak_cases import BY_WORD, CASES, LISTS, Case, ListCase
from tests.airflow.leak_stage import Played, played
from tests.harness import leak_search
from tests.harness.airflow_home import AIRFLOW_3, AIRFLOW_VERSION
from tests.harness.printed_lines import RECEIVED, printed

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

PRINTED_BY_AIRFLOW = {("scheduler.out", RECEIVED, "PutVariable")} if AIRFLOW_3 else set()
"""What Airflow itself prints at DEBUG: the file, the event, the message in it. Nothing of it is ours to prevent."""

CURE = {"LOGGING__NAMESPACE_LEVELS": "supervisor=INFO"}
HAS_CURE = AIRFLOW_VERSION >= (3, 2)
EVENTS = "lineage.jsonl"


@pytest.fixture(name="loud", scope="module")
def _loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Every case, with all loggers at DEBUG, and with OpenLineage."""
    folder = tmp_path_factory.mktemp("leaks")
    transport = {"type": "file", "log_file_path": str(folder / "home" / EVENTS), "append": True}
    lineage = {"OPENLINEAGE__TRANSPORT": json.dumps(transport), "OPENLINEAGE__NAMESPACE": "tests"}
    with played(folder, lineage) as done:
        yield done


@pytest.fixture(name="cured", scope="module")
def _cured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Every case once more, with all loggers at DEBUG but for Airflow's own supervisor."""
    with played(tmp_path_factory.mktemp("cured"), CURE) as done:
        yield done


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.word)
def test_each_case_ends_as_it_should(loud: Played, case: Case) -> None:
    """What fails for good fails in its first try; the rest succeeds, in the same try or in the next."""
    outcome = loud.tasks[case.word]
    assert (outcome.state, outcome.tries) == (case.state, case.tries)


@pytest.mark.parametrize("case", [case for case in CASES if case.state == "success"], ids=lambda case: case.word)
def test_one_live_source_is_there_and_its_valid_secret_is_stored(loud: Played, case: Case) -> None:
    """Store faults, kills and lost answers included: nothing is lost, and nothing is there twice."""
    [source_id] = loud.live(case.word)
    xcoms = loud.xcoms[case.word]
    assert xcoms["return_value"] == source_id
    if case.fields.get("on_missing_secret") == "ignore":
        assert "stored_as" not in xcoms
        return
    secret = loud.home.variable(xcoms["stored_as"])
    assert secret is not None
    assert loud.emulator.verify_secret(source_id, secret)


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.word)
def test_each_source_of_a_list_is_there_with_its_secret(loud: Played, listed: ListCase) -> None:
    """An answer lost, a store that fails, a kill: the task ends in the try that it should, and nothing is lost."""
    outcome = loud.tasks[listed.word]
    assert (outcome.state, outcome.tries) == ("success", listed.tries)
    xcoms = loud.xcoms[listed.word]
    assert sorted(xcoms["return_value"]) == sorted(loud.live(listed.word))
    assert len(xcoms["return_value"]) == len(listed.names)
    for row in xcoms["sources"]:
        secret = loud.home.variable(row["stored_as"])
        assert secret is not None
        assert loud.emulator.verify_secret(row["data_source_id"], secret)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("store_fails_always", "so the webhook secret of source"),
        ("store_gives_another", "does not give back the webhook secret that was written"),
    ],
)
def test_a_store_that_fails_is_told_clearly(loud: Played, word: str, says: str) -> None:
    """The log of the try that failed says what happened and what the next one does; never the secret."""
    assert says in log_of(loud, word, 1)
    assert "mints a new secret" in log_of(loud, word, 1)


def log_of(done: Played, word: str, attempt: int) -> str:
    """Return the log of one try of a task."""
    [log] = [path for path in done.home.logs.rglob(f"attempt={attempt}.log") if f"task_id={word}" in path.parts]
    return log.read_text(encoding="utf-8")


def test_the_search_is_not_blind(loud: Played) -> None:
    """It knows every secret that was in an answer, and finds what is there: in logs, database and outputs, at DEBUG."""
    lost_on_the_way = 1 + sum(bool(listed.lost) for listed in LISTS)  # that of ``answer_lost``, and those of lists
    issued = sum(source["secrets_issued"] for source in loud.emulator.sources())
    # One of those that were heard is the made-up one of an answer of another form.
    assert len([name for name in loud.values() if name.startswith("secret ")]) - 1 == issued - lost_on_the_way
    landmark = {"landmark": loud.xcoms["success"]["return_value"]}
    seen = {leak.path for leak in leak_search.search([loud.home.path], landmark).leaks}
    assert loud.home.database in seen
    assert any(loud.home.logs in path.parents for path in seen)
    if AIRFLOW_3:
        assert loud.home.outputs / "scheduler.out" in seen
    assert "send_request_headers.started" in log_of(loud, "success", 1)
    assert "HTTP Request: " in log_of(loud, "success", 1)


def test_a_stored_secret_can_be_used(loud: Played) -> None:
    """The task that reads it by its key gets all of it."""
    secret = loud.home.variable(loud.xcoms["success"]["stored_as"]) or ""
    assert loud.xcoms["use_secret"]["return_value"] == len(secret)


def test_nothing_is_in_a_log_or_a_column(loud: Played) -> None:
    """At DEBUG: no task log, no XCom, no rendered field, no column of the database, no file of Airflow's holds one."""
    assert [str(leak) for leak in loud.leaks() if leak.path.parent != loud.home.outputs] == []


def test_what_airflow_prints_at_debug_is_what_is_documented(loud: Played) -> None:
    """Beside the one message of Airflow 3's own supervisor, no process's output holds one."""
    assert printed(loud.leaks(), loud.values(), loud.home.outputs) == PRINTED_BY_AIRFLOW


@pytest.mark.skipif(not HAS_CURE, reason="the setting came with Airflow 3.2")
@pytest.mark.slow
def test_the_cure_leaves_nothing(cured: Played) -> None:
    """With the supervisor at INFO, and all else at DEBUG, nothing at all holds one."""
    assert [str(leak) for leak in cured.leaks()] == []


def test_no_event_of_openlineage_holds_one(loud: Played) -> None:
    """Its events tell of every task, the failed ones included, and of no value."""
    events = loud.home.path / EVENTS
    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    assert {event["eventType"] for event in told} >= {"START", "COMPLETE", "FAIL"}
    assert {word for word in BY_WORD if any(event["job"]["name"].endswith(f".{word}") for event in told)} == set(
        BY_WORD
    )
    assert leak_search.search([events], loud.values()).leaks == []


def test_a_leak_would_be_seen(loud: Played, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same search finds a value that is there: the secret, in a file beside the logs."""
    secret = loud.home.variable(loud.xcoms["success"]["stored_as"]) or ""
    planted = loud.home.logs / "planted.log"
    planted.write_text(f"a line with {secret} in it", encoding="utf-8")
    try:
        assert [leak.path for leak in loud.leaks() if leak.path == planted] == [planted]
    finally:
        planted.unlink()
