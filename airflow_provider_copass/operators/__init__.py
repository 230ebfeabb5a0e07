"""The operators: a file per act. Importing them costs a DAG parse next to nothing."""

from airflow_provider_copass.operators.register_source import RegisterSourceOperator

__all__ = ["RegisterSourceOperator"]
