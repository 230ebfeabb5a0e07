"""Keep a set of Copass data sources in place.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra. It runs on Airflow 2.11 and on 3.1 and later.

The sources are looked up before anything is registered: the first run makes what is missing, every later one finds it
and makes nothing. So the schedule is no danger; it repairs what somebody removed.
"""

from datetime import UTC, datetime
from typing import Any

# One import path for both major versions. On Airflow 3 alone it may be `from airflow.sdk import DAG, Variable, task`.
from airflow.providers.common.compat.sdk import DAG, Variable, task

from airflow_provider_copass.operators import RegisterSourceOperator

# To add a source, add an entry. A name is what a source is recognized by (with its provider and sandbox): renaming an
# entry registers another source, and so would a name with {{ ds }} in it, day after day.
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
    # Two runs at once are safe, but the second would only wait for the first.
    max_active_runs=1,
    # A retry is safe too, even when the answer to the request was lost: it looks first.
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
):
    # One mapped task per source, each with its own log and its own retries.
    register = RegisterSourceOperator.partial(task_id="register").expand_kwargs(SOURCES)

    @task
    def set_up_senders(secret_keys: list[str]) -> int:
        """Give each webhook's sender its secret, and return how many there are.

        Copass shows a webhook secret once; the task above has put it into an Airflow Variable. What travels between
        tasks (XCom `stored_as`) is the Variable's key. The secret itself is read here, where it is used: do not return
        it, log it or push it, since XComs lie in the database as plain text.
        """
        senders = 0
        for key in secret_keys:
            headers = {"Authorization": f"Bearer {Variable.get(key)}"}
            # This is where the sender would be told, e.g. with a call of its own API. Here we only look at the header.
            if len(headers["Authorization"]) <= len("Bearer "):
                raise ValueError(f"The Variable {key} is empty.")
            senders += 1
        return senders

    # The polling source has no secret and so no `stored_as`: the list holds the keys that there are.
    set_up_senders(register.output["stored_as"])
