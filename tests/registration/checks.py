"""What holds at the end of a test in the simulated world, once nothing is in flight any more."""

from __future__ import annotations

from airflow_provider_copass.registration.journal import Entry, entry_name, from_text
from airflow_provider_copass.registration.spec import Identity
from tests.registration import acts
from tests.registration.simulation import Process, World, settle


def live_of(world: World, name: str = "n") -> list[str]:
    """Return the ids of the live sources of a name, once nothing is in flight any more."""
    settle(world)
    return [source_id for source_id in world.live() if world.rows[source_id].fields["name"] == name]


def name_of_entry(name: str = "n") -> str:
    """Return what the journal calls the entry of a source's name."""
    return entry_name(Identity(acts.SANDBOX, "slack", name))


def entry_of(world: World, name: str = "n") -> Entry | None:
    """Return what the journal says of a name."""
    return from_text(world.entries.get(name_of_entry(name)), name=name)


def assert_green(*processes: Process) -> None:
    """The tasks are green."""
    for process in processes:
        error = acts.error_of(process)
        assert error is None, (repr(error), process.trace[-12:], process.log.lines)


def assert_true(world: World, *processes: Process) -> None:
    """What green tasks tell is so: each id is live, and its secret is where they say and valid on the server."""
    settle(world)
    for process in processes:
        for one in acts.all_told(process):
            if one.error is not None or one.outcome in {"failed", "skipped"}:
                continue
            assert one.data_source_id in world.live(), (one, process.trace, process.log.lines)
            assert is_stored(world, one), (one, dict(world.store), world.rows, process.trace, process.log.lines)


def is_stored(world: World, one: acts.Told) -> bool:
    """Tell whether the store holds the secret that is valid on the server, where a task says."""
    if one.stored_as is None:
        return True
    row = world.rows[one.data_source_id or ""]
    return world.store.get(world.folds(one.stored_as)) == row.secret


def assert_once(world: World, *processes: Process, name: str = "n") -> str:
    """There is one live source of the name; each of the tasks is green and tells its id and where its secret is.

    :return: its id.
    """
    ids = live_of(world, name)
    assert len(ids) == 1, (ids, world.sent)
    for process in processes:
        assert_green(process)
        assert acts.told(process).data_source_id == ids[0]
    assert_true(world, *processes)
    return ids[0]


def assert_retryable(process: Process) -> None:
    """The task failed with an error that Airflow retries."""
    error = acts.error_of(process)
    assert error is not None
    assert not acts.is_final(error), repr(error)
