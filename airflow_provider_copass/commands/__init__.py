"""The commands: ``airflow copass …`` (Airflow 3.2 and later), ``python -m airflow_provider_copass …`` anywhere."""
