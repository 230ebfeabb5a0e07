"""A real task is killed before and after its secret's write into the vault, and Airflow's retry completes it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("hvac", reason="the secrets backends have an environment of their own: make test-backends")

from airflow_provider_copass.airflow_variables import SENTINEL
from tests.airflow.crash_points import LONG_LIST, SHORT_LIST, Kill, Point
from tests.airflow.crash_stage import Stage, check_mended, opened
from tests.backends import servers
from tests.harness.airflow_home import AirflowHome

pytestmark = [pytest.mark.airflow, pytest.mark.crashes]

VAULT = "airflow.providers.hashicorp.secrets.vault.VaultBackend"
POINTS = [
    point
    for point in (*SHORT_LIST, *LONG_LIST)
    # What follows a POST that never had an effect waits for half a minute, and has nothing to do with the store.
    if any(kill.thing == "store" for kill in point.kills) and Kill("before", "POST") not in point.kills
]


@pytest.fixture(name="played", scope="module")
def _played(migrated: AirflowHome, vault: servers.Vault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage on which every point was played, with a token that may do what the page asks for."""
    mount = vault.mount(2, cas_required=True)
    rights = '{ capabilities = ["create", "update", "read", "delete"] }'
    token = vault.token(f'path "{mount}/data/*" {rights} path "{mount}/metadata/*" {rights}')
    kwargs = {"url": vault.url, "token": token, "mount_point": mount}
    settings = {"SECRETS__BACKEND": VAULT, "SECRETS__BACKEND_KWARGS": json.dumps(kwargs)}

    def stored(key: str) -> str:
        value: str = vault.ask("GET", f"{mount}/data/variables/{key}")["data"]["data"]["value"]
        return value

    with opened(tmp_path_factory.mktemp("crashes"), migrated, settings, stored) as stage:
        stage.play(POINTS, seconds=900)
        yield stage


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_around_the_write_the_retry_mends_it(played: Stage, point: Point) -> None:
    """One live source, its valid secret in the vault, its id in the XComs, its entry completed, and one POST."""
    check_mended(played, point)
    assert played.posts(point) == 1


@pytest.mark.parametrize("point", [point for point in POINTS if point in SHORT_LIST], ids=str)
def test_a_secret_that_was_written_is_not_minted_again(played: Stage, point: Point) -> None:
    """Killed after the write the retry finds it there; killed before it, the secret is lost and another one minted."""
    [source] = played.live(point)
    assert source["secrets_issued"] == (1 if point.kills[0].side == "after" else 2)


def test_airflow_itself_holds_no_secret(played: Stage) -> None:
    """Its Variables are the records alone."""
    assert {key for key in played.home.variable_keys() if not key.startswith("copass_entry_")} <= {SENTINEL}
