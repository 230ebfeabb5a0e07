"""Feed a Copass data source from a DAG: register it once, ingest what each run extracts, and wait until it is in.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra; and a triggerer. It runs on Airflow 2.11 and on 3.1 and later.
"""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.operators import IngestTextOperator, RegisterSourceOperator
from airflow_provider_copass.sensors import IngestJobSensor

with DAG(
    dag_id="example_copass_feed_source",
    description="Ingests what the DAG extracts into a source of its own, and tells how fresh the source is.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
):
    # Copass fetches nothing for a custom source: it has what this DAG gives it.
    register = RegisterSourceOperator(task_id="register", provider="custom", name="Meeting notes")

    @task
    def extract() -> list[str]:
        """Return the notes of the day; here you would read them from where they are written.

        What a task returns is an XCom, in plain text in Airflow's database. The operator below adds no other copy.
        """
        return [
            "Ada: the release moves to Monday, for the audit is not over.",
            "Grace: the audit needs the access logs of March.",
            "Linus: I have sent the access logs of March to the auditors.",
        ]

    # Each note becomes a job. A note that is sent twice is ingested twice, so once Copass may have taken one, whatever
    # fails ends this task for good, without a retry; its message says which notes are missing.
    ingest = IngestTextOperator(
        task_id="ingest",
        data_source_id=register.output,
        text=extract(),
        participants=["Ada", "Grace", "Linus"],
    )

    # Waiting may be retried as often as it takes. In the triggerer it holds no worker.
    ingested = IngestJobSensor.partial(
        task_id="ingested",
        poke_interval=10,
        timeout=3600,
        deferrable=True,
        map_index_template="{{ task.job_id }}",
    ).expand(job_id=ingest.output)

    @task
    def tell_freshness(data_source_id: str, job_ids: list[str]) -> str:
        """Return a line about the source; here you would stamp a dashboard with it.

        Copass stamps ``last_sync_at`` when it accepts a text. By now all of them are in the graph, too.
        """
        with CopassHook() as hook:
            source = hook.get_source(data_source_id)
        if source.last_sync_at is None:
            raise ValueError("Copass took the notes, and says that the source has never synced.")
        return f"{len(job_ids)} notes are new in {source.name}, as of {source.last_sync_at.isoformat()}."

    # A day without notes ends here: there is no job to wait for, so Airflow skips the rest.
    tell_freshness(register.output, ingested.output)
