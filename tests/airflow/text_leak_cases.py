"""The tasks of the leak test of texts and waits, in words that the DAG file and the test share."""

from dataclasses import dataclass, field
from typing import Any

from tests.airflow.leak_cases import ECHO

DAG_ID = "text_leaks"
TEXT_KEY = "copass_test_minutes"
"""The Variable that holds the text. Its key does not look like a secret's, so Airflow masks nothing of it."""
TEXT = "{{ var.value." + TEXT_KEY + " }}"
"""A task's text begins with its word; see :func:`text_of`."""
FEED = "Feed"
"""The source that all is about; its ``adapter_config`` holds a credential."""
IDLE = "Idle"
"""A source that never syncs."""


@dataclass(frozen=True)
class TextCase:
    """One task that ingests.

    :param word: its task id, and the ``source_type`` of its texts.
    :param faults: what the server does with its request, in the emulator's words.
    :param state: how the task ends.
    :param tries: in which try.
    :param ends_as: the status in which its job ends; empty for one that is never taken.
    :param sent: how many texts the server gets.
    :param fields: further parameters of the operator.
    """

    word: str
    faults: tuple[dict[str, Any], ...] = ()
    state: str = "success"
    tries: int = 1
    ends_as: str = "completed"
    sent: int = 1
    fields: dict[str, Any] = field(default_factory=dict)


def _answers(status: int) -> dict[str, Any]:
    body = {"error": ECHO, "detail": [{"loc": ["body", "text", ECHO], "msg": ECHO, "input": ECHO}]}
    return {"action": {"status": status, "body": body, "headers": {"x-request-id": f"req-{status}", "x-echo": ECHO}}}


WAITS: dict[str, Any] = {"wait_for_completion": True, "deferrable": True, "poll_interval": 1, "timeout": 600}
HERE: dict[str, Any] = {**WAITS, "deferrable": False}
LOST: dict[str, Any] = {"when": "after", "action": "drop"}

TEXTS = (
    TextCase("taken", fields=WAITS),
    TextCase("several", sent=5, fields={**WAITS, "text": [f"{number}: {TEXT}" for number in range(5)]}),
    TextCase("waited_for_here", fields=HERE),
    TextCase("refused", (_answers(422),), state="failed"),
    TextCase("answered_500", (_answers(500),), state="failed"),
    TextCase("html", ({"action": {"html": 502}},), state="failed"),
    TextCase("answer_lost", (LOST,), state="failed"),
    TextCase("answer_lost_and_sent_again", (LOST,), sent=2, fields={"on_lost_answer": "resend"}),
    TextCase("answer_of_another_form", ({"action": {"raw": f'{{"job_id": ["{ECHO}"]}}'}},), state="failed"),
    TextCase(
        "one_of_some_refused",
        ({**_answers(422), "times": 3},),
        state="failed",
        # Four are on their way when the first is refused.
        sent=4,
        fields={"text": [f"{number}: {TEXT}" for number in range(5)]},
    ),
    TextCase("job_failed", state="failed", ends_as="failed", fields=WAITS),
    TextCase("job_failed_here", state="failed", ends_as="failed", fields=HERE),
    TextCase("killed", tries=2, sent=2, fields=WAITS),
    TextCase("no_text", state="failed", sent=0, fields={"text": ["", TEXT]}),
    TextCase("broken_template", state="failed", tries=2, sent=0, fields={"text": TEXT[:-3] + ".nothing.more }}"}),
)
BY_WORD = {case.word: case for case in TEXTS}
DEFERRED = ("taken", "several", "job_failed", "killed", "never_synced")
"""Those whose triggers are searched while they wait."""
SENSORS = {"synced": ("success", 1), "never_synced": ("failed", 1), "refused_sensor": ("failed", 1)}


def text_of(case: TextCase, text: str = TEXT) -> str:
    """Return the text of a case that has no other one.

    :param case: the case.
    :param text: what it ends with; the template by default.
    """
    return f"{case.word}: {text}"
