"""Tasks whose ``adapter_config`` gets a credential from a Variable, in each way that a task can be written."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

CREDENTIAL = "{{ var.value.copass_test_credential }}"
CONFIG = {"channels": ["C1"], "auth": {"api_key": CREDENTIAL, "pin": "{{ 12345 }}"}}

with DAG("rendered", schedule=None, render_template_as_native_obj=False):
    RegisterSourceOperator(task_id="as_object", name="object", provider="slack", adapter_config=CONFIG)
    RegisterSourceOperator(
        task_id="as_text", name="text", provider="slack", adapter_config='{"api_key": "' + CREDENTIAL + '"}'
    )
    RegisterSourceOperator.partial(task_id="mapped", provider="slack", adapter_config=CONFIG).expand(name=["m1", "m2"])
    RegisterSourceOperator.partial(task_id="mapped_config", provider="slack", name="own").expand(
        adapter_config=[{"mapped_key": CREDENTIAL}]
    )
