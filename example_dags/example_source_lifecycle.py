"""Maintain a Copass data source: pause it, update it, resume it even if that fails, pull, and rotate its secret.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra. It runs on Airflow 2.11 and on 3.1 and later.
"""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_copass.operators import (
    PauseSourceOperator,
    PullSourceOperator,
    RegisterSourceOperator,
    ResumeSourceOperator,
    RotateWebhookSecretOperator,
    UpdateSourceOperator,
)

# A DAG that needs the new secret is scheduled on this asset, or reads its events: see docs/operators.md.
SECRET = Asset("copass://github/pull-requests/secret")

with DAG(
    dag_id="example_copass_source_lifecycle",
    description="Pauses, updates, resumes and pulls a source, and rotates its webhook secret.",
    schedule="@monthly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
):
    register = RegisterSourceOperator(
        task_id="register", provider="github", name="Pull requests", ingestion_mode="realtime"
    )
    # A source is given by its id, here from the task before, or by its provider and name.
    pause = PauseSourceOperator(task_id="pause", data_source_id="{{ ti.xcom_pull('register') }}").as_setup()
    resume = ResumeSourceOperator(task_id="resume", provider="github", name="Pull requests").as_teardown(setups=pause)

    @task
    def maintain() -> str:
        """Work while nothing comes in. The source is resumed even if this fails."""
        return "done"

    # Only what differs is sent: nothing in the second run.
    change = UpdateSourceOperator(
        task_id="change",
        provider="github",
        name="Pull requests",
        external_account_id="copass/app",
        adapter_config={"labels": ["bug", "docs"]},
        merge_adapter_config=True,
    )
    pull = PullSourceOperator(task_id="pull", provider="github", name="Pull requests")
    # The old secret is kept under the key with `_previous` appended, for a sender that does not have the new one yet.
    rotate = RotateWebhookSecretOperator(
        task_id="rotate", provider="github", name="Pull requests", keep_previous=True, outlets=[SECRET]
    )

    register >> pause >> maintain() >> change >> resume >> pull >> rotate
