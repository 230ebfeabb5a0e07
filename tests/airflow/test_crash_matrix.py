"""A real task of a real scheduler is killed at every boundary of its work, and Airflow's retry finishes it."""

from collections.abc import Iterator, Sequence

import pytest

from airflow_provider_copass.registration.journal import Completed, entry_name, from_text
from airflow_provider_copass.registration.spec import Identity
from tests.airflow.crash_points import LONG_LIST, NAMES, OF_LISTS, ROTATIONS, SHORT_LIST, Kill, Point
from tests.airflow.crash_stage import PARALLELISM, Stage, check_mended, check_stored, opened
from tests.harness.airflow_home import AirflowHome

pytestmark = [pytest.mark.airflow, pytest.mark.crashes]


@pytest.fixture(name="stage", scope="module")
def _stage(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("crashes"), migrated) as stage:
        yield stage


SAMPLE = (*SHORT_LIST[2:5], ROTATIONS[-3], OF_LISTS[2], OF_LISTS[-2])
"""The points that `make test` plays: a POST that had no effect, had it late, or lost its answer; and the like of
a rotation and a list."""


def each(points: Sequence[Point]) -> pytest.MarkDecorator:
    """Run a test for each of these points; those that are not in the sample are for ``make test-airflow``."""
    marked = [pytest.param(point, marks=() if point in SAMPLE else pytest.mark.deep) for point in points]
    return pytest.mark.parametrize("point", marked, ids=str)


def asked_for(request: pytest.FixtureRequest, points: Sequence[Point]) -> list[Point]:
    """Return those of these points that a test of this session is about."""
    asked = {item.callspec.params.get("point") for item in request.session.items if hasattr(item, "callspec")}
    return [point for point in points if point in asked]


@pytest.fixture(name="played", scope="module")
def _played(stage: Stage, request: pytest.FixtureRequest) -> Stage:
    """The stage on which the points of the short list, the rotations and the lists were played.

    A few are played at once. Many are not: a task that is killed holds its place until Airflow has seen that.
    """
    short, rotations, lists = (asked_for(request, points) for points in (SHORT_LIST, ROTATIONS, OF_LISTS))
    stage.prepare(rotations, seconds=600)
    # Each list in a sandbox of its own.
    stage.emulator.seed(sandboxes=[point.word for point in lists])
    few = [*short, *rotations, *lists]
    for points in [few] if len(few) <= PARALLELISM else [short, rotations, lists]:
        stage.play(points, seconds=900)
    return stage


@each(SHORT_LIST)
def test_killed_at_a_boundary_the_retry_mends_it(played: Stage, point: Point) -> None:
    """The task succeeds with one live source, its valid secret stored, its id in the XComs and its entry completed."""
    check_mended(played, point)


@each(SHORT_LIST)
def test_a_second_post_is_sent_only_where_the_first_had_no_effect(played: Stage, point: Point) -> None:
    """One request to register a source, but for the task that was killed before its own ever took effect."""
    lost = point.kills == (Kill("before", "POST"),)
    assert played.posts(point) == (2 if lost else 1)


def test_nothing_is_left_open(played: Stage) -> None:
    """There is an entry for each identity and each is completed, and a secret for each source and no other."""
    keys = played.home.variable_keys()
    entries = {key: played.home.variable(key) for key in keys if key.startswith("copass_entry_")}
    sources = sum(len(NAMES) if point.act == "list" else 1 for point in played.played)
    assert len(entries) == sources
    assert all(isinstance(from_text(text, name=name), Completed) for name, text in entries.items())
    secrets = [key for key in keys if key.startswith("copass_webhook_secret_") and not key.endswith("_previous")]
    assert len(secrets) == sources


@each(ROTATIONS)
def test_a_rotation_that_was_killed_is_mended_by_the_retry(played: Stage, point: Point) -> None:
    """The valid secret is stored, the one before the task beside it; the key is pushed, and the entry completed."""
    played.check_tries(point)
    key = check_stored(played, point)
    [source] = played.live(point)
    assert played.xcoms(point) == {"return_value": source["data_source_id"], "stored_as": key}
    assert played.home.variable(f"{key}_previous") == played.before[point] != played.home.variable(key)


@each(ROTATIONS)
def test_no_more_is_rotated_than_it_takes(played: Stage, point: Point) -> None:
    """Once, and once more for each try that may have rotated and did not complete the entry."""
    # A retry does not keep the secret before it anew, so its first write is that of the new one.
    lost = {"before rotate 1", "before rotate 1 (late)", "after rotate 1", "before entry 3", "after entry 3"}
    lost |= {"before store 2", "after store 2", "after look past store 2", "before entry 4"}
    lost |= {"before store 1"} if len(point.kills) > 1 else set()
    assert played.rotations(point) == 1 + sum(str(kill) in lost for kill in point.kills)


@each(OF_LISTS)
def test_a_list_that_was_killed_is_mended_by_the_retry(played: Stage, point: Point) -> None:
    """Each source exists once, its valid secret is stored, the XComs name it, and its entry is completed."""
    played.check_tries(point)
    live = {source["name"]: source["data_source_id"] for source in played.live(point)}
    assert sorted(live) == list(NAMES)
    assert len(played.live(point)) == len(NAMES)
    xcoms = played.xcoms(point)
    assert xcoms["return_value"] == [live[name] for name in NAMES]
    assert xcoms["stored_as"] == [f"copass_webhook_secret_{live[name]}" for name in NAMES]
    for source_id, key in zip(xcoms["return_value"], xcoms["stored_as"], strict=True):
        secret = played.home.variable(key)
        assert secret is not None
        assert played.emulator.verify_secret(source_id, secret)
    for source_name, source_id in live.items():
        name = entry_name(Identity(point.word, point.word, source_name))
        entry = from_text(played.home.variable(name), name=name)
        assert isinstance(entry, Completed)
        assert entry.source_id == source_id


@each(OF_LISTS)
def test_no_post_of_a_list_is_repeated_that_had_an_effect(played: Stage, point: Point) -> None:
    """Three requests for three sources, and one more where the first was killed before it took effect."""
    lost = point.kills == (Kill("before", "POST", 2),)
    assert played.posts(point) == len(NAMES) + lost


@pytest.fixture(name="played_twice", scope="module")
def _played_twice(stage: Stage) -> Stage:
    """The stage on which every point of the long list was played."""
    stage.play(LONG_LIST, seconds=900)
    return stage


@pytest.mark.slow
@pytest.mark.parametrize("point", LONG_LIST, ids=str)
def test_killed_again_and_again_the_last_retry_mends_it(played_twice: Stage, point: Point) -> None:
    """A retry that is killed itself leaves what the next one can go on from."""
    check_mended(played_twice, point)
