"""Two DAGs with two mapped groups each, and all four ask for the same sources."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, TaskGroup, task

from airflow_provider_copass.operators import RegisterSourceOperator


@task
def declared(params: dict[str, object] | None = None) -> list[dict[str, object]]:
    """Return the sources of this round: the first ones are realtime, the others are polled."""
    asked = params or {}
    return [
        {
            "name": f"{asked['word']} {index}",
            "ingestion_mode": "realtime" if index < int(str(asked["realtime"])) else "polling",
        }
        for index in range(int(str(asked["count"])))
    ]


for dag_id in ("torture_one", "torture_two"):
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        default_args={"retries": 15, "retry_delay": timedelta(seconds=5)},
    ):
        sources = declared()
        for side in ("left", "right"):
            with TaskGroup(side):
                RegisterSourceOperator.partial(
                    task_id="register",
                    provider="slack",
                    adapter_config={"api_key": "{{ var.value.made_up_credential }}", "channel": "support"},
                ).expand_kwargs(sources)
