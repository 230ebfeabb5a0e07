"""A connection that cannot be made says why, the same from either client, and nothing of the network's own words."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from airflow_provider_copass.api import (
    ClientSettings,
    ConnectFailure,
    CopassClient,
    CopassConnectError,
    CopassInputError,
    calls,
    environment_proxy,
)
from tests.api.scripted import FLAVOURS, send_once
from tests.harness.odd_servers import accepting_nobody, answering, self_signed
from tests.harness.ports import free_port

TOKEN = "olk_canary"


def ask(flavour: str, settings: ClientSettings) -> None:
    """Make a call with a client of that flavour."""
    send_once(flavour, settings, calls.list_sandboxes())


def failure(flavour: str, base_url: str, **settings: object) -> CopassConnectError:
    """Make a call, and return how it fails."""
    made = ClientSettings(token=TOKEN, base_url=base_url, max_attempts=1, **settings)  # type: ignore[arg-type]

    with pytest.raises(CopassConnectError) as failed:
        ask(flavour, made)
    assert not failed.value.maybe_applied
    assert failed.value.__context__ is None
    assert str(failed.value) == (
        f"list_sandboxes: no connection could be made, so nothing was sent: {failed.value.reason.value}."
    )
    return failed.value


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_closed_port_is_a_refusal(flavour: str, host: str) -> None:
    """Also where a name has several addresses, each of which refuses."""
    assert failure(flavour, f"http://{host}:{free_port()}").reason is ConnectFailure.REFUSED


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_name_without_an_address_is_told_apart(flavour: str) -> None:
    """Names under ``.invalid`` have none anywhere."""
    assert failure(flavour, "https://copass.invalid").reason is ConnectFailure.NO_ADDRESS


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_host_that_takes_no_connection_is_too_slow(flavour: str) -> None:
    """That is no refusal, and nothing was sent either."""
    with accepting_nobody() as port:
        assert failure(flavour, f"http://127.0.0.1:{port}", timeout=0.2).reason is ConnectFailure.TOO_SLOW


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_certificates_fail_for_one_of_two_reasons(flavour: str, tmp_path: Path) -> None:
    """An unknown authority can be trusted; a certificate for another host cannot."""
    certificate = self_signed(tmp_path, for_host="other.example")
    with answering(b"", certificate=certificate) as port:
        place = f"https://127.0.0.1:{port}"
        assert failure(flavour, place).reason is ConnectFailure.UNTRUSTED
        assert failure(flavour, place, ca_bundle=str(certificate)).reason is ConnectFailure.OTHER_HOST


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_plain_http_is_no_tls(flavour: str) -> None:
    """What listens there speaks, but not TLS."""
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert failure(flavour, f"https://127.0.0.1:{port}").reason is ConnectFailure.NO_TLS


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_proxy_that_refuses_is_told_apart(flavour: str) -> None:
    """Its password is not in the message."""
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        failed = failure(flavour, "https://copass.invalid", proxy=f"http://me:canary@127.0.0.1:{port}")
    assert failed.reason is ConnectFailure.PROXY
    assert "canary" not in str(failed)


def test_a_ca_bundle_without_a_certificate_is_refused_as_such(tmp_path: Path) -> None:
    """By the field's name, and not by OpenSSL's."""
    path = tmp_path / "empty.pem"
    path.write_text("nothing of the kind")
    with pytest.raises(CopassInputError, match="ca_bundle must be a PEM file") as refused:
        CopassClient(ClientSettings(token=TOKEN, ca_bundle=str(path)))
    assert refused.value.fields == ("ca_bundle",)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("host", "https://10.0.0.999"),
        ("host", "https://xn--a.canary.example"),
        ("proxy", "http://me:canary@10.0.0.999:3128"),
        ("proxy", "http://me:canary@xn--a:3128"),
    ],
)
def test_an_address_that_httpx_takes_for_none_is_refused_as_such(flavour: str, field: str, url: str) -> None:
    """By the field's name and before any request; httpx would raise an error of its own, which Airflow would retry."""
    given = {"base_url": "https://copass.invalid", ("base_url" if field == "host" else field): url}
    with pytest.raises(CopassInputError, match=f"^{field} must be") as refused:
        ask(flavour, ClientSettings(token=TOKEN, **given))
    assert refused.value.fields == (field,)
    assert refused.value.__context__ is None
    assert "canary" not in str(refused.value)


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names neither a proxy nor certificates."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("ALL_PROXY", "socks5://me:canary@127.0.0.1:1080", "proxy"),
        ("HTTPS_PROXY", "ftp://me:canary@127.0.0.1:3128", "proxy"),
        ("HTTP_PROXY", "ftp://me:canary@127.0.0.1:3128", "proxy"),
        ("HTTPS_PROXY", "http://me:canary@127.0.0.1:port", "proxy"),
        # A file without a certificate; one that is not there httpx passed over before 0.28.
        ("SSL_CERT_FILE", __file__, "ca_bundle"),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_as_such(
    environment: pytest.MonkeyPatch, flavour: str, variable: str, value: str, field: str
) -> None:
    """Before any request, naming the variable and the field that helps, without the proxy's password."""
    environment.setenv(variable, value)
    with pytest.raises(CopassInputError, match=variable) as refused:
        ask(flavour, ClientSettings(token=TOKEN, base_url="https://copass.invalid"))
    assert refused.value.fields == (field,)
    assert refused.value.__context__ is None
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("spared", ["localhost,fd00::/8", "[::1]", "canary:port", "http://canary:port,other.example"])
def test_what_cannot_be_read_in_no_proxy_is_passed_over(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flavour: str, spared: str
) -> None:
    """Other programs read it; one warning names the variable, and shows nothing of it. The proxy is used."""
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        environment.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{port}")
        environment.setenv("NO_PROXY", spared)
        assert failure(flavour, "https://copass.invalid").reason is ConnectFailure.PROXY
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.getMessage().startswith("NO_PROXY: 1 of its entries")
    assert "canary" not in caplog.text


def test_no_proxy_is_read_only_if_there_is_a_proxy(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without one nothing depends on it."""
    environment.setenv("NO_PROXY", "fd00::/8")
    assert failure("sync", "https://copass.invalid").reason is ConnectFailure.NO_ADDRESS
    assert not caplog.records


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("has_bundle", [False, True])
def test_a_key_log_that_cannot_be_written_is_refused_as_such(
    environment: pytest.MonkeyPatch, tmp_path: Path, flavour: str, *, has_bundle: bool
) -> None:
    """The certificates are good, and not to blame."""
    environment.setenv("SSLKEYLOGFILE", str(tmp_path / "canary" / "keys"))
    bundle = str(self_signed(tmp_path)) if has_bundle else None
    with pytest.raises(CopassInputError, match="SSLKEYLOGFILE cannot be used") as refused:
        ask(flavour, ClientSettings(token=TOKEN, base_url="https://copass.invalid", ca_bundle=bundle))
    assert "PEM" not in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "HTTPS_PROXY"),
        ({"https_proxy": "http://proxy.example:3128"}, "https_proxy"),
        ({"ALL_PROXY": "http://proxy.example:3128"}, "ALL_PROXY"),
        ({"all_proxy": "http://other.example", "HTTPS_PROXY": "http://proxy.example:3128"}, "HTTPS_PROXY"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, None),
        ({"HTTPS_PROXY": ""}, None),
        *(
            ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": spared}, None if is_spared else "HTTPS_PROXY")
            for spared, is_spared in {
                "*": True,
                "api.copass.example": True,
                "other.example, copass.example": True,
                ".copass.example": True,
                "api.copass.example:8443": True,
                "api.copass.example:443": False,
                "other.example": False,
                "pass.example": False,
            }.items()
        ),
    ],
)
def test_what_is_said_of_the_environment_s_proxy_is_what_httpx_does(
    environment: pytest.MonkeyPatch, variables: dict[str, str], named: str | None
) -> None:
    """The variable is named exactly where a call would go through a proxy."""
    for name, value in variables.items():
        environment.setenv(name, value)
    settings = ClientSettings(token=TOKEN, base_url="https://api.copass.example:8443")
    assert environment_proxy(settings) == named
    with CopassClient(settings) as client:
        # Which way a request would go, httpx tells without one by a private method alone.
        http = client._http
        assert (http._transport_for_url(httpx.URL(settings.base_url)) is not http._transport) == (named is not None)


def test_a_proxy_of_the_settings_and_this_very_machine_have_none_of_the_environment(
    environment: pytest.MonkeyPatch,
) -> None:
    """The former wins, and on the latter the token would cross to the proxy in the clear."""
    environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    own = ClientSettings(token=TOKEN, base_url="https://copass.example", proxy="http://own.example:3128")
    here = ClientSettings(token=TOKEN, base_url="http://127.0.0.1:8000")
    assert [environment_proxy(settings) for settings in (own, here)] == [None, None]
