"""A run by an asset event in a real browser: it says so, and shows the sync that it is for."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.airflow.triggerer_stage import staged
from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.browser import CHROMIUM, WHY_NOT, Pictures, opened_browser
from tests.harness.processes import CHECKOUT

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="the page is that of Airflow 3.3"),
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]

EXAMPLE = CHECKOUT / "example_dags" / "example_react_to_sync.py"
DAG_ID = "example_copass_react_to_sync"
RUNS = f"dags/{DAG_ID}/dagRuns"


@dataclass
class Ran:
    """A run that an event has started, and a browser that looks at it."""

    page: Page
    url: str
    pictures: Pictures


@pytest.fixture(name="ran", scope="module")
def _ran(
    tmp_path_factory: pytest.TempPathFactory, migrated: AirflowHome, request: pytest.FixtureRequest
) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("reacts")
    # The same with looks that come sooner.
    copy = folder / EXAMPLE.name
    text, key = EXAMPLE.read_text(encoding="utf-8"), 'key="support_channel"'
    assert key in text
    copy.write_text(text.replace(key, f"{key}, poll_interval=2"), encoding="utf-8")
    with staged(folder, migrated, [copy]) as stage:
        [source_id] = stage.emulator.seed([{"provider": "slack", "name": "Support channel"}])
        stage.look_more("sb_demo", 3)
        stage.sync([source_id])
        stage.until(lambda: stage.airflow.request("GET", RUNS)["dag_runs"], "a run")
        [run] = stage.airflow.request("GET", RUNS)["dag_runs"]
        stage.airflow.wait_run(DAG_ID, run["dag_run_id"])
        with opened_browser(width=1720, height=760) as page:
            page.goto(stage.airflow.url)
            page.get_by_role("button", name="Admin").wait_for()
            yield Ran(
                page,
                f"{stage.airflow.url}/dags/{DAG_ID}/runs/{quote(run['dag_run_id'])}",
                Pictures(request.config.getoption("--screenshots")),
            )


def test_the_run_says_that_an_event_has_started_it(ran: Ran) -> None:
    """It is green, and its event is one of the asset, sent by a trigger."""
    ran.page.goto(f"{ran.url}/asset_events")
    expect(ran.page.get_by_text("Success").first).to_be_visible()
    expect(ran.page.get_by_text("Asset Triggered").first).to_be_visible()
    expect(ran.page.get_by_text("support_channel").first).to_be_visible()
    expect(ran.page.get_by_text("Source: Trigger").first).to_be_visible()
    ran.pictures.take(ran.page, "asset-run")
