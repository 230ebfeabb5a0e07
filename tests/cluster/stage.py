"""The stage of the cluster's tests: a cluster, an emulated account behind a wiretap, and what they are searched for."""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.registration.journal import Completed, from_text
from tests.harness import cluster as harness
from tests.harness import leak_search
from tests.harness.airflow_processes import TaskOutcome
from tests.harness.cluster import Cluster
from tests.harness.database_servers import Redis
from tests.harness.processes import CHECKOUT, NotReadyError, wait_for
from tests.harness.wiretap import Wiretap

DAGS = CHECKOUT / "tests" / "cluster" / "dags"
SANDBOX = "sb_demo"
CREDENTIAL = "made_up_credential"
"""The Variable that a DAG's ``adapter_config`` gets a credential from."""
ENDED = {"success", "failed"}


@dataclass
class Stage:
    """What the tests of a module share."""

    cluster: Cluster
    redis: Redis
    emulator: Emulator
    tap: Wiretap
    folder: Path
    credential: str
    kills: list[str] = field(default_factory=list)

    def kill_worker(self, name: str) -> None:
        """Cut the power of a worker's host."""
        self.cluster.kill(name)
        self.kills.append(name)

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        [(state,)] = self.cluster.home.rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return str(state)

    def wait_ended(self, runs: Mapping[str, str], *, seconds: float) -> None:
        """Wait until each of these runs, by their DAGs, is over in whichever state."""
        wait_for(
            lambda: all(self.state(*run) in ENDED for run in runs.items()),
            f"the end of {', '.join(runs)}",
            seconds=seconds,
            interval=1,
            alive=self.cluster.processes,
        )

    def wait_success(self, dag_id: str, run_id: str, *, seconds: float) -> list[TaskOutcome]:
        """Wait until a run has succeeded, and return its tasks.

        :raises AssertionError: if it fails, with the log of the first task that did.
        """
        self.wait_ended({dag_id: run_id}, seconds=seconds)
        tasks = self.tasks(dag_id, run_id)
        failed = [task for task in tasks if task.state == "failed"]
        assert self.state(dag_id, run_id) == "success", self.cluster.log_of(dag_id, run_id, failed[0])[-3000:]
        return tasks

    def tasks(self, dag_id: str, run_id: str) -> list[TaskOutcome]:
        """Return the task instances of a run; the REST API tells a hundred at most."""
        query = "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?"
        rows = self.cluster.home.rows(query, dag_id, run_id)
        return sorted((TaskOutcome(a, b, c or "none", d) for a, b, c, d in rows), key=str)

    def until(self, condition: Any, what: str, seconds: float = 180) -> Any:
        """Wait for something, while the cluster runs."""
        return wait_for(condition, what, seconds=seconds, interval=0.3, alive=self.cluster.processes)

    def live(self, word: str) -> dict[str, list[str]]:
        """Return the ids of the live sources of a word, by their names."""
        found: dict[str, list[str]] = {}
        for source in self.emulator.sources():
            is_live = not source["deleted"] and source["status"] not in {"archived", "disconnected"}
            if is_live and (source["name"] == word or source["name"].startswith(f"{word} ")):
                found.setdefault(source["name"], []).append(source["data_source_id"])
        return found

    def doubled(self, word: str) -> dict[str, list[str]]:
        """Return the sources of a word that are there more than once."""
        return {name: ids for name, ids in self.live(word).items() if len(ids) > 1}

    def without_valid_secret(self, source_ids: Collection[str]) -> list[str]:
        """Return the sources whose stored secret is missing, or void."""
        bad = []
        for source_id in source_ids:
            secret = self.cluster.home.variable(f"copass_webhook_secret_{source_id}")
            if secret is None or not self.emulator.verify_secret(source_id, secret):
                bad.append(source_id)
        return bad

    def pending(self) -> list[str]:
        """Return the journal entries that are not completed."""
        names = [key for key in self.cluster.home.variable_keys() if key.startswith("copass_entry_")]
        texts = {name: self.cluster.home.variable(name) for name in names}
        return [name for name in names if not isinstance(from_text(texts[name], name=name), Completed)]

    def count(self, operation: str) -> int:
        """Count the requests of an operation."""
        return len(self.emulator.requests(operation))

    def values(self) -> dict[str, str]:
        """Return all that may be nowhere: the token, the credential, and each secret that was ever in an answer."""
        tapped = {f"secret {number}": each for number, each in enumerate(sorted(self.tap.secrets()))}
        return {"token": self.emulator.token, "credential": self.credential, **tapped}

    def search(self, values: Mapping[str, str]) -> leak_search.Outcome:
        """Search the dumps of both databases, every command that Redis got, and all logs and outputs."""
        servers = self.folder / "servers"
        self.cluster.home.postgres.dump(servers / "dump.sql")
        self.redis.dump(servers / "redis-keys.txt")
        return leak_search.search([self.folder], values)


@contextmanager
def opened(folder: Path, files: Collection[Path], *, timeout: float = 120, **options: Any) -> Iterator[Stage]:
    """Start a cluster and an emulated account, and end them.

    :param folder: for all that they write.
    :param files: DAG files.
    :param timeout: of the connection, in seconds.
    :param options: of :func:`tests.harness.cluster.opened`.
    """
    credential = f"cred_{secrets.token_hex(8)}/+%~{secrets.token_hex(4)}"
    token = f"olk_{secrets.token_hex(8)}/+%~{secrets.token_hex(4)}"
    with Emulator(token, any_sandbox=True) as emulator, Wiretap(emulator.url) as tap:
        url = httpx.URL(tap.url)
        extra = {"sandbox_id": SANDBOX, "timeout": timeout}
        connection = {
            "conn_type": "copass",
            "schema": "http",
            "host": url.host,
            "port": url.port,
            "password": token,
            "extra": json.dumps(extra),
        }
        with harness.opened(folder / "cluster", files=files, connections={"copass_default": connection}, **options) as (
            cluster,
            redis,
        ):
            kept = folder / "variables.json"
            kept.write_text(json.dumps({CREDENTIAL: credential}), encoding="utf-8")
            cluster.home.airflow("variables", "import", str(kept))
            kept.unlink()
            cluster.wait_dags([file.name for file in files if file.suffix == ".py"])
            stage = Stage(cluster, redis, emulator, tap, folder / "cluster", credential)
            yield stage


@dataclass
class Tortured:
    """A round of the torture, once it is over."""

    word: str
    count: int
    realtime: int
    runs: dict[str, str]


def torture(stage: Stage, *, count: int, realtime: int, kills: int, seconds: float = 1500) -> Tortured:
    """Let two DAGs ask for the same sources while workers are killed, and wait until both are over.

    Each answer to a registration is held back after it took effect. A worker is killed when two at least wait, or after
    a minute; then those that wait are sent.
    """
    word = f"round{secrets.token_hex(3)}"
    held = stage.emulator.add_fault(operation="register", when="after", action="hold", times=None)
    conf = {"word": word, "count": count, "realtime": realtime}
    runs = {dag_id: stage.cluster.trigger(dag_id, conf) for dag_id in ("torture_one", "torture_two")}
    for number in range(kills):
        victim = stage.cluster.workers[number % len(stage.cluster.workers)]

        def two_wait() -> bool:
            [row] = stage.emulator.faults(held)
            over = all(stage.state(*run) in ENDED for run in runs.items())
            return row["waiting"] >= 2 or over

        with suppress(NotReadyError):
            stage.until(two_wait, "two answers that wait", seconds=60)
        if all(stage.state(*run) in ENDED for run in runs.items()):
            break
        stage.kill_worker(victim)
        stage.emulator.release(held)
        stage.cluster.restart_worker(victim)
    stage.emulator.clear_faults()
    stage.wait_ended(runs, seconds=seconds)
    return Tortured(word, count, realtime, runs)
