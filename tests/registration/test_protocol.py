"""What a registration does in each state of the account and the store, where nothing goes wrong."""

from __future__ import annotations

import pytest

from airflow_provider_copass.errors import (
    CopassAnswerError,
    CopassInputError,
    DuplicateSourcesError,
    SecretKeyTakenError,
    SecretMissingError,
    SourceExistsError,
)
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import World
from tests.registration.worlds import run, seed, wish

KEY = "copass_webhook_secret_ds-1"


def requests(process: object) -> list[str]:
    """Return what was asked of the API, in order."""
    asked = {"before list", "before get", "before register", "before rotate", "before update", "before delete"}
    return [step.removeprefix("before ") for step in process.trace if step in asked]  # type: ignore[attr-defined]


def test_what_is_missing_is_registered() -> None:
    """One POST between looks; a source that is not realtime has nothing to store."""
    world = World()
    done = run(world)
    assert done.result is not None
    assert (done.result.source.data_source_id, done.result.is_new, done.result.stored_as) == ("ds-1", True, None)
    assert requests(done) == ["list", "list", "register", "list"]
    assert world.store == {}


def test_a_secret_goes_into_the_store_and_no_further() -> None:
    """It is under the key that is reported, and neither in the result nor in what was said nor in the record."""
    world = World()
    done = run(world, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.stored_as == KEY
    assert world.store == {KEY: "canary-1"}
    assert done.result.source.webhook_signing_secret is None
    assert "canary" not in f"{done.result!r}{done.result.shown()}{done.said}{world.records}"


def test_what_others_see_of_a_source_has_documented_fields_alone() -> None:
    """Neither ``adapter_config`` nor a field that the server thought of since may hold a credential in an XCom."""
    world = World()
    seed(world, adapter_config={"token": "canary"}, new_secret="canary")
    done = run(world)
    assert done.result is not None
    shown = done.result.shown()
    assert "canary" not in str(shown)
    assert shown["data_source_id"] == "ds-1"


@pytest.mark.parametrize("status", ["archived", "disconnected"])
def test_a_dead_source_does_not_count(status: str) -> None:
    """A source that is gone for good is not adopted: a new one is made."""
    world = World()
    seed(world, status=status)
    done = run(world)
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-2"


@pytest.mark.parametrize("status", ["active", "paused", "error", "hibernating", ""])
def test_any_other_status_is_alive(status: str) -> None:
    """A word that nobody knows is a live source's: to make a second one would be worse."""
    world = World()
    seed(world, status=status)
    done = run(world)
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-1"
    assert world.posts == 0


@pytest.mark.parametrize("other", [{"name": "N"}, {"name": "n "}, {"provider": "github"}])
def test_another_name_or_provider_is_another_source(other: dict[str, str]) -> None:
    """Identity is exact."""
    world = World()
    seed(world, **other)
    done = run(world)
    assert done.result is not None
    assert done.result.is_new


def test_fail_means_fail() -> None:
    """``if_exists='fail'`` names the source that is there."""
    world = World()
    seed(world)
    done = run(world, if_exists="fail")
    assert isinstance(done.error, SourceExistsError)
    assert "ds-1" in str(done.error)
    assert "if_exists='reuse'" in str(done.error)
    assert done.error.data_source_ids == ("ds-1",)


def test_fail_does_not_mean_this_task_s_own_source() -> None:
    """A try that died when all was done left the source there; its retry succeeds, another run fails."""
    world = World()
    run(world, if_exists="fail")
    assert run(world, attempt=2, if_exists="fail").result is not None
    assert isinstance(run(world, task="dag/run 2/task/-1", if_exists="fail").error, SourceExistsError)


def test_several_sources_are_listed_and_none_is_picked() -> None:
    """Which of two is meant nobody can tell."""
    world = World()
    seed(world)
    seed(world)
    done = run(world)
    assert isinstance(done.error, DuplicateSourcesError)
    assert done.error.data_source_ids == ("ds-1", "ds-2")
    assert requests(done) == ["list"]


def test_from_a_part_of_a_list_nothing_is_concluded() -> None:
    """A list with fewer rows than the server counts must not read as 'there is none'."""
    world = World(unlisted=1)
    done = run(world)
    assert isinstance(done.error, CopassAnswerError)
    assert "counts 1 sources and sent 0" in str(done.error)
    assert world.posts == 0


def test_a_taken_key_is_refused_before_anything_is_made() -> None:
    """A key that is known beforehand and holds something is not overwritten, and no source is made for it."""
    world = World(store={"my_secret": "somebody's"})
    done = run(world, ingestion_mode="realtime", key=StoreKey("my_secret"))
    assert isinstance(done.error, SecretKeyTakenError)
    assert "'my_secret' holds a value already" in str(done.error)
    assert world.posts == 0
    assert world.store == {"my_secret": "somebody's"}
    assert world.records == {}


def test_a_key_that_is_known_only_afterwards_and_taken_loses_nothing() -> None:
    """The secret goes under a spare key, which the error names; giving that key is a way out."""
    world = World(store={KEY: "somebody's"})
    done = run(world, ingestion_mode="realtime")
    assert isinstance(done.error, SecretKeyTakenError)
    spare = "copass_spare_secret_ds_1"
    assert f"store_as='{spare}'" in str(done.error)
    assert world.store == {KEY: "somebody's", spare: world.rows["ds-1"].secret}
    again = run(world, attempt=2, ingestion_mode="realtime", key=StoreKey(spare))
    assert again.result is not None
    assert again.result.stored_as == spare


@pytest.mark.parametrize(("on_missing", "rotations"), [("fail", 0), ("ignore", 0), ("rotate", 1)])
def test_a_foreign_source_s_secret(on_missing: str, rotations: int) -> None:
    """It is missed by an error, passed over, or minted anew: as was asked for, and not otherwise."""
    world = World()
    seed(world, ingestion_mode="realtime", secret="theirs")
    done = run(world, ingestion_mode="realtime", on_missing_secret=on_missing)
    assert world.rotations == rotations
    assert world.posts == 0
    if on_missing == "fail":
        assert isinstance(done.error, SecretMissingError)
        assert "on_missing_secret='rotate'" in str(done.error)
    else:
        assert done.result is not None
        assert done.result.stored_as == (KEY if rotations else None)
    assert world.store == ({KEY: world.rows["ds-1"].secret} if rotations else {})
    assert (world.rows["ds-1"].secret == "theirs") is not bool(rotations)


def test_a_foreign_source_s_secret_may_be_put_there_by_hand() -> None:
    """What the error proposes works: the next run takes what is under the key, and rotates nothing."""
    world = World()
    seed(world, ingestion_mode="realtime", secret="theirs")
    assert run(world, ingestion_mode="realtime").error is not None
    world.store[KEY] = "theirs"
    done = run(world, attempt=2, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.stored_as == KEY
    assert world.rotations == 0


def test_no_secret_issued_is_said_once_and_is_no_failure() -> None:
    """Not every provider gets a secret; the second run neither fails nor rotates nor says it again."""
    world = World(issues_secrets=False)
    first = run(world, ingestion_mode="realtime")
    second = run(world, task="dag/run 2/task/-1", ingestion_mode="realtime")
    for done in (first, second):
        assert done.result is not None
        assert done.result.stored_as is None
    assert len(first.said_of("issued no webhook secret")) == 1
    assert second.said_of("issued no webhook secret") == []
    assert world.rotations == 0


def test_differing_fields_are_named_without_values() -> None:
    """An adopted source that differs is left as it is, and each field is named once."""
    world = World()
    seed(world, poll_interval_seconds=60, adapter_config={"a": "canary-old", "b": 1, "extra": 1})
    done = run(
        world,
        poll_interval_seconds=90,
        adapter_config={"a": "canary-new", "b": 1, "c": None},
        external_account_id="x",
    )
    (said,) = done.said_of("differs")
    assert said.endswith(": external_account_id, adapter_config.a, adapter_config.c, poll_interval_seconds.")
    assert "canary" not in said
    assert requests(done) == ["list"]


@pytest.mark.parametrize(("field", "value"), [("if_exists", "perhaps"), ("on_missing_secret", ""), ("if_exists", None)])
def test_an_unknown_choice_is_refused(field: str, value: object) -> None:
    """The message lists the choices."""
    with pytest.raises(CopassInputError, match=f"{field} must be one of") as refused:
        wish(**{field: value})
    assert refused.value.fields == (field,)
