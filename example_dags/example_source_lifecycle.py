"""Maintenance of a Copass data source: pause it, change it, resume it whatever came of that, pull, rotate its secret.

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

# Who has to know of a new secret schedules on this, or reads its events: see docs/operators.md.
SECRET = Asset("copass://github/pull-requests/secret")

with DAG(
    dag_id="example_copass_source_lifecycle",
    description="Pauses, changes, resumes and pulls a source, and rotates its webhook secret.",
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
    # A source is named by its id, here of the task before, or by its provider and name.
    pause = PauseSourceOperator(task_id="pause", data_source_id="{{ ti.xcom_pull('register') }}").as_setup()
    resume = ResumeSourceOperator(task_id="resume", provider="github", name="Pull requests").as_teardown(setups=pause)

    @task
    def maintain() -> str:
        """Work while nothing comes in. Whether it fails or not, the source is resumed."""
        return "done"

    # Sent where it differs: the second run finds it as declared, and sends nothing.
    change = UpdateSourceOperator(
        task_id="change",
        provider="github",
        name="Pull requests",
        external_account_id="copass/app",
        adapter_config={"labels": ["bug", "docs"]},
        merge_adapter_config=True,
    )
    pull = PullSourceOperator(task_id="pull", provider="github", name="Pull requests")
    # The old secret stays under the same key with `_previous` behind it, for a sender that has not got the new one yet.
    rotate = RotateWebhookSecretOperator(
        task_id="rotate", provider="github", name="Pull requests", keep_previous=True, outlets=[SECRET]
    )

    register >> pause >> maintain() >> change >> resume >> pull >> rotate
