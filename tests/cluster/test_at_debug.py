"""A cluster at DEBUG: what Airflow itself prints of a secret, and that nothing else does."""

from collections.abc import Iterator

import pytest

from tests.cluster.stage import DAGS, Stage, Tortured, opened, torture
from tests.harness.airflow_home import AIRFLOW_3
from tests.harness.printed_lines import RECEIVED, printed

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

COUNT = 2


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    settings = {"LOGGING__LOGGING_LEVEL": "DEBUG", "LOGGING__CELERY_LOGGING_LEVEL": "DEBUG"}
    with opened(tmp_path_factory.mktemp("debug"), [DAGS / "torture.py"], settings=settings) as stage:
        yield stage


@pytest.fixture(name="round_", scope="module")
def _round(stage: Stage) -> Tortured:
    return torture(stage, count=COUNT, realtime=COUNT, kills=0)


def test_only_the_supervisor_of_a_worker_prints_a_secret(stage: Stage, round_: Tortured) -> None:
    """To its worker's output, on Airflow 3; no database, message of Redis' or log holds one, nor the token."""
    assert {stage.state(*run) for run in round_.runs.items()} == {"success"}
    values, outputs = stage.values(), stage.cluster.home.outputs
    leaks = stage.search(values).leaks
    assert [str(leak) for leak in leaks if leak.path.parent != outputs] == []
    found = printed(leaks, values, outputs)
    assert {(event, message) for _, event, message in found} == ({(RECEIVED, "PutVariable")} if AIRFLOW_3 else set())
    assert {file for file, *_ in found} <= {f"{name}.out" for name in stage.cluster.workers}


def test_the_outputs_are_at_debug(stage: Stage, round_: Tortured) -> None:
    """Else the test before would show nothing."""
    assert {stage.state(*run) for run in round_.runs.items()} == {"success"}
    outputs = [stage.cluster.home.outputs / f"{name}.out" for name in stage.cluster.workers]
    assert any("debug" in path.read_text(errors="replace").lower() for path in outputs)
