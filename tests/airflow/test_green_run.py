"""The example DAG's run in a real browser: green, with the XComs that a person looks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.browser import CHROMIUM, WHY_NOT, Pictures, opened_browser
from tests.harness.emulator import Emulator
from tests.harness.processes import CHECKOUT

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="the page is that of Airflow 3.3"),
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]

DAG_ID = "example_copass_register_source"


@dataclass
class Ran:
    """A run that is over, and a browser that looks at it.

    :param source_ids: what its tasks returned.
    """

    page: Page
    url: str
    source_ids: list[str]
    pictures: Pictures


@pytest.fixture(name="ran", scope="module")
def _ran(
    tmp_path_factory: pytest.TempPathFactory, migrated: AirflowHome, request: pytest.FixtureRequest
) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("green")
    with Emulator(folder) as emulator:
        home = AirflowHome(
            folder / "home",
            dags=CHECKOUT / "example_dags",
            connections={"copass_default": emulator.connection()},
            settings={"SCHEDULER__USE_JOB_SCHEDULE": "False"},
        )
        home.copy_database(migrated)
        with Airflow(home) as airflow, opened_browser(width=1720, height=760) as page:
            airflow.wait_healthy()
            airflow.wait_dags(["example_register_source.py"])
            run_id = airflow.trigger(DAG_ID)
            airflow.wait_run(DAG_ID, run_id)
            registered = home.xcoms(DAG_ID, run_id, "register")
            page.goto(airflow.url)
            page.get_by_role("button", name="Admin").wait_for()
            yield Ran(
                page,
                f"{airflow.url}/dags/{DAG_ID}/runs/{quote(run_id)}",
                [xcoms["return_value"] for xcoms in registered.values()],
                Pictures(request.config.getoption("--screenshots")),
            )


def test_the_run_and_its_tasks_are_green(ran: Ran) -> None:
    """Every task of it is there, and says Success."""
    ran.page.goto(ran.url)
    for task in ("register", "set_up_senders"):
        expect(ran.page.get_by_role("table").get_by_text(task).first).to_be_visible()
    expect(ran.page.get_by_role("table").get_by_text("Success")).to_have_count(3)
    # A mapped task is called by its source, and not 0 and 1.
    for name in ("Support channel", "Issue tracker"):
        expect(ran.page.get_by_role("table").get_by_text(name)).to_be_visible()
    # Nothing of the table is beyond the right edge of what is around it, so the picture shows it whole.
    hidden = "table => Math.max(...[table, table.parentElement].map(each => each.scrollWidth - each.clientWidth))"
    assert ran.page.get_by_role("table").evaluate(hidden) <= 0
    ran.pictures.take(ran.page, "green-run")


def test_the_id_of_the_source_is_there_to_be_seen(ran: Ran) -> None:
    """The first mapped task's XComs show it, and no secret."""
    ran.page.goto(f"{ran.url}/tasks/register/mapped/0/xcom")
    expect(ran.page.get_by_text(ran.source_ids[0]).first).to_be_visible()
    expect(ran.page.get_by_text("copass_webhook_secret_").first).to_be_visible()
    assert "webhook_signing_secret" not in ran.page.content()
