"""A secrets backend that cannot be reached."""

from airflow.secrets import BaseSecretsBackend


class FailingBackend(BaseSecretsBackend):
    """Raises whatever it is asked for a connection, as one does whose server is down."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Fail, in words that nobody is to see."""
        raise ConnectionError(f"canary: no {conn_id} for {team_name}")
