"""A real task of a real scheduler is killed at every boundary of a registration, and Airflow's retry mends it."""

from collections.abc import Iterator

import pytest

from airflow_provider_copass.airflow_variables import PROBE
from airflow_provider_copass.registration.record import Closed, from_text
from tests.airflow.crash_points import LONG_LIST, SHORT_LIST, Kill, Point
from tests.airflow.crash_stage import Stage, check_mended, opened
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="the crashes are those of Airflow 3's task processes"),
]


@pytest.fixture(name="stage", scope="module")
def _stage(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("crashes"), migrated) as stage:
        yield stage


@pytest.fixture(name="played", scope="module")
def _played(stage: Stage) -> Stage:
    """The stage on which every point of the short list was played."""
    stage.play(SHORT_LIST, seconds=150)
    return stage


@pytest.mark.parametrize("point", SHORT_LIST, ids=str)
def test_killed_at_a_boundary_the_retry_mends_it(played: Stage, point: Point) -> None:
    """The task succeeds with one live source, its valid secret stored, its id in the XComs and its record closed."""
    check_mended(played, point)


@pytest.mark.parametrize("point", SHORT_LIST, ids=str)
def test_a_second_post_is_sent_only_where_the_first_had_no_effect(played: Stage, point: Point) -> None:
    """One request to register a source, but for the task that was killed before its own ever took effect."""
    lost = point.kills == (Kill("before", "POST"),)
    assert played.posts(point) == (2 if lost else 1)


def test_nothing_is_left_open(played: Stage) -> None:
    """There is a record for each identity and each is closed, and a secret for each source and no other."""
    keys = played.home.variable_keys()
    records = [key for key in keys if key.startswith("copass_record_") and key != PROBE]
    texts = [played.home.variable(name) or "" for name in records]
    assert len(records) == len(played.played)
    assert all(isinstance(from_text(text, name=name), Closed) for name, text in zip(records, texts, strict=True))
    assert len([key for key in keys if key.startswith("copass_webhook_secret_")]) == len(played.played)


@pytest.fixture(name="played_twice", scope="module")
def _played_twice(stage: Stage) -> Stage:
    """The stage on which every point of the long list was played."""
    stage.play(LONG_LIST, seconds=400)
    return stage


@pytest.mark.slow
@pytest.mark.parametrize("point", LONG_LIST, ids=str)
def test_killed_again_and_again_the_last_retry_mends_it(played_twice: Stage, point: Point) -> None:
    """A retry that is killed itself leaves what the next one can go on from."""
    check_mended(played_twice, point)
