"""The hook against an emulated account: every call, and the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_copass import __version__
from airflow_provider_copass.airflow_compat import airflow_version
from airflow_provider_copass.api import (
    CopassAnswerError,
    CopassAuthenticationError,
    CopassInputError,
    CopassNotFoundError,
)
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from tests.hooks.connections import ENVIRONMENT, as_json, of


@pytest.fixture
def hook(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[CopassHook]:
    """A hook whose connection leads to the emulator."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator))
    hook = CopassHook()
    yield hook
    hook.close()


def test_a_source_lives_through_every_call(hook: CopassHook, emulator: Emulator) -> None:
    """Register, read, list, change, rotate, pause, resume, pull, purge, disconnect and delete all work."""
    made = hook.register_source(provider="slack", name="n", ingestion_mode="realtime", adapter_config={"a": {"b": 1}})
    source_id = made.data_source_id
    first = made.webhook_signing_secret
    assert first is not None
    assert hook.get_source(source_id).webhook_signing_secret is None
    assert [source.data_source_id for source in hook.list_sources("slack", "active")] == [source_id]
    assert hook.list_sources(provider="github") == []
    changed = hook.update_source(source_id, merge_adapter_config=True, adapter_config={"a": {"c": 2}}, name="m")
    assert (changed.name, changed.adapter_config) == ("m", {"a": {"b": 1, "c": 2}})
    second = hook.rotate_webhook_secret(source_id).webhook_signing_secret
    assert second is not None
    assert emulator.verify_secret(source_id, second.get_secret_value())
    assert not emulator.verify_secret(source_id, first.get_secret_value())
    assert hook.pause_source(source_id).status == "paused"
    assert hook.resume_source(source_id).status == "active"
    assert hook.pull_source(source_id, since=datetime(2026, 1, 1, tzinfo=UTC)).job_id
    hook.purge_source(source_id, delete_source=False)
    assert hook.disconnect_source(source_id).status == "disconnected"
    hook.delete_source(source_id)
    with pytest.raises(CopassNotFoundError):
        hook.get_source(source_id)


def test_a_list_that_is_cut_short_is_an_error(hook: CopassHook, emulator: Emulator) -> None:
    """From a part of the sources nobody could tell that one is missing."""
    emulator.add_fault(operation="list", action={"status": 200, "body": {"sources": [], "count": 1}})
    with pytest.raises(CopassAnswerError, match="cut short: the server counts 1 sources and sent 0"):
        hook.list_sources()


def test_every_secret_that_the_hook_returns_is_masked(hook: CopassHook) -> None:
    """However many calls a task makes; the bound on masking is for a list's secrets alone."""
    made = [
        hook.register_source(provider="slack", name=f"source {number}", ingestion_mode="realtime")
        for number in range(24)
    ]
    made.append(hook.rotate_webhook_secret(made[0].data_source_id))
    secrets = [each.webhook_signing_secret.get_secret_value() for each in made if each.webhook_signing_secret]
    assert len(secrets) == 25
    assert {redact(f"printed: {secret}") for secret in secrets} == {"printed: ***"}


def test_the_server_is_told_who_asks(hook: CopassHook, emulator: Emulator) -> None:
    """The User-Agent names this package and Airflow, each with its version."""
    hook.list_sources()
    seen = emulator.requests()[-1]
    assert seen["user_agent"] == f"airflow-provider-copass/{__version__} apache-airflow/{airflow_version()}"


def test_the_client_is_made_once_and_again_after_it_was_closed(hook: CopassHook) -> None:
    """One client for all calls of a hook; a closed hook still works."""
    client = hook.get_conn()
    assert hook.get_conn() is client
    hook.close()
    assert hook.list_sources() == []
    assert hook.get_conn() is not client


def test_a_sandbox_given_to_the_hook_comes_before_the_connection_s(hook: CopassHook) -> None:
    """The connection's sandbox is a default, no more."""
    assert hook.sandbox_id == "sb_demo"
    assert CopassHook(sandbox_id="sb_other").sandbox_id == "sb_other"


def test_a_sandbox_that_is_missing_everywhere_is_refused(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names both places where it can be given."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password=emulator.token, host=emulator.url))
    with pytest.raises(CopassInputError, match=r"sandbox_id is missing.*operator or hook.*'copass_default'"):
        CopassHook().list_sources()
    assert emulator.requests() == []


@pytest.mark.parametrize("sandbox_id", ["", "a/b", "..", "a?b", "a#b", "a\x1fb"])
def test_a_sandbox_that_leads_elsewhere_is_refused(hook: CopassHook, emulator: Emulator, sandbox_id: str) -> None:
    """No request is made for it, and an empty one does not quietly mean the default."""
    with pytest.raises(CopassInputError, match="sandbox_id"):
        CopassHook(sandbox_id=sandbox_id).register_source(provider="slack", name="n")
    assert emulator.requests() == []


def test_a_refused_token_raises_our_own_error(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller of a hook sees the API's errors as they are."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_wrong", host=emulator.url, extra={"sandbox_id": "sb_demo"}))
    with closing(CopassHook()) as hook, pytest.raises(CopassAuthenticationError):
        hook.list_sources()
