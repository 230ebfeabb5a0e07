"""Tasks that fail while their fields are rendered, with a credential in one of them."""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator

LITERAL = "canary-literal"
CALLED_BACK = "called back with: "
# In parts, so that nothing but rendering makes it.
RENDERED = "{{ 'canary-' ~ 'rendered' }}"


def tell(context: Any) -> None:
    """Print the field as a callback, which may log it or send it on, gets to see it."""
    print(f"{CALLED_BACK}{context['task'].adapter_config}")  # noqa: T201 - read by the test


@task(show_return_value_in_logs=False)
def configs() -> list[dict[str, Any]]:
    """Make what a task is mapped over."""
    return [{"adapter_config": {"bot": LITERAL, "path": "{{ nothing.attribute }}"}}]


with DAG("unrendered", schedule=None):
    RegisterSourceOperator(
        task_id="undefined",
        name="a",
        provider="slack",
        adapter_config={"bot": LITERAL, "path": "{{ nothing.attribute }}"},
        on_failure_callback=tell,
    )
    RegisterSourceOperator(
        task_id="telling",
        name="a",
        provider="slack",
        adapter_config={"bot": "{{ ['x'][" + RENDERED[2:-2] + "].attribute }}"},
        on_failure_callback=tell,
    )
    RegisterSourceOperator(
        task_id="later",
        name="{{ nothing.attribute }}",
        provider="slack",
        adapter_config={"bot": LITERAL},
        on_failure_callback=tell,
    )
    RegisterSourceOperator(
        task_id="before",
        name="a",
        provider="slack",
        adapter_config={"bot": RENDERED},
        store_as="{{ nothing.attribute }}",
        on_failure_callback=tell,
    )
    RegisterSourcesOperator(
        task_id="listed",
        sources=[
            {"provider": "slack", "name": "a", "adapter_config": {"bot": LITERAL, "x": "{{ nothing.attribute }}"}}
        ],
    )
    RegisterSourceOperator.partial(task_id="mapped", name="a", provider="slack").expand_kwargs(configs())
