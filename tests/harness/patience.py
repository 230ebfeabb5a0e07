"""How long a writer waits for another one: SQLite has one at a time. Airflow imports this itself, by its setting."""

PATIENCE = {"timeout": 60}
"""In seconds, as SQLite's driver takes it."""
