"""Keep a list of Copass data sources in place, declared in a file beside this one.

What it needs: an Airflow connection ``copass_default`` of type ``copass``, with a token as its password and
``{"sandbox_id": "..."}`` as its extra; and an Airflow Variable ``github_access_token``. It runs on Airflow 2.11 and on
3.1 and later.

One task registers the whole list, with one request for each missing source. If some fail, the others are registered,
and the retry works on the failed ones. With ``{"plan_only": true}`` as the run's configuration the task logs what it
would do, and changes nothing.
"""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourcesOperator

with DAG(
    dag_id="example_copass_register_sources",
    description="Registers a list of Copass data sources, once, however often it runs.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["copass", "example"],
    params={"plan_only": False},
):
    RegisterSourcesOperator(
        task_id="register",
        manifest="example_sources.yaml",
        if_exists="update",
        plan_only="{{ params.plan_only }}",
    )
