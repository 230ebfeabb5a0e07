"""A client that cannot work, or would send the token in the clear, is refused before it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.api import ClientSettings, CopassInputError

TOKEN = "olk_canary"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", ""),
        ("token", None),
        ("token", "olk_canary\n"),
        ("token", "Bearer olk_canary"),
        ("token", "olk_canary\u00a0"),
        ("token", "olk_cän"),
        ("token", "olk_canary\x00"),
        ("host", "api.copass.id"),
        ("host", "ftp://api.copass.id"),
        ("host", "https://"),
        ("host", "https://[::1"),
        ("host", "https://host:port"),
        ("host", "https://host:0"),
        ("host", "https://host:65536"),
        ("host", "https://ho st"),
        ("host", "https://olk_canary"),
        ("host", f"https://{'canary' * 11}.example"),
        ("host", "https://-canary.example"),
        ("host", "https://beef..cafe"),
        ("host", f"https://{'beef' * 16}"),
        ("host", "https://olk_canary@host"),
        ("host", "https://host?key=olk_canary"),
        ("host", "https://host#olk_canary"),
        ("host", "http://api.copass.id"),
        ("host", "http://127.0.0.1.example.com"),
        ("host", "http://10.0.0.1:8000"),
        ("host", "http://localhost.example.com"),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", 3601),
        ("timeout", "30"),
        ("timeout", True),
        ("max_attempts", 0),
        ("max_attempts", 21),
        ("max_attempts", 1.5),
        ("max_attempts", True),
        ("ca_bundle", "/no/such/canary.pem"),
        ("ca_bundle", TOKEN),
        ("ca_bundle", "/canary\x00"),
        ("proxy", "olk_canary"),
        ("proxy", "http://user:olk_canary@"),
        ("proxy", "http://user:olk_canary@host:x"),
        ("proxy", "http://user:olk_canary@proxy..example"),
        ("proxy", "http://user:olk_canary@beef..cafe"),
        ("proxy", f"http://{'canary' * 11}.example:3128"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named_and_not_shown(field: str, value: Any) -> None:
    """The message names the field; the token, wherever it was pasted, is not in it."""
    given = {"token": TOKEN, ("base_url" if field == "host" else field): value}
    with pytest.raises(CopassInputError, match=rf"^{field} ") as refused:
        ClientSettings(**given)
    assert refused.value.fields == (field,)
    assert "canary" not in f"{refused.value!s}{refused.value!r}"


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1", "http://127.0.0.1:8000", "http://[::1]:80", "http://127.9.9.9"]
)
def test_plain_http_reaches_this_very_machine_alone(base_url: str) -> None:
    """The emulator on a loopback address may be spoken to in the clear."""
    settings = ClientSettings(token=TOKEN, base_url=base_url)
    assert settings.is_loopback
    assert settings.origin == base_url


def test_a_proxy_would_see_a_plain_http_token() -> None:
    """A proxy and a plain http host together are refused: the token would reach the proxy in the clear."""
    with pytest.raises(CopassInputError, match=r"^proxy "):
        ClientSettings(token=TOKEN, base_url="http://127.0.0.1:1", proxy="http://proxy.example:3128")


def test_neither_token_nor_proxy_is_in_the_repr() -> None:
    """Settings can be printed."""
    settings = ClientSettings(token=TOKEN, proxy="http://user:hunter2@proxy.example:3128")
    assert "canary" not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_ca_bundle_that_is_there_is_good(tmp_path: Path) -> None:
    """The file is looked for before the first call, not by it."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert ClientSettings(token=TOKEN, ca_bundle=str(bundle)).ca_bundle == str(bundle)


def test_a_certificate_in_the_place_of_its_path_is_refused_as_such() -> None:
    """It is too long for a file's name, which is an error of the machine's; said is what the field is for."""
    pasted = f"-----BEGIN CERTIFICATE-----\n{'canary' * 300}\n-----END CERTIFICATE-----\n"
    with pytest.raises(
        CopassInputError, match=r"^ca_bundle must be the path .*, not the certificate itself"
    ) as refused:
        ClientSettings(token=TOKEN, ca_bundle=pasted)
    assert refused.value.fields == ("ca_bundle",)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None
