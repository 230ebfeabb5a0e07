"""A server that does what its page does not say: nothing is lost, nothing is guessed, and the message tells."""

from __future__ import annotations

from airflow_provider_copass.errors import CopassAnswerError, SourceChangedError
from airflow_provider_copass.registration import Owner, Timing
from tests.registration.failure_table import TRACE
from tests.registration.simulation import Fault, World, run_all, server_error
from tests.registration.worlds import Process, run, wish


def test_a_source_that_the_server_named_otherwise_keeps_its_secret() -> None:
    """The secret is stored before the task fails, and the message has both names."""
    world = World(renames="N (2)")
    done = run(world, ingestion_mode="realtime")
    assert isinstance(done.error, SourceChangedError)
    assert "'n'" in str(done.error)
    assert "'N (2)'" in str(done.error)
    assert world.store == {"copass_webhook_secret_ds-1": world.rows["ds-1"].secret}


def test_a_source_that_lives_and_is_in_no_list_is_not_made_again() -> None:
    """A list that does not show what was answered proves nothing; when it does, the work is finished."""
    world = World()
    first = run(world, ingestion_mode="realtime", script={"kill_at": TRACE.index("before read secret")})
    assert first.result is None
    world.hidden.add("ds-1")
    second = run(world, attempt=2, ingestion_mode="realtime")
    assert isinstance(second.error, CopassAnswerError)
    assert "does not hold source ds-1, which lives" in str(second.error)
    world.hidden.clear()
    third = run(world, attempt=3, ingestion_mode="realtime")
    assert third.error is None
    assert world.posts == 1
    assert world.store == {"copass_webhook_secret_ds-1": world.rows["ds-1"].secret}


def test_a_twin_that_cannot_be_deleted_is_named() -> None:
    """Whoever lost the record to another and cannot remove its own source says which one is left over."""
    world = World()
    timing = Timing(settle=30, claim=1, take_over=5, takeover_after=300, patience=90, poll=1)
    freeze = {TRACE.index("before register"): 1000.0}
    faults = {"delete": Fault(applies=False, error=server_error)}
    task = "dag/run/task/-1"
    zombie = Process(world, wish(ingestion_mode="realtime"), Owner(task, 1), timing, freezes=freeze, faults=faults)
    while zombie.wakes_at < world.now + 500:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    assert run(world, attempt=2, ingestion_mode="realtime").error is None
    run_all(world, [zombie])
    assert zombie.result is not None
    assert zombie.result.source.data_source_id == "ds-1"
    assert zombie.said_of("could not be deleted; delete them: ds-2.")
