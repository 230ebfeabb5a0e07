"""A Copass data source for the length of one run: created before the work and deleted after it, even if the work fails.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra. It runs on Airflow 2.11 and on 3.1 and later.
"""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.operators import DeleteSourceOperator, RegisterSourceOperator

with DAG(
    dag_id="example_copass_ephemeral_source",
    description="Registers a source for one run, and deletes it at the end.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    doc_md=__doc__,
    tags=["copass", "example"],
    params={"fails": False},
):
    register = RegisterSourceOperator(
        task_id="register",
        provider="custom",
        # Every run has a source of its own.
        name="Backfill of {{ run_id }}",
        ingestion_mode="realtime",
        kind="ephemeral",
        retries=2,
    ).as_setup()

    @task
    def load(params: dict[str, bool] | None = None) -> None:
        """Send something to the source. Here it only fails, if the run is asked to."""
        if params and params["fails"]:
            raise ValueError("The load failed; the source is deleted anyway.")

    delete = DeleteSourceOperator(
        task_id="delete",
        data_source_id=register.output,
        # What was ingested stays, unless purge_knowledge=True.
        remove_secret=True,
        retries=2,
    ).as_teardown(setups=register)

    register >> load() >> delete
