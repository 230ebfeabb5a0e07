"""Keep a set of Copass data sources in place.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra. It runs on Airflow 2.11 and on 3.1 and later.

The first run creates the missing sources, and every later one reuses them. So it is safe on a schedule, and it creates
again what somebody has deleted.
"""

from datetime import UTC, datetime
from typing import Any

# One import path for both major versions. On Airflow 3 alone it may be `from airflow.sdk import DAG, Variable, task`.
from airflow.providers.common.compat.sdk import DAG, Variable, task

from airflow_provider_copass.operators import RegisterSourceOperator

# To add a source, add an entry. A source is recognised by its sandbox, provider and name: an entry with another name
# registers another source, and a name with {{ ds }} in it registers one every day.
SOURCES: list[dict[str, Any]] = [
    {
        "name": "Support channel",
        "provider": "slack",
        # Slack pushes each message to the source's webhook. Only such a source has a webhook secret.
        "ingestion_mode": "realtime",
        "external_account_id": "T0123456789",
    },
    {
        "name": "Issue tracker",
        "provider": "linear",
        # Copass asks Linear for news every quarter of an hour.
        "ingestion_mode": "polling",
        "poll_interval_seconds": 900,
    },
]

with DAG(
    dag_id="example_copass_register_source",
    description="Registers Copass data sources, once, however often it runs.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two runs at once are safe, but the second one only waits for the first.
    max_active_runs=1,
    # A retry is safe too, even if a response was lost.
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
):
    # One mapped task per source, each with its own log and its own retries. The grid shows a source's name in place of
    # its number.
    register = RegisterSourceOperator.partial(task_id="register", map_index_template="{{ task.name }}").expand_kwargs(
        SOURCES
    )

    @task
    def set_up_senders(sources: list[dict[str, Any]], secret_keys: list[str]) -> int:
        """Send each webhook its first event, with its secret, and return how many there are.

        Copass shows a webhook secret once; the task above has stored it in an Airflow Variable. The XCom `stored_as`
        is the Variable's key. Read the secret here, where it is used. Do not return, log or push it: XComs are plain
        text in the database.
        """
        # Here and not above: what a DAG file imports slows down each parse.
        import httpx

        # By its id, which is in the key: a source without a secret, as the polling one, has no key in the list.
        by_id = {source["data_source_id"]: source for source in sources}
        for key in secret_keys:
            receiver = by_id[key.removeprefix("copass_webhook_secret_")]
            headers = {"Authorization": f"Bearer {Variable.get(key)}"}
            event = {"text": f"{receiver['name']} is connected."}
            httpx.post(receiver["webhook_url"], json=event, headers=headers, timeout=30).raise_for_status()
        return len(secret_keys)

    set_up_senders(register.output["source"], register.output["stored_as"])
