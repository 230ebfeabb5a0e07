"""Look up, register, store, read back: what a registration does in each state of the account and the store."""

from __future__ import annotations

import pytest

from airflow_provider_copass.api import (
    CopassAnswerError,
    CopassInputError,
    SecretKeyTakenError,
    SecretMissingError,
    SecretStoreError,
    SeveralSourcesError,
    SourceExistsError,
)
from airflow_provider_copass.registration import register
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.worlds import Account, Log, Store, wish

KEY = "copass_webhook_secret_ds-1"


def test_what_is_missing_is_registered() -> None:
    """One look-up, one POST; a source that is not realtime has nothing to store."""
    account, store, log = Account(), Store(), Log()
    done = register(wish(), account, store, log)
    assert (done.source.data_source_id, done.is_new, done.stored_as) == ("ds-1", True, None)
    assert account.asked == ["list", "register"]
    assert store.held == {}
    assert log.warnings == []


def test_a_secret_goes_into_the_store_and_no_further() -> None:
    """It is under the key that is reported, and neither in the result nor in what was said."""
    account, store, log = Account(), Store(), Log()
    done = register(wish(ingestion_mode="realtime"), account, store, log)
    assert done.stored_as == KEY
    assert store.held == {KEY: "canary-1"}
    assert done.source.webhook_signing_secret is None
    assert "canary" not in f"{done!r}{done.shown()}{log.infos}{log.warnings}"


def test_what_others_see_of_a_source_has_documented_fields_alone() -> None:
    """Neither ``adapter_config`` nor a field that the server thought of since may hold a credential in an XCom."""
    account = Account()
    account.seed(adapter_config={"token": "canary"}, new_secret="canary")
    shown = register(wish(), account, Store(), Log()).shown()
    assert "canary" not in str(shown)
    assert shown["data_source_id"] == "ds-1"
    assert shown["created_at"] is None


def test_a_second_run_makes_nothing() -> None:
    """The second registration looks up, finds, and reports the same key."""
    account, store, log = Account(), Store(), Log()
    first = register(wish(ingestion_mode="realtime"), account, store, log)
    second = register(wish(ingestion_mode="realtime"), account, store, log)
    assert (second.is_new, second.stored_as) == (False, first.stored_as)
    assert account.asked == ["list", "register", "list"]
    assert log.warnings == []


@pytest.mark.parametrize("status", ["archived", "disconnected"])
def test_a_dead_source_does_not_count(status: str) -> None:
    """A source that is gone for good is not adopted: a new one is made."""
    account = Account()
    account.seed(status=status)
    assert register(wish(), account, Store(), Log()).source.data_source_id == "ds-2"


@pytest.mark.parametrize("status", ["active", "paused", "error", "hibernating", ""])
def test_any_other_status_is_alive(status: str) -> None:
    """A word that nobody knows is a live source's: to make a second one would be worse."""
    account = Account()
    account.seed(status=status)
    assert register(wish(), account, Store(), Log()).source.data_source_id == "ds-1"
    assert account.asked == ["list"]


@pytest.mark.parametrize("other", [{"name": "N"}, {"name": "n "}, {"provider": "github"}])
def test_another_name_or_provider_is_another_source(other: dict[str, str]) -> None:
    """Identity is exact."""
    account = Account()
    account.seed(**other)
    assert register(wish(), account, Store(), Log()).is_new


def test_differing_fields_are_named_without_values() -> None:
    """An adopted source that differs is left as it is, and each field is named once."""
    account, log = Account(), Log()
    account.seed(poll_interval_seconds=60, adapter_config={"a": "canary-old", "b": 1, "extra": 1}, kind="durable")
    asked = wish(
        poll_interval_seconds=90, adapter_config={"a": "canary-new", "b": 1, "c": None}, external_account_id="x"
    )
    register(asked, account, Store(), log)
    (said,) = log.warnings
    assert said.startswith("Source ds-1 differs")
    assert said.endswith(": external_account_id, adapter_config.a, adapter_config.c, poll_interval_seconds.")
    assert "canary" not in said
    assert account.asked == ["list"]


def test_fail_means_fail() -> None:
    """``if_exists='fail'`` names the source that is there."""
    account = Account()
    account.seed()
    with pytest.raises(SourceExistsError, match=r"ds-1.*if_exists='reuse'") as refused:
        register(wish(if_exists="fail"), account, Store(), Log())
    assert refused.value.data_source_ids == ("ds-1",)


def test_several_sources_are_listed_and_none_is_picked() -> None:
    """Which of two is meant nobody can tell."""
    account = Account()
    account.seed()
    account.seed()
    with pytest.raises(SeveralSourcesError, match="ds-1, ds-2") as refused:
        register(wish(), account, Store(), Log())
    assert refused.value.data_source_ids == ("ds-1", "ds-2")
    assert account.asked == ["list"]


def test_from_a_part_of_a_list_nothing_is_concluded() -> None:
    """A list with fewer rows than the server counts must not read as 'there is none'."""
    account = Account()
    account.count = 1
    with pytest.raises(CopassAnswerError, match="counts 1 sources and sent 0"):
        register(wish(), account, Store(), Log())
    assert account.asked == ["list"]


def test_a_taken_key_is_refused_before_anything_is_made() -> None:
    """A key that is known beforehand and holds something is not overwritten, and no source is made for it."""
    account = Account()
    store = Store(my_secret="somebody's")
    with pytest.raises(SecretKeyTakenError, match="'my_secret' holds a value already"):
        register(wish(ingestion_mode="realtime", key=StoreKey("my_secret")), account, store, Log())
    assert account.asked == ["list"]
    assert store.held == {"my_secret": "somebody's"}


def test_a_key_that_the_store_cannot_hold_is_refused_before_any_request() -> None:
    """The store is asked first."""

    class Picky(Store):
        def check(self, key: str) -> None:
            raise CopassInputError(f"no {key}", fields=("store_as",))

    account = Account()
    with pytest.raises(CopassInputError, match="no copass_webhook_secret_id"):
        register(wish(ingestion_mode="realtime"), account, Picky(), Log())
    assert account.asked == []


@pytest.mark.parametrize(
    ("on_missing", "asked"), [("fail", ["list"]), ("ignore", ["list"]), ("rotate", ["list", "rotate"])]
)
def test_a_secret_that_is_not_in_the_store(on_missing: str, asked: list[str]) -> None:
    """A foreign source's secret is missed by an error, passed over, or minted anew: as was asked for."""
    account, store, log = Account(), Store(), Log()
    account.seed(ingestion_mode="realtime")
    asking = wish(ingestion_mode="realtime", on_missing_secret=on_missing)
    if on_missing == "fail":
        with pytest.raises(SecretMissingError, match="on_missing_secret='rotate'"):
            register(asking, account, store, log)
    else:
        done = register(asking, account, store, log)
        assert done.stored_as == (KEY if on_missing == "rotate" else None)
        assert len(log.warnings) == 1
    assert account.asked == asked
    assert store.held == ({KEY: "canary-1"} if on_missing == "rotate" else {})


def test_no_secret_issued_is_said_and_is_no_failure() -> None:
    """Only providers with a registered ingestor get a secret."""
    account, log = Account(), Log()
    account.issues_secrets = False
    done = register(wish(ingestion_mode="realtime"), account, Store(), log)
    assert (done.is_new, done.stored_as) == (True, None)
    assert len(log.warnings) == 1
    assert "issued no webhook secret" in log.warnings[0]


def test_a_store_that_reads_back_another_value_is_an_error() -> None:
    """A secrets backend with the same key stands before a Variable: readers would get the wrong secret."""
    account, store = Account(), Store()
    store.shadow[KEY] = "shadow"
    with pytest.raises(SecretStoreError, match="does not give back") as failed:
        register(wish(ingestion_mode="realtime"), account, store, Log())
    assert "canary" not in str(failed.value)
    assert "shadow" not in str(failed.value)


@pytest.mark.parametrize(("field", "value"), [("if_exists", "update!"), ("on_missing_secret", ""), ("if_exists", None)])
def test_an_unknown_choice_is_refused(field: str, value: object) -> None:
    """The message lists the choices."""
    with pytest.raises(CopassInputError, match=f"{field} must be one of") as refused:
        wish(**{field: value})
    assert refused.value.fields == (field,)
