"""The sources family of the emulated API."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from airflow_provider_copass.emulator import Emulator

SOURCES = "/api/v1/storage/sandboxes/sb_demo/sources"
Register = Callable[..., dict[str, Any]]
# The fields that the vendor's page lists for a source, but for the transient secret.
FIELDS = {
    "data_source_id",
    "user_id",
    "sandbox_id",
    "provider",
    "name",
    "ingestion_mode",
    "status",
    "kind",
    "external_account_id",
    "adapter_config",
    "poll_interval_seconds",
    "webhook_url",
    "last_sync_at",
    "created_at",
}


def test_a_source_has_the_fields_of_the_vendors_page_and_its_defaults(register: Register) -> None:
    """A register with the two required fields answers every documented field, defaults filled in."""
    source = register()
    assert set(source) == FIELDS | {"webhook_signing_secret"}
    assert str(uuid.UUID(source["data_source_id"])) == source["data_source_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", source["created_at"])
    assert (source["ingestion_mode"], source["kind"], source["status"]) == ("manual", "durable", "active")
    assert source["adapter_config"] == {}
    assert source["webhook_url"] is None
    assert source["webhook_signing_secret"] is None


def test_what_was_sent_is_what_is_answered(register: Register, api: httpx.Client) -> None:
    """Every field of the body comes back, from register and from get."""
    body = {
        "provider": "linear",
        "name": "é" * 255,
        "ingestion_mode": "polling",
        "kind": "ephemeral",
        "external_account_id": "T01",
        "adapter_config": {"a": {"b": [1, None, "é"]}},
        "poll_interval_seconds": 60,
    }
    source = register(**body)
    assert {key: source[key] for key in body} == body
    got = api.get(f"{SOURCES}/{source['data_source_id']}").json()
    assert {key: got[key] for key in body} == body


def test_two_posts_make_two_sources(register: Register, api: httpx.Client) -> None:
    """A name is not unique: the same body twice makes two ids, and the list shows both."""
    first, second = register(), register()
    listed = api.get(SOURCES).json()
    assert [row["data_source_id"] for row in listed["sources"]] == [first["data_source_id"], second["data_source_id"]]
    assert listed["count"] == 2


def test_a_realtime_source_shows_its_secret_once(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """The secret is in the answer of register; get, list and update say the same but for it, which they do not name."""
    source = register(ingestion_mode="realtime")
    assert source["webhook_url"].startswith("http")
    assert emulator.verify_secret(source["data_source_id"], source.pop("webhook_signing_secret"))
    assert set(source) == FIELDS
    one = f"{SOURCES}/{source['data_source_id']}"
    assert api.get(one).json() == source
    assert api.get(SOURCES).json() == {"sources": [source], "count": 1}
    assert api.patch(one, json={"name": "b"}).json() == {**source, "name": "b"}


def test_a_provider_can_be_without_secret(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """A realtime source of a provider without an ingestor is answered with null, from rotate as well."""
    emulator.settings(providers_without_secret=["gong"])
    source = register(provider="gong", ingestion_mode="realtime")
    assert source["webhook_url"] is not None
    assert source["webhook_signing_secret"] is None
    rotated = api.post(f"{SOURCES}/{source['data_source_id']}/rotate-webhook-secret")
    assert (rotated.status_code, rotated.json()["webhook_signing_secret"]) == (200, None)
    assert emulator.sources()[0]["secrets_issued"] == 0


def test_rotation_makes_the_old_secret_worthless(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """After a rotate the new secret is valid and the old one is not."""
    source = register(ingestion_mode="realtime")
    data_source_id, old = source["data_source_id"], source["webhook_signing_secret"]
    new = api.post(f"{SOURCES}/{data_source_id}/rotate-webhook-secret").json()["webhook_signing_secret"]
    assert emulator.verify_secret(data_source_id, new)
    assert not emulator.verify_secret(data_source_id, old)
    assert emulator.sources()[0]["secrets_issued"] == 2


def test_a_rotated_secret_may_stay_valid_for_a_while(
    register: Register, api: httpx.Client, control: httpx.Client
) -> None:
    """Within the time of grace both secrets are valid, and the control surface says which is current."""
    control.post("/settings", json={"grace_seconds": 60})
    source = register(ingestion_mode="realtime")
    data_source_id = source["data_source_id"]
    api.post(f"{SOURCES}/{data_source_id}/rotate-webhook-secret")
    body = {"data_source_id": data_source_id, "secret": source["webhook_signing_secret"]}
    assert control.post("/verify-secret", json=body).json() == {"valid": True, "current": False}


def test_only_a_realtime_source_can_rotate(register: Register, api: httpx.Client) -> None:
    """Rotation of a source of another mode is a 400."""
    answer = api.post(f"{SOURCES}/{register()['data_source_id']}/rotate-webhook-secret")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "detail"}


def test_a_patch_to_realtime_makes_the_url_but_no_secret(register: Register, api: httpx.Client) -> None:
    """A source that becomes realtime gets its webhook_url; its secret has to be rotated for."""
    one = f"{SOURCES}/{register()['data_source_id']}"
    patched = api.patch(one, json={"ingestion_mode": "realtime"}).json()
    assert patched["webhook_url"] is not None
    assert "webhook_signing_secret" not in patched
    assert api.post(one + "/rotate-webhook-secret").json()["webhook_signing_secret"] is not None
    assert api.patch(one, json={"ingestion_mode": "batch"}).json()["webhook_url"] is None


def test_adapter_config_is_replaced_or_merged(register: Register, api: httpx.Client) -> None:
    """A plain PATCH replaces adapter_config; with merge_adapter_config=true nested objects are merged."""
    one = f"{SOURCES}/{register(adapter_config={'a': {'x': 1, 'y': 2}, 'b': [1]})['data_source_id']}"
    patch = {"adapter_config": {"a": {"y": 3}, "b": [2]}}
    merged = api.patch(one, params={"merge_adapter_config": "true"}, json=patch).json()
    assert merged["adapter_config"] == {"a": {"x": 1, "y": 3}, "b": [2]}
    assert api.patch(one, json=patch).json()["adapter_config"] == patch["adapter_config"]


def test_a_patch_changes_what_it_names_and_nothing_else(register: Register, api: httpx.Client) -> None:
    """Null empties a nullable field; read-only and unknown fields are ignored, missing ones stay."""
    source = register(external_account_id="T01", poll_interval_seconds=90, ingestion_mode="polling")
    patched = api.patch(
        f"{SOURCES}/{source['data_source_id']}",
        json={
            "external_account_id": None,
            "webhook_url": "http://elsewhere",
            "last_sync_at": "2026-01-01T00:00:00Z",
            "provider": "github",
            "status": "paused",
        },
    ).json()
    expected = {**source, "external_account_id": None}
    del expected["webhook_signing_secret"]
    assert patched == expected


def test_list_filters_by_provider_and_status(register: Register, api: httpx.Client) -> None:
    """Each filter narrows the list, both together do so too, and count is the number of rows."""
    slack, github, other = register(), register(provider="github"), register(provider="github")
    api.post(f"{SOURCES}/{github['data_source_id']}/pause")

    def listed(**filters: str) -> list[str]:
        answer = api.get(SOURCES, params=filters).json()
        assert answer["count"] == len(answer["sources"])
        return [row["data_source_id"] for row in answer["sources"]]

    assert listed(provider="github") == [github["data_source_id"], other["data_source_id"]]
    assert listed(status="active") == [slack["data_source_id"], other["data_source_id"]]
    assert listed(provider="github", status="paused") == [github["data_source_id"]]
    assert listed(provider="none") == []


def test_pause_and_resume_answer_the_status(register: Register, api: httpx.Client) -> None:
    """Pause and resume answer a status object and change the source."""
    one = f"{SOURCES}/{register()['data_source_id']}"
    assert api.post(one + "/pause").json() == {"status": "paused"}
    assert api.get(one).json()["status"] == "paused"
    assert api.post(one + "/resume").json() == {"status": "active"}


@pytest.mark.parametrize("act", ["pause", "resume", "pull", "rotate-webhook-secret"])
def test_disconnected_is_final(register: Register, api: httpx.Client, act: str) -> None:
    """A disconnected source refuses every act that needs it alive with 409; disconnecting again is no error."""
    one = f"{SOURCES}/{register(ingestion_mode='realtime')['data_source_id']}"
    assert api.post(one + "/disconnect").json() == {"status": "disconnected"}
    assert api.post(f"{one}/{act}").status_code == 409
    assert api.post(one + "/disconnect").status_code == 200
    assert api.get(one).json()["status"] == "disconnected"


def test_delete_removes_the_registration(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """A deleted source is gone from get and list, its secret is void, and the control surface still shows it."""
    source = register(ingestion_mode="realtime")
    one = f"{SOURCES}/{source['data_source_id']}"
    assert api.delete(one).json() == {"deleted": True, "data_source_id": source["data_source_id"]}
    assert api.get(one).status_code == 404
    assert api.delete(one).status_code == 404
    assert api.get(SOURCES).json() == {"sources": [], "count": 0}
    assert [row["deleted"] for row in emulator.sources()] == [True]
    assert not emulator.verify_secret(source["data_source_id"], source["webhook_signing_secret"])


def test_purge_counts_by_plane_and_deletes_only_when_asked(register: Register, api: httpx.Client) -> None:
    """Purge answers what it removed from each plane; delete_source removes the registration, too."""
    data_source_id = register()["data_source_id"]
    one, ingest = f"{SOURCES}/{data_source_id}", SOURCES.replace("sources", "ingest")
    api.post(ingest, json={"text": "a", "data_source_id": data_source_id})
    api.post(ingest, json={"text": "b", "data_source_id": data_source_id, "storage_only": True})
    api.post(one + "/pull", json={"vault_only": True})
    assert api.post(one + "/purge").json()["purged"] == {"vault": 3, "graph": 1}
    assert api.get(one).status_code == 200
    assert api.post(one + "/purge", json={"delete_source": True}).json()["purged"] == {"vault": 0, "graph": 0}
    assert api.get(one).status_code == 404


def test_the_quota_of_a_sandbox_is_a_403(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """Over max_data_sources a register is refused with 403 and makes nothing; a deleted source makes room."""
    emulator.settings(max_data_sources={"sb_demo": 1})
    source = register()
    refused = api.post(SOURCES, json={"provider": "slack", "name": "b"})
    assert (refused.status_code, refused.json()["error"]) == (403, "quota_exceeded")
    assert len(emulator.sources()) == 1
    api.delete(f"{SOURCES}/{source['data_source_id']}")
    register()


def test_a_list_may_lag_behind(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """With list_lag_seconds a new source is missing from list, not from get, until the time is up."""
    emulator.settings(list_lag_seconds=3600)
    emulator.seed([{"provider": "slack", "name": "old"}])
    one = f"{SOURCES}/{register()['data_source_id']}"
    assert [row["name"] for row in api.get(SOURCES).json()["sources"]] == ["old"]
    assert api.get(one).status_code == 200
    emulator.settings(list_lag_seconds=0)
    assert [row["name"] for row in api.get(SOURCES).json()["sources"]] == ["old", "alerts"]


def test_adapter_config_may_be_masked(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """With mask_adapter_config answers hide text below a key that looks secret, at any depth; the rest shows."""
    emulator.settings(mask_adapter_config=True)
    config = {"api_token": "t", "nested": [{"password": "p", "team": "core"}], "secrets": {"a": ["x"]}, "tokens": 3}
    shown = register(adapter_config=config)["adapter_config"]
    assert shown["api_token"] == "***"
    assert shown["nested"] == [{"password": "***", "team": "core"}]
    assert shown["tokens"] == 3
    assert api.get(SOURCES).json()["sources"][0]["adapter_config"] == shown
    assert emulator.sources()[0]["adapter_config"] == config


def test_a_webhook_takes_the_secret_of_its_source_alone(
    register: Register, stranger: httpx.Client, emulator: Emulator
) -> None:
    """The webhook_url takes a delivery with the secret as bearer token and stamps last_sync_at; else it is a 401."""
    source = register(ingestion_mode="realtime")
    url = source["webhook_url"]
    assert stranger.post(url, json={}).status_code == 401
    assert stranger.post(url, headers={"Authorization": f"Bearer {emulator.token}"}).status_code == 401
    assert emulator.sources()[0]["last_sync_at"] is None
    delivered = stranger.post(url, json={}, headers={"Authorization": f"Bearer {source['webhook_signing_secret']}"})
    assert delivered.status_code == 202
    assert emulator.sources()[0]["last_sync_at"] is not None
    assert stranger.post(f"{emulator.url}/webhooks/none").status_code == 404


def test_the_servers_clock_can_be_off(register: Register, api: httpx.Client, emulator: Emulator) -> None:
    """Date and created_at are by the server's own clock, which a test may set apart from ours."""
    before = parsedate_to_datetime(api.get(SOURCES).headers["date"])
    emulator.settings(clock_offset_seconds=86_400)
    after = parsedate_to_datetime(api.get(SOURCES).headers["date"])
    assert 86_300 < (after - before).total_seconds() < 86_500
    assert register()["created_at"][:10] == after.date().isoformat()
