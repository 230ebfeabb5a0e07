"""A connection that cannot be made says why, the same from either client, and nothing of the network's own words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airflow_provider_copass.api import (
    AsyncCopassClient,
    ClientSettings,
    CopassClient,
    CopassConnectError,
    CopassInputError,
    Unreached,
    calls,
)
from tests.harness.odd_servers import accepting_nobody, answering, self_signed
from tests.harness.ports import free_port

TOKEN = "olk_canary"
FLAVOURS = ("sync", "async")


def ask(flavour: str, settings: ClientSettings) -> None:
    """Make a call with a client of that flavour."""

    async def without_waiting() -> None:
        async with AsyncCopassClient(settings) as client:
            await client.send(calls.list_sandboxes())

    if flavour == "async":
        asyncio.run(without_waiting())
    else:
        with CopassClient(settings) as client:
            client.send(calls.list_sandboxes())


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
    assert failure(flavour, f"http://{host}:{free_port()}").reason is Unreached.REFUSED


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_name_without_an_address_is_told_apart(flavour: str) -> None:
    """Names under ``.invalid`` have none anywhere."""
    assert failure(flavour, "https://copass.invalid").reason is Unreached.NO_ADDRESS


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_host_that_takes_no_connection_is_too_slow(flavour: str) -> None:
    """That is no refusal, and nothing was sent either."""
    with accepting_nobody() as port:
        assert failure(flavour, f"http://127.0.0.1:{port}", timeout=0.2).reason is Unreached.TOO_SLOW


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_certificates_fail_for_one_of_two_reasons(flavour: str, tmp_path: Path) -> None:
    """An unknown authority can be trusted; a certificate for another host cannot."""
    certificate = self_signed(tmp_path, for_host="other.example")
    with answering(b"", certificate=certificate) as port:
        place = f"https://127.0.0.1:{port}"
        assert failure(flavour, place).reason is Unreached.UNTRUSTED
        assert failure(flavour, place, ca_bundle=str(certificate)).reason is Unreached.OTHER_HOST


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_plain_http_is_no_tls(flavour: str) -> None:
    """What listens there speaks, but not TLS."""
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert failure(flavour, f"https://127.0.0.1:{port}").reason is Unreached.NO_TLS


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_proxy_that_refuses_is_told_apart(flavour: str) -> None:
    """Its password is not in the message."""
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        failed = failure(flavour, "https://copass.invalid", proxy=f"http://me:canary@127.0.0.1:{port}")
    assert failed.reason is Unreached.PROXY
    assert "canary" not in str(failed)


def test_a_ca_bundle_without_a_certificate_is_refused_as_such(tmp_path: Path) -> None:
    """By the field's name, and not by OpenSSL's."""
    path = tmp_path / "empty.pem"
    path.write_text("nothing of the kind")
    with pytest.raises(CopassInputError, match="ca_bundle must be a PEM file") as refused:
        CopassClient(ClientSettings(token=TOKEN, ca_bundle=str(path)))
    assert refused.value.fields == ("ca_bundle",)
    assert refused.value.__context__ is None
