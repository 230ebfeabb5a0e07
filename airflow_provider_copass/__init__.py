"""Apache Airflow provider for Copass: a hook, operators and secret stores for Copass data sources.

PYTEST_DONT_REWRITE: there is a pytest plugin in here, and pytest warns where a plugin's package was imported before it,
unless this word says that there is nothing to rewrite.
"""

__version__ = "0.1.0"
