"""Airflow's web server alone, which is all that the pages on connections need, on 2.11 and 3.x alike."""

from types import TracebackType
from typing import Self

import httpx

from tests.harness.airflow_home import AIRFLOW_3, AirflowHome, served_at
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.processes import Process, wait_for


class WebServer:
    """The web server of a migrated home, without a login, for a ``with`` block; entering waits until it answers.

    :param home: where it lives. Its settings are extended by those that this needs.
    :param port: where it listens; a free one by default.
    """

    def __init__(self, home: AirflowHome, *, port: int | None = None) -> None:
        self.home = home
        self._port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self._port}"
        if AIRFLOW_3:
            home.settings.update(served_at(self._port))
            self._command = home.command("api-server")
        else:
            home.settings.update(
                {
                    "API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
                    "WEBSERVER__BASE_URL": self.url,
                    "WEBSERVER__SECRET_KEY": home.keys.jwt,
                    "WEBSERVER__WEB_SERVER_HOST": LOOPBACK,
                    "WEBSERVER__WEB_SERVER_PORT": str(self._port),
                    "WEBSERVER__WORKERS": "1",
                    # On a busy machine a worker may be silent for longer than the usual two minutes.
                    "WEBSERVER__WEB_SERVER_MASTER_TIMEOUT": "900",
                    "WEBSERVER__WEB_SERVER_WORKER_TIMEOUT": "900",
                }
            )
            # Anyone who comes is an administrator: it listens on this machine alone.
            (home.path / "webserver_config.py").write_text('AUTH_ROLE_PUBLIC = "Admin"\nWTF_CSRF_ENABLED = True\n')
            self._command = home.command("webserver")

    def __enter__(self) -> Self:
        environment = {**self.home.environment, "HOME": str(self.home.path)}
        self._process = Process("web-server", self._command, environment=environment, folder=self.home.outputs)
        try:
            wait_for(self._answers, "an answer of Airflow's web server", seconds=300, alive=[self._process])
        except BaseException:
            self._process.end()
            raise
        return self

    def _answers(self) -> bool:
        try:
            path = "/api/v2/version" if AIRFLOW_3 else "/health"
            return httpx.get(f"{self.url}{path}", trust_env=False, timeout=10).is_success
        except httpx.TransportError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.end()
