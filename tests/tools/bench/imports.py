"""How long the operators take to import, ours and the peers', in interpreters of their own."""

from __future__ import annotations

import importlib.metadata
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONCE = Path(__file__).with_name("import_once.py")


@dataclass(frozen=True)
class Package:
    """One package whose operators are imported.

    :param name: what the table calls it.
    :param distribution: its name on PyPI.
    :param module: its module of operators.
    """

    name: str
    distribution: str
    module: str


OURS = Package("copass (ours)", "airflow-provider-copass", "airflow_provider_copass.operators")
PACKAGES = (
    OURS,
    Package("airbyte", "apache-airflow-providers-airbyte", "airflow.providers.airbyte.operators.airbyte"),
    Package("hightouch", "airflow-provider-hightouch", "airflow_provider_hightouch.operators.hightouch"),
    Package("fivetran-async", "airflow-provider-fivetran-async", "fivetran_provider_async.operators"),
    Package("http", "apache-airflow-providers-http", "airflow.providers.http.operators.http"),
    Package("dbt-cloud", "apache-airflow-providers-dbt-cloud", "airflow.providers.dbt.cloud.operators.dbt"),
    Package("copass sensors (ours)", "airflow-provider-copass", "airflow_provider_copass.sensors"),
)


@dataclass
class Imported:
    """What was seen of one package.

    :param seconds: of each round.
    :param modules: how many modules it adds.
    :param third_party: the top-level packages that it imports newly, neither Airflow's nor Python's nor its own,
        the largest first.
    :param failure: why it could not be measured; None where it could.
    """

    package: Package
    version: str | None
    seconds: list[float] = field(default_factory=list)
    modules: int = 0
    third_party: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(rounds: int, environment: Mapping[str, str]) -> list[Imported]:
    """Import every installed package once a round, round by round, so that a drift of the machine hits all alike.

    :param rounds: how many count; one more, which writes the byte code and warms the disk's cache, does not.
    :param environment: of the interpreters.
    """
    found = [Imported(package, version_of(package.distribution)) for package in PACKAGES]
    for number in range(rounds + 1):
        for imported in found:
            if imported.version is None or imported.failure is not None:
                continue
            try:
                seen = _import_once(imported.package.module, environment)
            except subprocess.CalledProcessError as failed:
                imported.failure = (failed.stderr.strip().splitlines() or ["it said nothing"])[-1]
                continue
            imported.modules = seen["modules"]
            imported.third_party = tuple(seen["third_party"])
            if number:
                imported.seconds.append(seen["seconds"])
    return found


def _import_once(module: str, environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", str(_ONCE), module],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen
