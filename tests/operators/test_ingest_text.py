"""Ingesting texts, against an emulated account: each once, none lost from sight, and nothing of them shown."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowTaskTimeout, TaskDeferred
from lazy_object_proxy import Proxy

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import (
    CopassConnectError,
    CopassConnectionLostError,
    CopassRateLimitError,
    UnrenderedFieldError,
)
from airflow_provider_copass.operators import IngestTextOperator
from airflow_provider_copass.operators._redaction import value_of
from tests.harness.short_waits import shorten
from tests.hooks.connections import ENVIRONMENT, as_json, of
from tests.operators.conftest import TimedOutAfter
from tests.operators.gate import is_accepted, refusal
from tests.operators.in_memory import TaskInstance, execute_once, memory_operator
from tests.sensors.paths import first_event

CANARY = "hunter2-canary"
Ingest = memory_operator(IngestTextOperator)
LOST = {"operation": "ingest", "when": "after", "action": "drop"}


@pytest.fixture(name="account")
def _account(account: Emulator) -> Emulator:
    """An emulated account that the default connection leads to, with one source in it."""
    account.seed([{"provider": "slack", "name": "chat"}])
    return account


@pytest.fixture(autouse=True)
def _short_waits(no_account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait is longer than a moment."""
    shorten(monkeypatch)


def the_source(account: Emulator) -> str:
    """Return the id of the source."""
    return str(account.sources()[0]["data_source_id"])


def execute(text: Any, *, try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute the operator once; return its result and what it pushed."""
    return execute_once(Ingest(task_id="task", text=text, **fields), try_number=try_number)


def failed(text: Any, *, try_number: int = 1, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Execute the operator, which has to fail at once; return what it says and what it pushed."""
    ti = TaskInstance(try_number=try_number)
    with pytest.raises(AirflowFailException) as error:
        Ingest(task_id="task", text=text, **fields).execute({"ti": ti})  # type: ignore[typeddict-item]
    assert CANARY not in str(error.value)
    return str(error.value), ti.pushed


def told(text: str) -> dict[str, object]:
    """Return what the emulator keeps of a text."""
    return {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def sent(account: Emulator) -> list[dict[str, object]]:
    """Return what is kept of the texts that came in, as often as they did."""
    return [request["body"]["text"] for request in account.requests(operation="ingest")]


def numbers_in(text: str) -> list[int]:
    """Return the numbers that a text names, such as ``1-3, 7``: those that follow each other as a range."""
    ranges = [[int(number) for number in each.split("-")] for each in text.split(", ")]
    assert all(later[0] > before[-1] + 1 for before, later in itertools.pairwise(ranges))
    return [number for each in ranges for number in range(each[0], each[-1] + 1)]


def in_any_order(texts: list[dict[str, object]]) -> list[object]:
    """Return what is kept of some texts, to be compared."""
    return sorted(str(text["sha256"]) for text in texts)


# What is sent, and what comes back.


def test_a_text_without_a_source_costs_one_request(account: Emulator) -> None:
    """Its job's id is the return value; with nothing else given, nothing else is sent."""
    job_id, pushed = execute("hello")
    [request] = account.requests()
    assert (request["operation"], request["body"]) == ("ingest", {"text": told("hello")})
    assert pushed == {"job_ids": [job_id]}


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_a_text_of_a_source(account: Emulator, *, by_id: bool) -> None:
    """The source is looked up before anything is sent, and its id is an XCom."""
    source_id = the_source(account)
    named = {"data_source_id": source_id} if by_id else {"provider": "slack", "name": "chat"}
    job_id, pushed = execute("hello", **named)
    assert [request["operation"] for request in account.requests()] == ["get" if by_id else "list", "ingest"]
    assert account.requests(operation="ingest")[0]["body"]["data_source_id"] == source_id
    assert pushed == {"job_ids": [job_id], "data_source_id": source_id}


def test_a_source_that_is_not_there_is_told_before_a_text_is_sent(account: Emulator) -> None:
    """By its id, which might be a typo."""
    message, _ = failed("hello", data_source_id="no-such-id")
    assert "no live source no-such-id" in message
    assert sent(account) == []


@pytest.mark.parametrize("given", [{"data_source_id": None}, {"provider": None, "name": None}], ids=str)
def test_a_mapped_task_s_none_is_not_a_text_of_no_source(account: Emulator, given: dict[str, Any]) -> None:
    """A row without an id is a mistake; a DAG that gives None itself, or a row without the field, means no source."""
    ti = TaskInstance()
    ti.map_index = 0
    with pytest.raises(AirflowFailException, match=f"{next(iter(given))} rendered to None"):
        Ingest(task_id="task", text="hello", **given).execute({"ti": ti})  # type: ignore[typeddict-item]
    assert account.requests() == []
    Ingest(task_id="task", text="hello").execute({"ti": ti})  # type: ignore[typeddict-item]
    execute("hello", **given)
    assert sent(account) == [told("hello")] * 2


def test_every_field_is_sent(account: Emulator) -> None:
    """As templates and tables give them."""
    fields = {
        "source_type": "chat",
        "occurred_at": Proxy(lambda: datetime(2026, 1, 1, tzinfo=UTC)),
        "speaker": "Ada",
        "participants": '["Ada", "Grace"]',
        "project_id": 42,
        "storage_only": "True",
    }
    execute("hello", **fields)
    assert account.requests(operation="ingest")[0]["body"] == {
        "text": told("hello"),
        "source_type": "chat",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "speaker": "Ada",
        "participants": ["Ada", "Grace"],
        "project_id": "42",
        "storage_only": True,
    }


def test_a_list_of_texts_is_a_job_each_in_its_order(account: Emulator, logged: Callable[[], str]) -> None:
    """However the answers come in: the third one is late."""
    texts = [f"text {number}" for number in range(9)]
    account.add_fault(operation="ingest", action={"delay": 0.3}, match={"text": "text 2"})
    job_ids, pushed = execute(texts)
    assert len(set(job_ids)) == 9
    assert in_any_order(sent(account)) == in_any_order([told(text) for text in texts])
    assert pushed == {"job_ids": job_ids}
    lines = re.findall(r"Text (\d+) of \d+ was taken as job ([0-9a-f-]+)", logged())
    assert {int(number): job_id for number, job_id in lines} == dict(enumerate(job_ids, 1))


def test_four_texts_are_sent_at_once(account: Emulator) -> None:
    """And no more."""
    fault = account.add_fault(operation="ingest", action="hold", times=None)
    held: list[int] = []

    def look_and_let_go() -> None:
        account.faults(fault, hits=4, waiting=4, wait=20)
        time.sleep(0.3)
        held.append(len(sent(account)))
        account.clear_faults()

    looker = Thread(target=look_and_let_go)
    looker.start()
    execute(["text"] * 9)
    looker.join()
    assert (held, len(sent(account))) == ([4], 9)


def test_a_list_without_texts_is_none(account: Emulator) -> None:
    """A day without a message is no failure; nothing is sent."""
    assert execute([])[0] == []
    assert account.requests() == []


def test_nothing_is_pushed_where_no_xcom_is_wanted(account: Emulator) -> None:
    """``do_xcom_push=False`` is for all of them."""
    assert execute("hello", do_xcom_push=False)[1] == {}


# What is refused.


@pytest.mark.parametrize("text", [None, "", "None", " \n", 5, 1.5, b"x", {"a": 1}, {"x"}, True])
def test_what_is_no_text_is_refused(text: Any) -> None:
    """By the field's name."""
    assert not is_accepted("IngestTextOperator", "text", text)


@pytest.mark.parametrize("text", [None, "", "None", 5, ["x"], "\u200b"])
def test_what_is_no_text_in_a_list_is_refused_by_its_number(account: Emulator, text: Any) -> None:
    """Before any other is sent; never by its content."""
    message, _ = failed([CANARY, text, CANARY])
    assert "text (number 2)" in message
    assert account.requests() == []


@pytest.mark.parametrize("text", ["[]", '["a", "b"]', "nothing", '{"a": 1}', "hello {{ name }}"])
def test_a_text_that_looks_like_a_list_is_one_text(account: Emulator, text: str) -> None:
    """A document may be JSON."""
    execute(text)
    assert sent(account) == [told(text)]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("occurred_at", "2026-01-01"),
        ("occurred_at", "yesterday"),
        ("participants", [["x"]]),
        ("participants", "['Ada', 'Grace']"),
        ("on_lost_answer", "ignore"),
        ("on_lost_answer", None),
        ("poll_interval", 0),
        ("poll_interval", "soon"),
        ("timeout", -1),
        ("deferrable", "maybe"),
        ("deferrable", "None"),
        ("deferrable", 1),
    ],
)
def test_what_breaks_a_rule_is_refused(field: str, given: Any) -> None:
    """Before any request, by its name."""
    assert not is_accepted("IngestTextOperator", field, given)


@pytest.mark.parametrize("given", [None, True, "false"])
def test_deferrable_is_a_switch_or_the_deployment_s_default(given: Any) -> None:
    """A text does not count as true because it is not empty."""
    assert is_accepted("IngestTextOperator", "deferrable", given)


def test_an_id_that_rendered_to_none_is_not_left_out() -> None:
    """A typo in a task id would ingest the text as that of no source."""
    with DAG("native", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True):
        operator = Ingest(task_id="task", text="hello", data_source_id="{{ none }}")
    operator.render_template_fields({})
    assert operator.data_source_id is None
    with pytest.raises(AirflowFailException, match="data_source_id"):
        execute_once(operator)


# Nothing of a text is shown.


@pytest.mark.parametrize("text", [CANARY, [CANARY, "x"], f'{{"{CANARY}": 1}}', f"{{{{ '{CANARY}' }}}}"])
def test_airflow_sees_nothing_of_the_rendered_text(text: Any) -> None:
    """Not even keys, which an object would show."""
    operator = Ingest(task_id="task", text=text)
    operator.render_template_fields({})
    shown: Any = operator.text
    assert (str(shown), shown.serialize()) == ('"***"', "***")


def test_a_list_of_templates_is_rendered() -> None:
    """Each of them, as with any other field."""
    operator = Ingest(task_id="task", text=["{{ 1 + 1 }}", "b"])
    operator.render_template_fields({})
    assert value_of(operator.text) == ["2", "b"]


def test_a_text_that_cannot_be_rendered_is_not_in_the_error() -> None:
    """The field and the kind of the failure alone."""
    with pytest.raises(UnrenderedFieldError, match="text cannot be rendered") as error:
        Ingest(task_id="task", text=CANARY + "{{ nothing.attribute }}").render_template_fields({})
    assert CANARY not in str(error.value)


def test_nothing_of_a_text_is_logged(account: Emulator, logged: Callable[[], str]) -> None:
    """Neither in a success nor in a failure; which text is which job is."""
    account.add_fault(**LOST, skip=1)
    failed([f"{CANARY} {number}" for number in range(3)])
    said = logged()
    assert "of 3 was taken as job" in said
    assert CANARY not in said


# A lost answer.


def test_a_text_whose_answer_is_lost_is_not_sent_again(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the client nor, since the task fails at once, by a retry."""
    monkeypatch.setenv(ENVIRONMENT, of(account, max_attempts=4, timeout=5))
    account.add_fault(**LOST)
    message, pushed = failed(CANARY)
    assert "(number 1 of 1) may have been taken" in message
    assert sent(account) == [told(CANARY)]
    assert pushed == {"job_ids": [None]}


@pytest.mark.parametrize("action", [{"status": 503}, {"html": 200}, {"status": 500}, "drop"], ids=str)
def test_whatever_hides_the_answer_it_is_lost(account: Emulator, action: Any) -> None:
    """The text was taken, and no try sends it again."""
    account.add_fault(operation="ingest", when="after", action=action)
    message, _ = failed(CANARY)
    assert "may have been taken" in message


def test_the_message_tells_the_texts_by_their_numbers(account: Emulator) -> None:
    """Which were taken, as which jobs; which may have been; which were not sent."""
    texts = [f"{CANARY} {number}" for number in range(1, 30)]
    account.add_fault(**LOST, match={"text": texts[4]})
    for text in texts[5:]:
        # So that the loss is heard before all of them are answered.
        account.add_fault(operation="ingest", action={"delay": 1}, match={"text": text})
    message, pushed = failed(texts)
    known = pushed["job_ids"]
    assert known[4] is None
    taken = [number for number, job_id in enumerate(known, 1) if job_id is not None]
    assert numbers_in(re.findall(r"number ([-\d, ]+) were taken", message)[0]) == taken
    assert "number 5 may have been taken, for its answer is lost" in message
    assert "-29 were refused or not sent" in message
    for number in taken:
        assert f"{number}: {known[number - 1]}" in message
    assert len(sent(account)) == len(taken) + 1


def test_no_text_is_begun_after_one_has_failed(account: Emulator) -> None:
    """Those on their way are awaited, so that their jobs are known."""
    account.add_fault(operation="ingest", action={"status": 422}, match={"text": "bad"})
    # So that the refusal is heard before the first of them is answered.
    account.add_fault(operation="ingest", action={"delay": 2}, match={"text": "good"}, times=None)
    message, pushed = failed(["bad", *["good"] * 20])
    assert len(sent(account)) <= 5
    taken = [job_id for job_id in pushed["job_ids"] if job_id is not None]
    assert len(taken) == len(sent(account)) - 1
    assert "were refused or not sent" in message


def test_a_refusal_of_the_only_text_is_told_as_it_is(account: Emulator) -> None:
    """It fails the task at once, as with any operator; nothing was taken."""
    account.add_fault(operation="ingest", action={"status": 422})
    message, _ = failed("hello")
    assert "422" in message
    assert "may have been taken" not in message


def test_what_was_not_taken_is_left_to_the_retry(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many requests, or no connection: Airflow tries again."""
    account.add_fault(operation="ingest", action={"status": 429}, times=None)
    with pytest.raises(CopassRateLimitError):
        execute(["a", "b"])
    monkeypatch.setenv(
        ENVIRONMENT, as_json(host="http://127.0.0.1:9", password="olk_x", extra={"sandbox_id": "sb", "max_attempts": 1})
    )
    with pytest.raises(CopassConnectError):
        execute(["a", "b"])


def test_what_was_taken_in_part_is_not_retried(account: Emulator) -> None:
    """Although the failure itself might pass: the retry would ingest the first text again."""
    account.add_fault(operation="ingest", action={"status": 429}, match={"text": "b"}, times=None)
    message, pushed = failed(["a", "b"])
    assert "number 1 were taken" in message
    assert pushed["job_ids"][0] in message
    assert pushed["job_ids"][1] is None


def test_a_lost_text_is_resent_if_that_is_asked_for(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """That one alone; it may be ingested twice, as it is here."""
    monkeypatch.setenv(ENVIRONMENT, of(account, max_attempts=3, timeout=5))
    account.add_fault(**LOST, match={"text": "b"})
    job_ids, pushed = execute(["a", "b"], on_lost_answer="resend")
    assert in_any_order(sent(account)) == in_any_order([told(text) for text in ("a", "b", "b")])
    assert pushed["job_ids"] == job_ids
    assert len(job_ids) == 2


def test_a_resent_text_without_any_answer_is_left_to_the_retry(account: Emulator) -> None:
    """If no text is known to be taken."""
    account.add_fault(**LOST, times=None)
    with pytest.raises(CopassConnectionLostError):
        execute(["a", "b"], on_lost_answer="resend")


def test_what_is_known_to_be_taken_is_not_resent_by_a_retry(account: Emulator) -> None:
    """The task fails at once, whatever ``on_lost_answer`` says of the lost one."""
    account.add_fault(**LOST, match={"text": "b"}, times=None)
    message, _ = failed(["a", "b"], on_lost_answer="resend")
    assert "number 1 were taken" in message


def test_a_second_try_says_that_it_ingests_all(account: Emulator, logged: Callable[[], str]) -> None:
    """The first one may have been killed by the machine's end, which leaves no word."""
    execute("hello", try_number=2)
    assert "This one ingests all of them" in logged()


def test_a_timeout_while_a_text_is_on_its_way_is_final(account: Emulator, timed_out_after: TimedOutAfter) -> None:
    """Airflow retries a task whose ``execution_timeout`` is over, and the retry would send the text again."""
    late = account.add_fault(operation="ingest", action={"delay": 3}, match={"text": "b"})
    with timed_out_after(lambda: (account.faults(late, wait=20), account.requests("ingest", answered=True, wait=20))):
        message, pushed = failed(["a", "b"])
    assert "number 2 may have been taken" in message
    assert pushed["job_ids"][1] is None
    assert pushed["job_ids"][0] in message


def test_a_timeout_before_a_text_is_sent_stays_what_it_is(account: Emulator, timed_out_after: TimedOutAfter) -> None:
    """Nothing was taken, so the retry is welcome."""
    account.add_fault(operation="list", action={"delay": 3})
    with timed_out_after(lambda: account.requests("list", wait=20)), pytest.raises(AirflowTaskTimeout):
        execute("a", provider="slack", name="chat")


def test_an_xcom_that_cannot_be_pushed_is_final(account: Emulator) -> None:
    """The text was taken: the failure of Airflow's own API does not send it again."""

    class Deaf(TaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise RuntimeError(CANARY)

    with pytest.raises(AirflowFailException, match="All texts were taken") as error:
        Ingest(task_id="task", text="a").execute({"ti": Deaf()})  # type: ignore[typeddict-item]
    assert CANARY not in str(error.value)


# Waiting.


def waited(account: Emulator, text: Any, *, deferrable: bool, **fields: Any) -> Any:
    """Execute the operator, and where it is deferred let its trigger run and resume it."""
    ti = TaskInstance()
    fields = {"wait_for_completion": True, "poll_interval": 0.05, "timeout": 20, **fields}
    operator = Ingest(task_id="task", text=text, deferrable=deferrable, **fields)
    context: Any = {"ti": ti}
    try:
        return operator.execute(context)
    except TaskDeferred as deferral:
        assert deferrable
        trigger, kwargs = deferral.trigger, deferral.kwargs
        assert CANARY not in f"{trigger.serialize()} {kwargs}"
    assert ti.pushed["job_ids"]
    event = asyncio.run(first_event(trigger))
    resumed = Ingest(task_id="task", text=text, deferrable=deferrable, **fields)
    return resumed.resume_execution("execute_complete", {**(kwargs or {}), "event": event}, context)


BOTH = pytest.mark.parametrize("deferrable", [False, True], ids=["here", "deferred"])


@BOTH
def test_the_task_waits_for_its_jobs(account: Emulator, *, deferrable: bool) -> None:
    """The return value is that of a task that does not wait."""
    assert isinstance(waited(account, CANARY, deferrable=deferrable), str)
    assert len(account.requests(operation="get_job")) >= 2
    job_ids = waited(account, ["a", "b"], deferrable=deferrable)
    assert len(set(job_ids)) == 2


@BOTH
@pytest.mark.parametrize("word", ["failed", "cancelled"])
def test_a_job_that_ends_badly_fails_the_task_at_once(account: Emulator, word: str, *, deferrable: bool) -> None:
    """A retry would ingest the text again."""
    account.settings(job_states=["queued", word])
    with pytest.raises(AirflowFailException, match=f"is {word}"):
        waited(account, "a", deferrable=deferrable)


@BOTH
def test_a_look_without_an_answer_is_waited_out(account: Emulator, *, deferrable: bool) -> None:
    """The text was taken; no retry is used up."""
    account.add_fault(operation="get_job", action={"status": 503}, times=2)
    account.add_fault(operation="get_job", action="drop")
    account.add_fault(operation="get_job", action={"status": 429})
    assert waited(account, "a", deferrable=deferrable)
    assert len(account.requests(operation="get_job")) >= 5


@BOTH
def test_a_wait_that_is_over_fails_the_task_at_once(account: Emulator, *, deferrable: bool) -> None:
    """With how many jobs are left, and the way out."""
    account.settings(job_states=["queued"])
    with pytest.raises(AirflowFailException, match=r"timed out.*2 of 2 jobs.*IngestJobSensor"):
        waited(account, ["a", "b"], deferrable=deferrable, timeout=1.5)


@BOTH
def test_a_refused_token_fails_the_task_at_once(account: Emulator, *, deferrable: bool) -> None:
    """As everywhere; the jobs go on."""
    account.add_fault(operation="get_job", action={"status": 401}, times=None)
    with pytest.raises(AirflowFailException, match="401"):
        waited(account, "a", deferrable=deferrable)


def test_a_timeout_while_the_task_waits_is_final(account: Emulator, timed_out_after: TimedOutAfter) -> None:
    """Airflow would retry it, and ingest the text again."""
    account.settings(job_states=["queued"])
    with timed_out_after(lambda: account.requests("get_job", wait=20)):
        # Longer than until the signal: it comes between two looks, and cuts no connection off.
        message, _ = failed("a", wait_for_completion=True, poll_interval=1.5)
    assert "All texts were taken" in message


@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger failure"])
def test_a_triggerer_that_fails_is_final(account: Emulator, error: str) -> None:
    """Airflow raises its own exception for it, after which it would retry."""
    operator = Ingest(task_id="task", text="a")
    with pytest.raises(AirflowFailException, match="All texts were taken"):
        operator.resume_execution("__fail__", {"error": error}, {})


def test_a_deferred_wait_ends_with_the_execution_timeout(account: Emulator) -> None:
    """Airflow 3 does not end it; the trigger has the deadline."""
    operator = Ingest(
        task_id="task",
        text="a",
        wait_for_completion=True,
        deferrable=True,
        execution_timeout=timedelta(seconds=30),
    )
    with pytest.raises(TaskDeferred) as deferral:
        execute_once(operator)
    left = datetime.fromisoformat(deferral.value.trigger.deadline) - datetime.now(UTC)  # type: ignore[attr-defined]
    assert timedelta() < left <= timedelta(seconds=30)


def test_a_resumed_task_looks_once_before_it_gives_up(account: Emulator) -> None:
    """The triggerer may have been down while the job was completed."""
    account.settings(job_states=["queued", "completed"])
    operator = Ingest(task_id="task", text="a", wait_for_completion=True, deferrable=True)
    context: Any = {"ti": TaskInstance()}
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(context)
    kwargs = {**(deferral.value.kwargs or {}), "event": {"timed_out": True}}
    assert operator.resume_execution("execute_complete", kwargs, context) == kwargs["job_ids"][0]


# Numbers in messages.


def test_the_refusal_of_a_field_names_it() -> None:
    """With the way out."""
    assert "on_lost_answer must be 'fail' or 'resend'" in refusal("IngestTextOperator", text="a", on_lost_answer=CANARY)
