"""Every case of the leak test over the Vault store, on a real scheduler at DEBUG: kills, store faults, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("hvac", reason="the secrets backends have an environment of their own: make test-backends")

from tests.airflow.leak_cases import BY_WORD, CASES, Case
from tests.airflow.leak_stage import Played, played
from tests.backends import servers
from tests.harness import leak_search

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

VAULT = "airflow.providers.hashicorp.secrets.vault.VaultBackend"


@pytest.fixture(scope="module")
def loud(vault: servers.Vault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Every case, with all loggers at DEBUG."""
    mount = vault.mount(2)
    kwargs = {"url": vault.url, "token": vault.root_token, "mount_point": mount}
    settings = {"SECRETS__BACKEND": VAULT, "SECRETS__BACKEND_KWARGS": json.dumps(kwargs)}
    with played(tmp_path_factory.mktemp("leaks"), settings) as done:
        yield done


def stored(vault: servers.Vault, key: str) -> str:
    """Return what the vault holds under a key."""
    [mount] = [name for name in vault.ask("GET", "sys/mounts")["data"] if name.startswith("kv2_")]
    value: str = vault.ask("GET", f"{mount}data/variables/{key}")["data"]["data"]["value"]
    return value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.word)
def test_each_case_ends_as_it_should(loud: Played, case: Case) -> None:
    """Killed before and after the store's write, among others: as with Variables."""
    outcome = loud.tasks[case.word]
    assert (outcome.state, outcome.tries) == (case.state, case.tries)


@pytest.mark.parametrize("case", [case for case in CASES if case.state == "success"], ids=lambda case: case.word)
def test_one_live_source_is_there_and_its_valid_secret_is_stored(
    loud: Played, vault: servers.Vault, case: Case
) -> None:
    """In the vault, and nowhere in Airflow."""
    [source_id] = loud.live(case.word)
    xcoms = loud.xcoms[case.word]
    assert xcoms["return_value"] == source_id
    if case.fields.get("on_missing_secret") == "ignore":
        return
    assert loud.emulator.verify_secret(source_id, stored(vault, xcoms["stored_as"]))
    assert xcoms["stored_as"] not in loud.home.variable_keys()


def test_nothing_holds_one(loud: Played) -> None:
    """No log, no column, no output of any process, at DEBUG: the secret does not pass Airflow's supervisor at all."""
    assert [str(leak) for leak in loud.leaks()] == []


def test_the_search_is_not_blind(loud: Played) -> None:
    """It knows the secrets, and it finds what is there."""
    assert len([name for name in loud.values() if name.startswith("secret ")]) > len(BY_WORD) // 2
    landmark = {"landmark": loud.xcoms["success"]["return_value"]}
    seen = {leak.path for leak in leak_search.search([loud.home.path], landmark).leaks}
    assert loud.home.database in seen
    assert any(loud.home.logs in path.parents for path in seen)


def test_a_stored_secret_can_be_used(loud: Played, vault: servers.Vault) -> None:
    """The task that reads it by its key gets all of it."""
    secret = stored(vault, loud.xcoms["success"]["stored_as"])
    assert loud.xcoms["use_secret"]["return_value"] == len(secret)
