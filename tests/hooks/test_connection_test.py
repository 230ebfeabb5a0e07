"""What Test Connection says: on success what it reached, on each failure what to change, never the token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.hooks.connection_test import LONGEST_WAIT, run_connection_test
from tests.harness.odd_servers import accepting_nobody, answering, self_signed
from tests.harness.ports import free_port
from tests.hooks.connections import ENVIRONMENT, as_json, of

TOKEN = "olk_canary/%@:+"
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><body>Sign in</body></html>"
NO_SOURCES = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + b'{"sources": []}'


@pytest.fixture(name="proxies")
def _proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return monkeypatch


def outcome_of(monkeypatch: pytest.MonkeyPatch, connection: str) -> tuple[bool, str]:
    """Test a connection as Airflow does; the result is always one line without the token."""
    monkeypatch.setenv(ENVIRONMENT, connection)
    worked, said = CopassHook().test_connection()
    assert "canary" not in said
    assert "\n" not in said
    assert said.endswith(".")
    return worked, said


def refused_at(monkeypatch: pytest.MonkeyPatch, host: str, **extra: Any) -> str:
    """Test a connection that fails, and return what it said."""
    worked, said = outcome_of(monkeypatch, as_json(password=TOKEN, host=host, extra={"sandbox_id": "sb_demo", **extra}))
    assert not worked
    return said


def faulty(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, action: Any, **extra: Any) -> str:
    """Test a connection to an emulator whose every answer goes wrong, and return what it said."""
    emulator.add_fault(operation="*", action=action, times=None)
    worked, said = outcome_of(monkeypatch, of(emulator, **extra))
    assert not worked
    assert emulator.token not in said
    return said


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([], "0 sources"),
        (["active"], "1 source"),
        (["active", "another word"], "2 sources"),
        (["active", "disconnected", "paused"], "3 sources, 2 of them live"),
        (["archived", "disconnected"], "2 sources, none of them live"),
    ],
)
def test_success_says_what_the_sandbox_holds(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, statuses: list[str], words: str
) -> None:
    """The line names the place, that the token is good, the sandbox, and how many sources are in it.

    A sandbox lists what was disconnected or archived, too, which no task will adopt.
    """
    emulator.seed([{"provider": "slack", "name": str(n), "status": status} for n, status in enumerate(statuses)])
    assert outcome_of(monkeypatch, of(emulator)) == (
        True,
        f"Reached {emulator.url}. The API key is accepted, and sandbox 'sb_demo' holds {words}.",
    )


@pytest.mark.parametrize(
    ("token", "kind"), [("olk_canary", "API key"), ("eyJjYW5hcnki.canary", "JWT"), ("canary-of-another-kind", "token")]
)
def test_success_says_as_what_one_is_known(monkeypatch: pytest.MonkeyPatch, token: str, kind: str) -> None:
    """The kind of the token, which is not the token or a part of it."""
    with Emulator(token) as emulator:
        said = outcome_of(monkeypatch, of(emulator))[1]
        assert said.startswith(f"Reached {emulator.url}. The {kind} is accepted, and")


def test_success_without_a_sandbox_says_what_the_token_sees(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts sandboxes instead, and says where a default can be set."""
    worked, said = outcome_of(monkeypatch, as_json(password=emulator.token, host=emulator.url))
    assert worked
    assert said.startswith(f"Reached {emulator.url}. The API key is accepted and sees 1 sandbox.")
    assert "Default sandbox (sandbox_id)" in said


def test_a_closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host and port are to be looked at."""
    place = f"http://127.0.0.1:{free_port()}"
    said = refused_at(monkeypatch, place)
    assert said == f"Nothing accepts connections at {place}. Check Base URL (host) and Port (port)."


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names under ``.invalid`` have none anywhere (RFC 6761): the spelling is to be looked at."""
    said = refused_at(monkeypatch, "copass.invalid")
    assert said.startswith("The host name of https://copass.invalid is not known here. Check the spelling of Base URL")


def test_a_host_that_takes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet that is dropped on the way is told apart from a refusal, after the connection's own timeout."""
    with accepting_nobody() as port:
        said = refused_at(monkeypatch, f"http://127.0.0.1:{port}", timeout=0.3)
    assert said.startswith(f"No connection to http://127.0.0.1:{port} within 0.3 s.")
    assert "firewall" in said


def test_a_certificate_of_an_unknown_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The line names the field that helps, and what it advises does help."""
    certificate = self_signed(tmp_path)
    with answering(NO_SOURCES, certificate=certificate) as port:
        place = f"https://127.0.0.1:{port}"
        said = refused_at(monkeypatch, place)
        assert said.startswith(f"The certificate of {place} is not trusted here")
        assert "CA bundle (ca_bundle)" in said
        corrected = as_json(password=TOKEN, host=place, extra={"sandbox_id": "sb_demo", "ca_bundle": str(certificate)})
        assert outcome_of(monkeypatch, corrected)[0]


def test_a_certificate_that_has_expired(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not trusted either, and the line says that this may be why."""
    certificate = self_signed(tmp_path, days=-1)
    with answering(NO_SOURCES, certificate=certificate) as port:
        said = refused_at(monkeypatch, f"https://127.0.0.1:{port}", ca_bundle=str(certificate))
    assert "or has expired" in said


@pytest.mark.parametrize("for_host", ["other.example", "127.0.0.2"])
def test_a_certificate_for_another_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, for_host: str) -> None:
    """To trust its authority would not help: the base URL is to be changed."""
    certificate = self_signed(tmp_path, for_host=for_host)
    with answering(NO_SOURCES, certificate=certificate) as port:
        said = refused_at(monkeypatch, f"https://127.0.0.1:{port}", ca_bundle=str(certificate))
    assert said.endswith("is for another host. Put the name that it is for into Base URL (host).")


def test_plain_http_where_tls_is_expected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port speaks, but not TLS."""
    said = refused_at(monkeypatch, emulator.url.replace("http://", "https://"))
    assert "does not speak TLS" in said
    assert "Check Base URL (host) and Port (port)." in said


def test_tls_where_plain_http_is_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server hangs up, and the line asks which of both it is."""
    with answering(b"", certificate=self_signed(tmp_path)) as port:
        said = refused_at(monkeypatch, f"http://127.0.0.1:{port}")
    assert "broke the connection off" in said
    assert "whether it is http or https" in said


def test_a_file_that_holds_no_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is refused by the field's name, before anything is sent."""
    path = tmp_path / "empty.pem"
    path.write_text("nothing of the kind")
    said = refused_at(monkeypatch, "copass.invalid", ca_bundle=str(path))
    assert said.startswith("CA bundle: ca_bundle must be a PEM file with certificates")


def refused_behind(proxies: pytest.MonkeyPatch, port: int, variable: str | None) -> tuple[str, str]:
    """Test a connection behind a proxy of the environment's variable, or of the connection's field.

    :return: what it said, and how the proxy is called.
    """
    proxy = f"http://me:canary@127.0.0.1:{port}"
    if variable is None:
        return refused_at(proxies, "copass.invalid", proxy=proxy), "Proxy (proxy)"
    proxies.setenv(variable, proxy)
    return refused_at(proxies, "copass.invalid"), f"the environment's proxy ({variable})"


@pytest.mark.parametrize("variable", [None, "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_closed_proxy(proxies: pytest.MonkeyPatch, variable: str | None) -> None:
    """It is the proxy that takes no connection, and nothing else is to be looked at."""
    said, proxy = refused_behind(proxies, free_port(), variable)
    assert said == f"Nothing accepts connections at the proxy to https://copass.invalid. Check {proxy}."


def test_a_proxy_that_takes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what fails may be either, the proxy is among what is to be looked at."""
    with accepting_nobody() as port:
        said = refused_at(monkeypatch, "copass.invalid", proxy=f"http://me:canary@127.0.0.1:{port}", timeout=0.3)
    assert said.startswith("No connection to https://copass.invalid within 0.3 s. ")
    assert "Check Base URL (host) and Port (port), and Proxy (proxy), and whether a firewall" in said


def test_a_proxy_of_the_environment_whose_name_has_no_address(proxies: pytest.MonkeyPatch) -> None:
    """It is the proxy's name that is not known, and not that of the API."""
    proxies.setenv("HTTPS_PROXY", "http://me:canary@proxy.invalid:3128")
    said = refused_at(proxies, "127.0.0.1.example")
    assert said.startswith("The host name of the proxy to https://127.0.0.1.example is not known here.")
    assert "Check the spelling of the environment's proxy (HTTPS_PROXY)" in said


def test_a_proxy_that_the_environment_keeps_from_the_host(proxies: pytest.MonkeyPatch) -> None:
    """What is in ``NO_PROXY`` is reached without one, so none is to be looked at."""
    proxies.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{free_port()}")
    proxies.setenv("NO_PROXY", "other.invalid,copass.invalid")
    assert refused_at(proxies, "copass.invalid").startswith("The host name of https://copass.invalid is not known here")


def test_a_proxy_of_the_environment_that_cannot_be_used(proxies: pytest.MonkeyPatch) -> None:
    """It is refused before anything is sent, as what it is, without its password."""
    proxies.setenv("ALL_PROXY", "socks5://me:canary@127.0.0.1:1080")
    said = refused_at(proxies, "copass.invalid")
    assert said.startswith("Proxy: The environment's proxy cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY must")


@pytest.mark.parametrize("variable", [None, "HTTPS_PROXY"])
def test_a_proxy_that_wants_another_password(proxies: pytest.MonkeyPatch, variable: str | None) -> None:
    """The line is about that proxy alone, not about a field that is empty, and does not show its password."""
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        said, proxy = refused_behind(proxies, port, variable)
    assert said == (
        f"The proxy does not let a call to https://copass.invalid through. Check {proxy}: its address, user name and "
        "password."
    )


def test_a_wrong_token(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """401: the place is right and the token is not."""
    said = refused_at(monkeypatch, emulator.url)
    assert said.startswith(f"Reached {emulator.url}, but it does not accept the token (401).")
    assert "API token (password)" in said


def test_a_token_that_may_not(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """403: another token, or another sandbox."""
    said = faulty(monkeypatch, emulator, {"status": 403})
    assert "may not list the sources of sandbox 'sb_demo' (403)" in said
    assert "API token (password), or another id into Default sandbox (sandbox_id)" in said


def test_a_sandbox_that_is_not_there(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """404, and the API is there: the sandbox is what is to be changed."""
    connection = as_json(password=emulator.token, host=emulator.url, extra={"sandbox_id": "sb_none"})
    worked, said = outcome_of(monkeypatch, connection)
    assert not worked
    assert said == (
        f"Reached {emulator.url}. The API key is accepted and sees 1 sandbox, but sandbox 'sb_none' is not among them "
        "(404). Put the id of one of them into Default sandbox (sandbox_id)."
    )


def test_a_token_that_sees_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no id to choose then, so it is another token that helps."""
    with Emulator(TOKEN, sandboxes=()) as emulator:
        said = refused_at(monkeypatch, emulator.url)
    assert said.endswith(
        "sees 0 sandboxes, but sandbox 'sb_demo' is not among them (404). Put a token that sees it into API token "
        "(password)."
    )


def test_a_sandbox_that_is_there_without_its_sources(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """404, but the token sees that very sandbox: its id is right, and the line does not say otherwise."""
    emulator.add_fault(operation="list", action={"status": 404}, times=None)
    worked, said = outcome_of(monkeypatch, of(emulator))
    assert not worked
    assert said == (
        f"Reached {emulator.url}. The API key is accepted and sees sandbox 'sb_demo', but its sources are not found "
        "(404). Check Base URL (host), its path included; if that is right, test again later."
    )


@pytest.mark.parametrize("second", [404, 403, 503])
def test_a_404_that_nothing_explains(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, second: int) -> None:
    """Where the sandboxes cannot be listed either, the sandbox or the base URL may be wrong, and both are named."""
    emulator.add_fault(operation="list_sandboxes", action={"status": second}, times=None)
    said = faulty(monkeypatch, emulator, {"status": 404})
    assert said == (
        f"Reached {emulator.url}, but it does not know sandbox 'sb_demo' (404). Check Default sandbox (sandbox_id); if "
        "that is right, Base URL (host), its path included."
    )


def test_an_api_that_is_not_there(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """404 for a call without a sandbox: the base URL is what is to be changed."""
    emulator.add_fault(operation="*", action={"status": 404}, times=None)
    worked, said = outcome_of(monkeypatch, of(emulator, sandbox_id=None))
    assert not worked
    assert said == (
        f"Reached {emulator.url}, but there is no Copass API (404). Check Base URL (host), its path included."
    )


def test_a_page_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML with a good status is not taken for an empty list."""
    with answering(HTML) as port:
        said = refused_at(monkeypatch, f"http://127.0.0.1:{port}")
    assert said.startswith(f"What answers at http://127.0.0.1:{port} is not the Copass API, but for instance a proxy")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"html": 502}, "fails (502)"),
        ({"status": 503, "headers": {"Retry-After": "60"}}, "fails (503)"),
        ({"status": 429, "headers": {"Retry-After": "60"}}, "too many requests (429)"),
        ({"status": 302, "headers": {"Location": "https://elsewhere.invalid"}}, "redirects to another address (302)"),
        ({"status": 418}, "refuses the call (418)"),
        ("drop", "broke the connection off"),
        ("reset", "broke the connection off"),
    ],
)
def test_other_failures(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, action: Any, words: str) -> None:
    """Each is told by its status, and says what to check; nothing is sent a second time."""
    assert words in faulty(monkeypatch, emulator, action)
    assert len(emulator.requests()) == 1


def test_an_answer_that_does_not_come(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the connection's timeout the line says that the host accepts connections, and how long was waited."""
    said = faulty(monkeypatch, emulator, "hold", timeout=0.3)
    assert said.startswith(f"{emulator.url} accepts connections, but did not answer within 0.3 s.")


def test_a_patient_connection_is_tested_impatiently(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the connection's timeout and many its attempts, a person waits for one try of ten seconds."""
    emulator.add_fault(operation="*", action="hold", times=None)
    monkeypatch.setenv(ENVIRONMENT, of(emulator, timeout=600, max_attempts=20))
    worked, said = run_connection_test(CopassHook().connection, "sb_demo", longest_wait=0.3)
    assert not worked
    assert "within 0.3 s" in said
    assert len(emulator.requests()) == 1
    assert LONGEST_WAIT == 10


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({"password": ""}, "API token: token is missing."),
        ({"host": "ftp://copass.invalid"}, "Base URL: host must be"),
        ({"host": "http://127.0.0.1:1", "port": 443}, "Port: port is given twice"),
        ({"extra": {"timeout": "soon"}}, "Timeout (seconds): timeout in extra must be a number"),
        ({"extra": {"sandbox_id": "a/b"}}, "Default sandbox: sandbox_id holds '/'"),
    ],
)
def test_a_field_that_breaks_its_rule(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], begins: str) -> None:
    """The line begins with the field's label in the form, and leaves out the id that Airflow makes up for a test."""
    worked, said = outcome_of(monkeypatch, as_json(**{"password": TOKEN, **fields}))
    assert not worked
    assert said.startswith(begins)


@pytest.mark.parametrize("token", ["another", "olk_canary"])
def test_a_token_in_a_wrong_field_is_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Neither the connection's own token nor what looks like one is repeated as a host or a sandbox."""
    for wrong in (
        {"host": "olk_canary.invalid", "extra": {"sandbox_id": "sb_demo"}},
        {"host": f"http://127.0.0.1:{free_port()}", "extra": {"sandbox_id": "olk_canary"}},
    ):
        assert not outcome_of(monkeypatch, as_json(password=token, **wrong))[0]


def test_a_token_in_the_place_of_the_sandbox_is_not_shown(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the API is reached and knows no such sandbox."""
    connection = as_json(password=emulator.token, host=emulator.url, extra={"sandbox_id": emulator.token})
    worked, said = outcome_of(monkeypatch, connection)
    assert not worked
    assert "the sandbox given is not among them" in said
    assert emulator.token not in said
