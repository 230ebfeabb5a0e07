"""From an Airflow connection to a client's settings: every form gives the same, and bad ones are refused."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Connection
from asgiref.sync import async_to_sync

from airflow_provider_copass.api import CopassInputError
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.hooks.connection import read_connection
from tests.harness.airflow_home import AIRFLOW_VERSION
from tests.harness.secrets_backends import forget_secrets_backends
from tests.hooks.connections import ENVIRONMENT, as_json, as_uri
from tests.hooks.single_fields_backend import SingleFieldsBackend

TOKEN = "olk_a/b%c@d:e+f&g=h?i#j"


def settings_of(monkeypatch: pytest.MonkeyPatch, connection: str) -> Any:
    """Read a connection as a task would."""
    monkeypatch.setenv(ENVIRONMENT, connection)
    return CopassHook().connection


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({}, "https://api.copass.id"),
        ({"schema": "https"}, "https://api.copass.id"),
        ({"schema": "HTTPS"}, "https://api.copass.id"),
        ({"schema": " Https "}, "https://api.copass.id"),
        ({"host": "copass.example", "schema": "HTTPS"}, "https://copass.example"),
        ({"host": "127.0.0.1", "schema": "HTTP", "port": 8000}, "http://127.0.0.1:8000"),
        ({"port": 0}, "https://api.copass.id"),
        ({"port": 443}, "https://api.copass.id"),
        ({"host": "copass.example"}, "https://copass.example"),
        ({"host": "copass.example", "port": 8443}, "https://copass.example:8443"),
        ({"host": "copass.example", "port": 0}, "https://copass.example"),
        ({"host": "https://copass.example/"}, "https://copass.example"),
        ({"host": "HTTPS://copass.example/v/"}, "https://copass.example/v"),
        ({"host": "https://copass.example:8443", "port": 8443}, "https://copass.example:8443"),
        ({"host": "https://copass.example/prefix", "port": 8443}, "https://copass.example:8443/prefix"),
        ({"host": "127.0.0.1", "schema": "http", "port": 8000}, "http://127.0.0.1:8000"),
        ({"host": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000"),
        ({"host": "http://127.0.0.1", "schema": "https", "port": 8000}, "http://127.0.0.1:8000"),
        ({"host": "http://[::1]", "port": 8000}, "http://[::1]:8000"),
        ({"host": "http://[::1]:8000", "port": 8000}, "http://[::1]:8000"),
        ({"host": "::1", "schema": "http", "port": 8000}, "http://[::1]:8000"),
        ({"host": "[::1]", "schema": "http", "port": 8000}, "http://[::1]:8000"),
        ({"host": "2001:db8::7/prefix"}, "https://[2001:db8::7]/prefix"),
        # Of a URI Airflow takes the brackets off, without which the port cannot be told from the address.
        ("copass://:olk_x@[::1]:8080/http", "http://[::1]:8080"),
        ("copass://:olk_x@[::1]/http", "http://[::1]"),
        ("copass://:olk_x@[2001:db8::7]:8443", "https://[2001:db8::7]:8443"),
    ],
)
def test_host_port_and_schema_make_the_base_url(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any] | str, base_url: str
) -> None:
    """A scheme in the host is honoured, then one in the schema field, else it is https; 3.3's port 0 is none."""
    found = settings_of(monkeypatch, fields if isinstance(fields, str) else as_json(password=TOKEN, **fields))
    assert found.settings.base_url == base_url


@pytest.mark.parametrize(
    ("port", "host", "base_url"),
    [
        ("443", None, "https://api.copass.id"),
        (" 443 ", None, "https://api.copass.id"),
        ("0", None, "https://api.copass.id"),
        ("", None, "https://api.copass.id"),
        ("8443", "copass.example", "https://copass.example:8443"),
        ("8443", "copass.example:8443", "https://copass.example:8443"),
        ("08443", "copass.example", "https://copass.example:8443"),
    ],
)
def test_a_port_may_be_a_text(port: str, host: str | None, base_url: str) -> None:
    """Airflow 2.11 gives one if a Vault holds each field of a connection by itself."""
    made = Connection(conn_id="c", conn_type="copass", password=TOKEN, host=host, port=port)
    made.port = port
    assert read_connection("c", made, conn_type="copass", user_agent="ua").settings.base_url == base_url


@pytest.fixture(name="held")
def _held(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The fields of every connection, in a secrets backend that holds each by itself."""
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "tests.hooks.single_fields_backend.SingleFieldsBackend")
    held: dict[str, str] = {}
    monkeypatch.setattr(SingleFieldsBackend, "held", held)
    forget_secrets_backends()
    yield held
    forget_secrets_backends()


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"port": "443"}, "https://api.copass.id"),
        ({"port": "8443", "host": "copass.example"}, "https://copass.example:8443"),
        ({"port": "8000", "host": "127.0.0.1", "schema": "http"}, "http://127.0.0.1:8000"),
    ],
)
def test_a_port_of_a_backend_that_holds_single_fields_is_read(
    held: dict[str, str], fields: dict[str, str], base_url: str
) -> None:
    """Airflow hands it to the hook as the text that it is there."""
    held |= {"conn_type": "copass", "password": TOKEN, "extra": '{"sandbox_id": "sb_1"}', **fields}
    assert CopassHook.get_connection("single").port == fields["port"]
    found = CopassHook("single").connection
    assert (found.settings.base_url, found.settings.token, found.sandbox_id) == (base_url, TOKEN, "sb_1")


@pytest.mark.parametrize("port", ["canary", "-1", "1.5", "65536", "9" * 5000, "٤٤٣", True, 1.5, [443]])
def test_another_port_is_refused(port: Any) -> None:
    """Without its value."""
    made = Connection(conn_id="c", conn_type="copass", password=TOKEN, host="copass.example")
    made.port = port
    with pytest.raises(CopassInputError, match="port must be a number from 1 to 65535") as refused:
        read_connection("c", made, conn_type="copass", user_agent="ua")
    assert refused.value.fields == ("port",)
    assert "canary" not in str(refused.value)


JSON = as_json(password="olk_canary", extra={"sandbox_id": "sb_1"})
URI = as_uri(password="olk_canary", host="copass.example", schema="https", extra={"sandbox_id": "sb_1"})


@pytest.mark.filterwarnings("ignore:Encountered")  # as below
@pytest.mark.parametrize("given", [JSON, URI], ids=["JSON", "URI"])
@pytest.mark.parametrize(
    "wrap",
    [lambda text: f"'{text}'", lambda text: f'"{text}"', "base64", "\ufeff"],
    ids=["quotes", "double quotes", "base64", "mark"],
)
def test_a_value_that_is_no_connection_is_said_to_be_none(
    monkeypatch: pytest.MonkeyPatch, given: str, wrap: Any
) -> None:
    """With quotes round it, encoded or with a byte-order mark: not a missing host, and ``check`` can tell more."""
    if wrap == "base64":
        text = base64.b64encode(given.encode()).decode()
    else:
        text = wrap + given if isinstance(wrap, str) else wrap(given)
    monkeypatch.setenv("AIRFLOW_CONN_ODD", text)
    with pytest.raises(CopassInputError, match="Airflow connection 'odd': its value is no connection") as refused:
        _ = CopassHook("odd").connection
    assert "python -m airflow_provider_copass check --conn-id odd" in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_json_and_uri_give_the_same_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting, and a token full of signs that a URI gives a meaning, survives either form."""
    extra = {"sandbox_id": "sb_1", "timeout": "12.5", "max_attempts": "2", "proxy": "http://u:p@proxy.example:3128"}
    first = settings_of(monkeypatch, as_json(password=TOKEN, host="copass.example", port=8443, extra=extra))
    second = settings_of(
        monkeypatch, as_uri(password=TOKEN, host="copass.example", port=8443, schema="https", extra=extra)
    )
    typed = {**extra, "timeout": 12.5, "max_attempts": 2}
    third = settings_of(monkeypatch, as_json(password=TOKEN, host="https://copass.example:8443", extra=typed))
    assert first == second == third
    assert first.settings.token == TOKEN
    assert (first.settings.timeout, first.settings.max_attempts, first.sandbox_id) == (12.5, 2, "sb_1")


def test_what_airflow_makes_of_a_connection_for_a_test_is_the_same_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """For its Test button Airflow turns a connection into a URI, and the hook reads that."""
    extra = {"sandbox_id": "sb_1", "timeout": 12.5, "max_attempts": 2, "ca_bundle": None, "proxy": None}
    given = as_json(password=TOKEN, host="https://copass.example/prefix", port=8443, extra=extra)
    stored = Connection.from_json(given, conn_id="made_up")
    assert settings_of(monkeypatch, stored.get_uri()) == settings_of(monkeypatch, given)


@pytest.mark.parametrize("sign", ["/", "%", "@", ":", "+", "&", "=", "?", "#"])
def test_a_sign_in_a_token_reaches_the_api(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    """As JSON and as a URI: the API accepts the token that arrives."""
    token = f"olk_a{sign}b{sign}{sign}c"
    with Emulator(token) as emulator:
        address = {"host": emulator.url, "extra": {"sandbox_id": "sb_demo"}}
        for given in (as_json(password=token, **address), as_uri(password=token, **address)):
            monkeypatch.setenv(ENVIRONMENT, given)
            with closing(CopassHook()) as hook:
                assert hook.list_sources() == []


def test_an_untouched_form_means_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty texts and nulls, as forms send them, and the second names of Airflow 2's form fields are ignored."""
    extra = {
        "sandbox_id": "",
        "timeout": " ",
        "max_attempts": None,
        "ca_bundle": "",
        "proxy": None,
        "extra__copass__timeout": "",
        "something": "else",
    }
    found = settings_of(monkeypatch, as_json(password=TOKEN, extra=extra))
    assert found == settings_of(monkeypatch, as_json(password=TOKEN))
    assert found.sandbox_id is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"password": None}, "token"),
        ({"password": ""}, "token"),
        ({"password": "olk_canary\n"}, "token"),
        ({"host": "http://copass.example"}, "host"),
        ({"host": "copass.example", "schema": "http"}, "host"),
        ({"host": "copass.example", "schema": "olk_canary"}, "schema"),
        ({"host": "user:olk_canary@copass.example"}, "host"),
        ({"host": "copass.example:8443", "port": 9}, "port"),
        ({"port": 8443}, "host"),
        ({"schema": "http"}, "host"),
        ({"extra": {"timeout": "olk_canary"}}, "timeout"),
        ({"extra": {"timeout": "0"}}, "timeout"),
        ({"extra": {"timeout": True}}, "timeout"),
        ({"extra": {"timeout": "nan"}}, "timeout"),
        ({"extra": {"timeout": [30]}}, "timeout"),
        ({"extra": {"max_attempts": "2.5"}}, "max_attempts"),
        ({"extra": {"max_attempts": 2.5}}, "max_attempts"),
        ({"extra": {"max_attempts": 0}}, "max_attempts"),
        ({"extra": {"ca_bundle": "/no/such/file"}}, "ca_bundle"),
        ({"extra": {"ca_bundle": 5}}, "ca_bundle"),
        ({"extra": {"proxy": "olk_canary"}}, "proxy"),
        ({"extra": {"sandbox_id": 5}}, "sandbox_id"),
        ({"conn_type": "postgres"}, "conn_type"),
        ({"conn_type": "olk_canary"}, "conn_type"),
    ],
)
def test_a_bad_field_is_named_with_its_connection(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], named: str
) -> None:
    """The message names the connection and the field, and shows no value: the token may have been pasted anywhere."""
    with pytest.raises(CopassInputError, match="Airflow connection 'copass_default': ") as refused:
        settings_of(monkeypatch, as_json(**{"password": TOKEN, **fields}))
    assert refused.value.fields == (named,)
    assert named in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("given", ["postgres://u:{token}@{place}/http", '{{"conn_type": "http", {rest}}}'])
def test_the_password_of_another_service_is_not_sent(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Where a task names the wrong connection, that service's password stays here: nothing at all is sent."""
    with Emulator(TOKEN) as emulator:
        place = emulator.url.removeprefix("http://")
        rest = f'"host": "{emulator.url}", "password": "olk_canary"'
        monkeypatch.setenv("AIRFLOW_CONN_PG", given.format(token="olk_canary", place=place, rest=rest))
        with pytest.raises(CopassInputError, match="Airflow connection 'pg': conn_type must be copass"):
            CopassHook("pg", "sb_demo").list_sources()
        assert emulator.requests() == []


@pytest.mark.parametrize(
    "given",
    [
        '{"password": "olk_x"}',
        '{"conn_type": "", "password": "olk_x"}',
        '{"conn_type": null, "password": "olk_x"}',
        '{"conn_type": "Copass", "password": "olk_x"}',
        "copass://:olk_x@",
        "COPASS://:olk_x@",
        "//:olk_x@",
    ],
)
def test_a_connection_that_is_of_no_other_type_is_used(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Airflow asks for no type in a variable or a secrets backend, and a type is the same in capitals."""
    assert settings_of(monkeypatch, given).settings.token == "olk_x"


@pytest.mark.filterwarnings("ignore:Encountered")  # Airflow 2 has a word of its own on such an extra
@pytest.mark.parametrize(
    "extra",
    ["olk_canary", '{"sandbox_id": "olk_canary"', "sandbox_id=olk_canary", '["olk_canary"]', '"olk_canary"', "7"],
)
def test_an_extra_that_is_no_object_is_refused(extra: str) -> None:
    """Airflow passes over a text that is no JSON, and lets other JSON be; 3.1 refuses the connection itself."""
    made = Connection(conn_id="c", conn_type="copass", password=TOKEN)
    made.extra = extra
    with pytest.raises(CopassInputError, match="extra must be a JSON object") as refused:
        read_connection("c", made, conn_type="copass", user_agent="ua")
    assert refused.value.fields == ("extra",)
    assert refused.value.__context__ is None
    assert "canary" not in str(refused.value)


@pytest.mark.filterwarnings("ignore:Encountered")  # as above
@pytest.mark.parametrize("extra", [None, "", " ", "{}", "null"])
def test_an_extra_that_says_nothing_is_none(extra: str | None) -> None:
    """A form or a script may leave it so."""
    made = Connection(conn_id="c", conn_type="copass", password=TOKEN)
    made.extra = extra
    assert read_connection("c", made, conn_type="copass", user_agent="ua").sandbox_id is None


@pytest.mark.filterwarnings("ignore:Encountered")  # as above
@pytest.mark.skipif(AIRFLOW_VERSION == (3, 1), reason="Airflow 3.1 refuses such a connection itself")
def test_an_extra_that_is_no_object_is_refused_in_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a person typed it into the form or a script into the variable."""
    with pytest.raises(CopassInputError, match="extra must be a JSON object"):
        settings_of(monkeypatch, as_json(password=TOKEN, extra="sandbox_id: olk_canary"))


class ConnectionThatAsks(Connection):  # type: ignore[misc]
    """One that asks Airflow's supervisor when its extra is read, as Airflow 3 does in order to mask it."""

    asked_on: asyncio.AbstractEventLoop | None = None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """Ask, as the trigger runner of Airflow 3.1 does."""

        async def ask() -> asyncio.AbstractEventLoop:
            return asyncio.get_running_loop()

        type(self).asked_on = async_to_sync(ask)()
        return {"sandbox_id": "sb"}


class HookThatAsks(CopassHook):
    """A hook that finds such a connection."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Return it."""
        return ConnectionThatAsks(conn_id=conn_id, conn_type="copass", password=TOKEN, extra='{"sandbox_id": "sb"}')

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Any:
        """Return it; later versions ask here."""
        return cls.get_connection(conn_id)


def test_what_airflow_asks_its_supervisor_is_asked_on_the_event_loop_of_the_triggerer() -> None:
    """On another one it may read the answer to somebody else's question, which ends the triggerer of Airflow 3.1."""

    async def read() -> asyncio.AbstractEventLoop:
        await HookThatAsks().read_connection()
        return asyncio.get_running_loop()

    assert asyncio.run(read()) is ConnectionThatAsks.asked_on
