"""Apache Airflow provider for Copass: a hook, operators and secret stores for Copass data sources."""

__version__ = "0.1.0"
