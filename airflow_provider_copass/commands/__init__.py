"""The commands: ``airflow copass …`` (Airflow 3.2 and later), ``python -m airflow_provider_copass …`` anywhere."""

INTERRUPTED = 130
"""The exit code of a command that a person interrupts, as of a shell."""
