"""What users do in the tests of their DAGs: stop the clock, call the hook, hand sources from task to task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from tests.harness.airflow_home import AIRFLOW_VERSION
from tests.harness.own_words import WARNINGS
from tests.pytest_plugin.users_pytest import pytest_of_a_user

# What this Airflow warns of without us is no error.
OWN = [f"-W{warning.as_filter()}" for warning in WARNINGS]

STOPPED = {
    "freezegun": ("from freezegun import freeze_time", "@freeze_time('2026-03-01T12:00:00Z')"),
    "time-machine": ("import time_machine", "@time_machine.travel('2026-03-01T12:00:00Z', tick=False)"),
}
# Airflow itself cannot be imported with freezegun's clock, nor Airflow before 3.2 map its tables.
AIRFLOW = "from airflow.providers.common.compat.sdk import BaseHook, BaseOperator\n"
if AIRFLOW_VERSION < (3, 2):
    AIRFLOW += "import airflow.models\nairflow.models.import_all_models()\n"
    AIRFLOW += "import sqlalchemy.orm\nsqlalchemy.orm.configure_mappers()\n"
USES = """
    with CopassHook() as hook:
        made = hook.register_source(provider='slack', name=name, ingestion_mode='realtime', poll_interval_seconds=60)
        assert made.created_at is not None
        [source] = [each for each in hook.list_sources() if each.name == name]
        assert source.summary()['created_at'] == source.created_at.isoformat().replace('+00:00', 'Z')
        assert hook.pull_source(made.data_source_id, since=datetime.now(UTC)).job_id
        assert hook.update_source(made.data_source_id, external_account_id='T1').external_account_id == 'T1'
"""


@pytest.mark.parametrize(
    ("library", "is_imported"),
    [
        pytest.param("freezegun", False, id="freezegun, first imported while it is stopped"),
        pytest.param("freezegun", True, id="freezegun, imported before", marks=pytest.mark.deep),
        pytest.param("time-machine", False, id="time-machine, first imported", marks=pytest.mark.deep),
        pytest.param("time-machine", True, id="time-machine, imported before", marks=pytest.mark.deep),
    ],
)
def test_the_clock_may_be_stopped_at_the_first_use(tmp_path: Path, library: str, is_imported: bool) -> None:
    """The models are built then; they serve the tests after it, whose clock runs, as well."""
    importing, stopping = STOPPED[library]
    hook = "from airflow_provider_copass.hooks import CopassHook\n"
    inner = "" if is_imported else f"    {hook}"
    done = pytest_of_a_user(
        tmp_path,
        f"{AIRFLOW}from datetime import UTC, datetime\n{importing}\n{hook if is_imported else ''}"
        f"{stopping}\n"
        f"def test_stopped(copass_emulator):\n    name = 'stopped'\n{inner}{USES}"
        f"    assert made.created_at.isoformat() == '2026-03-01T12:00:00+00:00'\n"
        f"def test_running(copass_emulator):\n    name = 'running'\n{inner}{USES}"
        f"    assert made.created_at.year > 2026 or made.created_at.month != 3 or made.created_at.hour != 12\n",
        *OWN,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "2 passed" in done.stdout


def test_a_hook_that_nobody_closes_gives_no_warning(tmp_path: Path) -> None:
    """As on the page: a hook that is used in one line, all warnings being errors."""
    done = pytest_of_a_user(
        tmp_path,
        "from airflow_provider_copass.hooks import CopassHook\n"
        "def test_it(copass_emulator):\n"
        "    assert CopassHook().list_sources() == []\n"
        "def test_kept_until_the_end(copass_emulator):\n"
        "    global kept\n"
        "    kept = CopassHook()\n"
        "    assert kept.list_sources() == []\n",
        *OWN,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "2 passed" in done.stdout
    assert "ResourceWarning" not in done.stdout + done.stderr


def test_a_summary_is_plain_json(copass_emulator: Emulator) -> None:
    """It can be an XCom: the next task gets what this one returned, without secret and ``adapter_config``."""
    with CopassHook() as hook:
        config = {"auth": {"access": "canary"}}
        source = hook.register_source(provider="slack", name="n", ingestion_mode="realtime", adapter_config=config)
        listed = [each.summary() for each in hook.list_sources()]
    assert source.webhook_signing_secret is not None
    summary = source.summary()
    text = json.dumps(summary)
    assert json.loads(text) == summary
    assert listed == [summary]
    assert "adapter_config" not in summary
    assert "webhook_signing_secret" not in summary
    assert "canary" not in text
    assert source.webhook_signing_secret.get_secret_value() not in text
    assert summary["data_source_id"] == source.data_source_id
    assert {type(value) for value in summary.values()} <= {str, int, type(None)}


@pytest.mark.parametrize("method", ["register_source", "list_sources", "get_source"])
def test_the_hook_s_words_lead_to_the_summary(method: str) -> None:
    """Where a model is returned, the docstring says what to return from a task."""
    assert "summary()" in (CopassHook.__doc__ or "")
    assert "summary()" in (getattr(CopassHook, method).__doc__ or "")
