"""Change existing Copass data sources: their settings, a name, and which ones are no longer used.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra; sources of these names; and an Airflow Variable ``notion_api_key``. It runs on
Airflow 2.11 and on 3.1 and later.

What is as declared already is left as it is, so the second run only looks.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import DisconnectSourceOperator, UpdateSourceOperator

CHANGES: list[dict[str, Any]] = [
    {"provider": "linear", "name": "Backlog", "poll_interval_seconds": 1800},
    # The settings as a whole. A template gives the credential, and Airflow sees `{"api_key": "***"}`. The template has
    # no fallback: without the Variable the task fails, and the existing credential stays.
    {
        "provider": "notion",
        "name": "Handbook",
        "adapter_config": {"api_key": "{{ var.value.notion_api_key }}", "pages": ["Onboarding"]},
        "clear": ["poll_interval_seconds"],
    },
]
# A disconnected source cannot be resumed.
RETIRED = ["Old feed", "Older feed"]

with DAG(
    dag_id="example_copass_change_sources",
    description="Changes, renames and disconnects sources; the second run changes nothing.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
):
    # The grid shows a source's name in place of its number.
    change = UpdateSourceOperator.partial(task_id="change", map_index_template="{{ task.name }}").expand_kwargs(CHANGES)
    # The second run finds it under its new name. Its journal entry moves along with it.
    rename = UpdateSourceOperator(task_id="rename", provider="slack", name="Support", new_name="Customer support")
    retire = DisconnectSourceOperator.partial(
        task_id="retire", provider="custom", map_index_template="{{ task.name }}"
    ).expand(name=RETIRED)

    change >> rename >> retire
