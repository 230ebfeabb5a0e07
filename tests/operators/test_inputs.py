"""What users get wrong in a field, one table for each kind of fault: refused before any request, or read as meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from jinja2.utils import markupsafe
from lazy_object_proxy import Proxy
from pydantic import SecretStr

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.operators import DeleteSourceOperator, RegisterSourceOperator, UpdateSourceOperator
from airflow_provider_copass.secret_stores import VariableStore
from tests.operators.gate import (
    DEFAULTS,
    FIELDS,
    GOOD,
    OPERATORS,
    REFERENCES,
    REQUIRED,
    SWITCHES,
    UNTEMPLATED,
    good_beside,
    is_accepted,
    refusal,
)
from tests.operators.in_memory import TaskInstance, execute_once, memory_operator
from tests.operators.odd_values import BlankCell, Model, NumpyLike, Word

Register, Update, Delete = map(memory_operator, (RegisterSourceOperator, UpdateSourceOperator, DeleteSourceOperator))

pytestmark = pytest.mark.usefixtures("no_account")


# Booleans.


def test_every_boolean_field_is_templated() -> None:
    """A run's parameter decides whether a source is purged; and a new operator's field is no exception."""
    assert {(kind, name) for kind, name in SWITCHES if name not in OPERATORS[kind].template_fields} == set()
    assert {name for _, name in SWITCHES} >= {"purge_knowledge", "remove_secret", "keep_previous", "vault_only"}


@pytest.mark.parametrize(("kind", "name"), SWITCHES)
@pytest.mark.parametrize(
    "given", [True, False, "true", "FALSE", " False\n", Proxy(lambda: False), NumpyLike(value=True, kind="b")], ids=repr
)
def test_a_boolean_field_takes_true_and_false(kind: str, name: str, given: object) -> None:
    """In every form in which a template, a parameter, a list for a mapped task or a table may give them."""
    assert is_accepted(kind, name, given)


NO_SWITCH: list[Any] = [
    *(None, "None", "", " ", "yes", "no", "0", "1", "canary", 0, 1, 0.0, float("nan"), [], ["true"], b"true"),
    *(BlankCell(), jinja2.Undefined(name="x"), jinja2.StrictUndefined(name="x"), SecretStr("true"), NumpyLike(1, "i")),
]
"""What is not true because it is not empty."""


@pytest.mark.parametrize("native", [True, False])
def test_a_boolean_parameter_of_a_run_reaches_the_field(account: Emulator, *, native: bool) -> None:
    """As a text or as a boolean: a source is purged if it is to be, and only then."""
    for purge in (False, True):
        account.seed([{"provider": "slack", "name": "chat"}])
        with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=native):
            operator = Delete(
                task_id="delete", provider="slack", name="chat", purge_knowledge="{{ params.purge }}", params={}
            )
        operator.render_template_fields({"params": {"purge": purge}})  # type: ignore[typeddict-item]
        execute_once(operator, f"run {purge}")
        assert len(account.requests(operation="purge")) == int(purge)


# Templates that find nothing.

NAMING = [(kind, name) for kind, name in FIELDS if name in REFERENCES]
NOTHING = ["None", "", "   ", "\n", " None\n", "\u200b", "\u00a0\u2003", Proxy(lambda: "None"), "nan", "<NA>", "NaT"]


@pytest.mark.parametrize(("kind", "name"), NAMING)
@pytest.mark.parametrize("given", NOTHING, ids=ascii)
def test_a_name_or_an_id_that_rendered_to_nothing_is_refused(kind: str, name: str, given: str) -> None:
    """A typo in a task id makes ``None`` of an id: what deletes would find no such source, and be green."""
    assert not is_accepted(kind, name, given)


@pytest.mark.parametrize(("kind", "name"), [*REQUIRED, *((kind, "copass_conn_id") for kind in GOOD)])
def test_what_must_be_given_is_not_none(kind: str, name: str) -> None:
    """As a template gives it that is rendered natively."""
    assert not is_accepted(kind, name, None)


@pytest.mark.parametrize("kind", ["DeleteSourceOperator", "DisconnectSourceOperator", "PauseSourceOperator"])
def test_the_message_says_what_an_id_rendered_to(kind: str) -> None:
    """And where to look."""
    said = refusal(kind, data_source_id="None")
    assert "data_source_id rendered to None" in said
    assert "xcom_pull" in said
    assert "data_source_id rendered to an empty text" in refusal(kind, data_source_id="")


@pytest.mark.parametrize(("kind", "name"), [field for field in FIELDS if field[1] in {"data_source_id", "sandbox_id"}])
@pytest.mark.parametrize("given", ["ds-1\u200b", "\ufeffds-1", "x" * 70_000], ids=range(3))
def test_an_id_that_can_be_none_is_refused(kind: str, name: str, given: str) -> None:
    """A character that cannot be seen comes along from a page: what deletes would find no such source, and be green."""
    assert not is_accepted(kind, name, given)


def test_an_id_that_rendered_to_nothing_does_not_give_way_to_a_name() -> None:
    """The source that is meant is the one of the id, which nobody knows."""
    assert "data_source_id" in refusal("DeleteSourceOperator", data_source_id="", provider="slack", name="chat")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, name in NAMING if name in DEFAULTS],
)
def test_none_is_the_default_of_a_field_that_has_one(kind: str, name: str) -> None:
    """The connection's sandbox, the configured key, the name that it has, no project."""
    assert is_accepted(kind, name, None)
    assert is_accepted(kind, name, Proxy(lambda: None))


OF_A_SOURCE = {"ingestion_mode", "kind", "external_account_id", "adapter_config", "poll_interval_seconds", "clear"}
OF_A_TEXT = {"source_type", "occurred_at", "speaker", "participants"}
OPTIONAL = [
    (kind, name)
    for kind, name in FIELDS
    if name in OF_A_SOURCE | OF_A_TEXT and (kind, name) != ("UpdateSourceOperator", "poll_interval_seconds")
]


@pytest.mark.parametrize(("kind", "name"), OPTIONAL)
@pytest.mark.parametrize("given", [None, "None", "", Proxy(lambda: None)], ids=ascii)
def test_an_optional_field_that_rendered_to_nothing_is_not_given(kind: str, name: str, given: object) -> None:
    """The operator goes to work with the other fields."""
    assert is_accepted(kind, name, given)


@pytest.mark.parametrize("given", ["", " ", "None", "None\n", None])
@pytest.mark.parametrize(
    "field", ["external_account_id", "adapter_config", "poll_interval_seconds", "ingestion_mode", "kind"]
)
def test_nothing_does_not_overwrite_a_value(account: Emulator, field: str, given: object) -> None:
    """Of a Variable that is not there a template with a fallback makes an empty text; ``clear`` is for clearing."""
    source = {
        "provider": "slack",
        "name": "chat",
        "external_account_id": "T1",
        "adapter_config": {"a": 1},
        "poll_interval_seconds": 60,
        "ingestion_mode": "polling",
        "kind": "ephemeral",
    }
    account.seed([source])
    execute_once(Register(task_id="task", provider="slack", name="chat", if_exists="update", **{field: given}))
    assert account.requests(operation="update") == []
    [found] = account.sources()
    assert {name: found[name] for name in source} == source


@pytest.mark.parametrize("given", ["", "None", [""], ["None", None], "[]"])
def test_a_clear_of_nothing_clears_nothing(account: Emulator, given: Any) -> None:
    """A template may give the name of a field, or none."""
    account.seed([{"provider": "slack", "name": "chat", "external_account_id": "T1"}])
    execute_once(Update(task_id="task", provider="slack", name="chat", ingestion_mode="polling", clear=given))
    assert account.sources()[0]["external_account_id"] == "T1"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in FIELDS if name != "plan_only"])
def test_what_a_strict_template_did_not_find_is_refused(kind: str, name: str) -> None:
    """Rendered natively, Airflow's templates give an object that raises at every look."""
    assert not is_accepted(kind, name, jinja2.StrictUndefined(name="canary"))


def test_a_native_template_of_something_undefined_is_refused_by_its_name() -> None:
    """Airflow renders it silently."""
    with DAG("native", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True):
        operator = OPERATORS["RegisterSourceOperator"](task_id="task", provider="slack", name="{{ nope }}")
    operator.render_template_fields({})
    with pytest.raises(AirflowFailException, match="name asks for something that does not exist"):
        execute_once(operator)


# Numbers, and other things that are no texts.

TEXTS = ["provider", "name", "external_account_id"]
NO_TEXTS = [
    12345678.0,
    1.2e46,
    0.1,
    float("nan"),
    float("inf"),
    NumpyLike(12345678.0, "f"),
    NumpyLike(float("nan"), "f"),
    NumpyLike(1767225600000000000, "M"),
    BlankCell(),
    Decimal("1.10"),
    Decimal("NaN"),
    True,
    NumpyLike(value=True, kind="b"),
    b"canary",
    date(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=UTC),
    ["canary"],
    {"canary"},
    ("canary",),
    {"canary": 1},
    SecretStr("canary"),
    Model(),
    10**5000,
    "canary \ud800",
    object(),
]


@pytest.mark.parametrize(
    "kind", ["RegisterSourceOperator", "UpdateSourceOperator", "DeleteSourceOperator", "IngestTextOperator"]
)
@pytest.mark.parametrize("given", NO_TEXTS, ids=range(len(NO_TEXTS)))
def test_what_is_no_text_is_not_made_into_one(kind: str, given: object) -> None:
    """A column of ids with a blank cell holds floats, and YAML a date or a boolean: each is refused by the field."""
    names = [name for name in OPERATORS[kind].template_fields if name in {*TEXTS, *REFERENCES}]
    for name in names:
        assert not is_accepted(kind, name, given)
        assert "canary" not in refusal(kind, **{**good_beside(kind, name), name: given})


@pytest.mark.parametrize("field", ["name", "external_account_id", "poll_interval_seconds"])
def test_a_number_with_a_fraction_is_to_be_quoted(field: str) -> None:
    """The message says what it is, and NaN what it comes from."""
    fields = {"provider": "slack", "name": "chat"}
    assert "quote it" in refusal("RegisterSourceOperator", **{**fields, field: 12345678.0})
    assert "blank cell" in refusal("RegisterSourceOperator", **{**fields, field: float("nan")})


READ = [
    *((field, number, "20240101") for field in TEXTS for number in (20240101, NumpyLike(20240101, "i"))),
    *((field, Decimal(20240101), "20240101") for field in TEXTS),
    *((field, zero, "0") for field in TEXTS for zero in (0, Proxy(lambda: 0))),
    *(
        (field, chat, "chat")
        for field in TEXTS
        for chat in (NumpyLike("chat", "U"), Proxy(lambda: "chat"), Word.CHAT, markupsafe.Markup("chat"))
    ),
    *((field, text, text) for field in TEXTS for text in ("Nonesuch", "null", " A \n")),
    *(("poll_interval_seconds", each, 600) for each in (600, "600", " 600\n", NumpyLike(600, "i"), Decimal(600))),
    # A text that was read from a file may begin with a byte-order mark.
    *(("adapter_config", f'{mark}{{"a": 1.5}}', {"a": 1.5}) for mark in ("", "\ufeff")),
]


@pytest.mark.parametrize(("field", "given", "sent"), READ, ids=range(len(READ)))
def test_a_value_is_read_as_it_is_meant(account: Emulator, field: str, given: object, sent: object) -> None:
    """As a text, a natively rendered template or a table gives it; outer white space is part of a name."""
    fields: dict[str, Any] = {"provider": "slack", "name": "chat", field: given}
    execute_once(Register(task_id="task", **fields))
    assert account.requests(operation="register")[0]["body"][field] == sent


class NotATime(datetime):
    """A moment that differs from itself, as pandas' NaT: its ISO text is ``NaT``."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = datetime.__hash__


REFUSED: dict[str, list[Any]] = {
    # Nothing is guessed.
    "poll_interval_seconds": [
        *(600.0, NumpyLike(600.0, "f"), Decimal("600.5"), float("nan"), 2**64, True, BlankCell()),
        *("600.0", "6_00", "0x258", "10:00", "+600", "1e3", "59", "9" * 5000),
    ],
    # Settings are what JSON can hold, with texts as keys, and none of them twice.
    "adapter_config": [
        {"a": float("nan")},
        {"a": {1: "b"}},
        {"a": [{None: "b"}]},
        {"a": {1, 2}},
        {"a": date(2026, 1, 1)},
        {"a": "\ud800"},
        {"a": SecretStr("canary")},
        {"a": BlankCell()},
        {"a": 10**5000},
        Model(),
        '{"a": NaN}',
        '{"a": "canary", "a": 1}',
        '{"b": {"a": "canary", "a": 1}}',
    ],
    "since": [
        *(BlankCell(), "NaT", "nan", jinja2.StrictUndefined(name="x"), NumpyLike(5, "M")),
        NotATime(2026, 1, 1, tzinfo=UTC),
    ],
}
"""What is none of a templated field's values."""


# Fields that are no templates. What is given to ``expand_kwargs`` is in them all the same.

ODD: list[Any] = [jinja2.StrictUndefined(name="canary"), BlankCell()]
"""Values that raise where they are compared."""
MISTAKES: dict[str, list[Any]] = {
    "if_exists": [
        "perhaps",
        "Reuse",
        "reuse ",
        "reuse,fail",
        "None",
        "",
        None,
        True,
        0,
        1.5,
        b"reuse",
        ["reuse"],
        {},
        *ODD,
    ],
    "on_missing_secret": ["perhaps", "FAIL", " fail", "None", "", None, False, 1, b"fail", ["fail"], {"fail": 1}, *ODD],
    "secret_store": [
        "vault",
        "Variable",
        "backend ",
        "None",
        "",
        ".",
        "no.such.Store",
        "json.",
        "json.dumps",
        "builtins.dict",
        "airflow_provider_copass.secret_stores.SecretStore",
        VariableStore,
        True,
        0,
        1.5,
        b"variable",
        ["variable"],
        {"variable": 1},
        object(),
        NumpyLike("variable", "O"),
        jinja2.StrictUndefined(name="canary"),
        BlankCell(),
    ],
    "max_concurrency": [
        *(0, -1, 21, 10**5000, True, 8.0, float("nan"), Decimal(8), NumpyLike(8, "i")),
        *("8", "", "None", None, [8], b"8", jinja2.StrictUndefined(name="canary"), BlankCell()),
    ],
}
"""What is none of a field's values."""
MISTAKEN_FIELDS = [
    *((kind, name, given) for kind, name in SWITCHES for given in NO_SWITCH),
    *((kind, name, given) for kind, name in FIELDS for given in REFUSED.get(name, [])),
    *((kind, name, given) for kind, name in UNTEMPLATED for given in MISTAKES.get(name, [])),
]


def test_every_field_that_is_no_template_is_tested() -> None:
    """A new operator's field is no exception."""
    assert {name for _, name in UNTEMPLATED} == set(MISTAKES)
    assert ("RegisterSourcesOperator", "max_concurrency") in UNTEMPLATED
    assert {kind for kind, name in UNTEMPLATED if name == "secret_store"} == {
        "RegisterSourceOperator",
        "RegisterSourcesOperator",
        "RotateWebhookSecretOperator",
        "DeleteSourceOperator",
    }


@pytest.mark.parametrize(("kind", "name", "given"), MISTAKEN_FIELDS, ids=range(len(MISTAKEN_FIELDS)))
def test_a_field_takes_its_own_values_alone(kind: str, name: str, given: object) -> None:
    """Before any request, and by its name, whether or not the task comes to need it."""
    assert not is_accepted(kind, name, given)
    assert "canary" not in refusal(kind, **{**good_beside(kind, name), name: given})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("if_exists", word) for word in ("reuse", "update", "fail", Proxy(lambda: "fail"))),
        *(("on_missing_secret", word) for word in ("fail", "rotate", "ignore")),
        *(("secret_store", store) for store in (None, "variable", "backend", VariableStore())),
        ("secret_store", "airflow_provider_copass.secret_stores.VariableStore"),
        *(("max_concurrency", number) for number in (1, 8, 20)),
    ],
    ids=repr,
)
def test_the_values_of_a_field_that_is_no_template_are_taken(name: str, given: object) -> None:
    """By every operator that has it."""
    kinds = [kind for kind, field in UNTEMPLATED if field == name]
    assert kinds
    assert all(is_accepted(kind, name, given) for kind in kinds)


# White space.


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, name) for kind, name in FIELDS if name in {"name", "provider", "new_name", "external_account_id"}],
)
@pytest.mark.parametrize("given", [" canary \n", "canary\u200b", "\ufeffcanary", "canary\u00a0"], ids=ascii)
def test_outer_white_space_is_warned_of_and_kept(kind: str, field: str, given: str, logged: Callable[[], str]) -> None:
    """A name out of a file ends in a line's end, or in what nobody sees; the field is named, and its value is not."""
    assert is_accepted(kind, field, given)
    text = logged()
    assert f"{field} begins or ends with white space" in text
    assert "canary" not in text


def test_a_text_without_outer_white_space_is_not_warned_of(logged: Callable[[], str]) -> None:
    """White space inside is usual."""
    assert is_accepted("RegisterSourceOperator", "name", "a b")
    assert "white space" not in logged()


# Clearing.


@pytest.mark.parametrize("merge", [True, False, "true"])
def test_settings_are_cleared_by_an_empty_object(account: Emulator, *, merge: bool | str) -> None:
    """The page lets ``adapter_config`` be an object alone; merged, an empty one would clear nothing."""
    account.seed([{"provider": "slack", "name": "chat", "external_account_id": "T1", "adapter_config": {"a": 1}}])
    fields: dict[str, Any] = {"clear": ["adapter_config", "external_account_id"], "merge_adapter_config": merge}
    for number in range(2):
        execute_once(Update(task_id="task", provider="slack", name="chat", **fields), f"run {number}")
    [patch] = account.requests(operation="update")
    assert (patch["body"], patch["query"]) == ({"external_account_id": None, "adapter_config": {}}, {})
    assert account.sources()[0]["adapter_config"] == {}


# All at once.


def test_every_bad_field_is_named_at_once() -> None:
    """Those that rendered to nothing, and those that break a rule of the API."""
    said = refusal("RegisterSourceOperator", provider="None", name="", kind="forever", poll_interval_seconds=60.0)
    for field in ("provider", "name", "kind", "poll_interval_seconds"):
        assert f"{field} " in said


def test_the_texts_of_a_mapped_task_are_read_alike(account: Emulator) -> None:
    """``expand_kwargs`` gives the fields by name, as JSON had them: one source of two is purged."""
    account.seed([{"provider": "slack", "name": name} for name in ("kept", "purged")])
    fields = [
        {"data_source_id": source["data_source_id"], "purge_knowledge": str(source["name"] == "purged")}
        for source in account.sources()
    ]
    with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        mapped = Delete.partial(task_id="delete").expand_kwargs(json.loads(json.dumps(fields)))
    for index in range(len(fields)):
        task_instance = TaskInstance()
        task_instance.map_index = index
        # Airflow makes the operator of one of the mapped tasks as it renders the fields.
        context: Any = {"ti": task_instance, "dag": dag, "dag_run": SimpleNamespace(conf={})}
        mapped.render_template_fields(context)
        assert isinstance(context["task"], Delete)
        context["task"].execute(context)
    assert len(account.requests(operation="delete")) == len(fields)
    [purge] = account.requests(operation="purge")
    [purged] = [each["data_source_id"] for each in fields if each["purge_knowledge"] == "True"]
    assert purged in purge["path"]
