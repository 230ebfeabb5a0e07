"""The tasks of the leak test, in words that the DAG file and the test share: what goes wrong, and how each one ends."""

from dataclasses import dataclass, field
from typing import Any

DAG_ID = "leaks"
CONNECTION = "copass_leaks"
REFUSED_CONNECTION = "copass_refused"
BROKEN_CONNECTION = "copass_broken"
MISPLACED_CONNECTION = "copass_misplaced"
# Variables are masked by key: this one's key does not look like a secret's, on purpose.
CREDENTIAL_KEY = "copass_test_credential"

ECHO = "@echo@"
"""In a scripted answer: the token, the credential and a made-up secret, as a careless server sends them back."""


@dataclass(frozen=True)
class Case:
    """One task.

    :param word: its task id, and the provider of its source.
    :param faults: what the server does, in the emulator's words; each is for this task's provider.
    :param store: a word for what its secret store does in the first try.
    :param state: how the task ends.
    :param tries: in which try.
    :param seeded: a realtime source of this identity is there before.
    :param fields: further parameters of the operator.
    """

    word: str
    faults: tuple[dict[str, Any], ...] = ()
    store: str = ""
    state: str = "success"
    tries: int = 1
    seeded: bool = False
    fields: dict[str, Any] = field(default_factory=dict)


def _answers(status: int) -> dict[str, Any]:
    body = {"error": ECHO, "detail": [{"loc": ["body", ECHO], "msg": ECHO, "input": ECHO}]}
    action = {"status": status, "body": body, "headers": {"x-request-id": f"req-{status}", "x-echo": ECHO}}
    return {"operation": "register", "action": action}


CASES = (
    Case("success"),
    *(Case(f"answered_{status}", (_answers(status),), state="failed") for status in (400, 409, 422)),
    Case("answered_500", (_answers(500),)),
    Case("html", ({"operation": "register", "action": {"html": 502}},)),
    Case("answer_cut_short", ({"operation": "register", "action": {"truncate": 560}},)),
    Case(
        "answer_of_another_form",
        ({"operation": "register", "action": {"raw": f'{{"webhook_signing_secret": "{ECHO}", "name": "{ECHO}"}}'}},),
        tries=2,
    ),
    Case("answer_lost", ({"operation": "register", "when": "after", "action": "drop"},)),
    Case("list_fails", ({"operation": "list", "action": {"status": 503}, "times": 2},), tries=2),
    Case("store_fails_once", store="raises once"),
    Case("store_fails_always", store="raises always", tries=2),
    Case("store_gives_another", store="reads another", tries=2),
    Case("killed_before_the_write", store="dies before", tries=2),
    Case("killed_after_the_write", store="dies after", tries=2),
    Case("timed_out", ({"operation": "register", "action": "hold"},), tries=2),
    Case("rotated", seeded=True, fields={"on_missing_secret": "rotate"}),
    Case("updated", seeded=True, fields={"if_exists": "update", "on_missing_secret": "ignore"}),
    Case("refused", state="failed", fields={"copass_conn_id": REFUSED_CONNECTION}),
    Case("broken_connection", state="failed", fields={"copass_conn_id": BROKEN_CONNECTION}),
    Case("token_as_host", state="failed", fields={"copass_conn_id": MISPLACED_CONNECTION}),
    Case(
        "broken_config",
        state="failed",
        fields={"adapter_config": f'{{"api_key": "{{{{ var.value.{CREDENTIAL_KEY} }}}}"'},
    ),
)
BY_WORD = {case.word: case for case in CASES}


@dataclass(frozen=True)
class ListCase:
    """One task that registers a list, in a sandbox of its own: more secrets than are masked.

    :param word: its task id, the provider of its sources and its sandbox.
    :param store: as of a case.
    :param tries: in which try it ends.
    :param lost: the source of it whose POST loses its answer.
    """

    word: str
    store: str = ""
    tries: int = 1
    lost: str = ""

    @property
    def names(self) -> list[str]:
        """The names of its sources."""
        return [f"Leak {number}" for number in range(30)]


LISTS = (
    ListCase("listed", lost="Leak 7"),
    ListCase("list_whose_store_fails_once", store="raises once"),
    ListCase("list_killed_after_a_write", store="dies after", tries=2),
)
