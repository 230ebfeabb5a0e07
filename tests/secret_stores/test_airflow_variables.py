"""Absence of a Variable is believed only where it is proven, and a write is tried again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Variable

from airflow_provider_copass.airflow_variables import SENTINEL, AirflowVariables
from airflow_provider_copass.errors import JournalError
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT

READ = """
import traceback
from airflow_provider_copass.airflow_variables import AirflowVariables
try:
    print("READ", AirflowVariables().read(["copass_x"]))
except Exception as error:
    print("RAISED", type(error).__name__, error.is_final)
    traceback.print_exc()
"""

COUNT = """
from airflow_provider_copass.airflow_variables import AirflowVariables
from tests.secret_stores.folder_backend import FolderBackend
variables = AirflowVariables()
variables.read(["copass_x"])
first = FolderBackend.made
for _ in range(3):
    variables.read(["copass_x"])
print("READ", FolderBackend.made - first)
"""


class Backend:
    """Holds Variables in memory and notes which ones are asked for; Airflow's own writes end here too."""

    def __init__(self, **held: str) -> None:
        self.held = held
        self.asked: list[str] = []
        self.refusals = 0
        self.writes = 0
        self.is_empty_at: set[int] = set()

    def get_variable(self, *, key: str) -> str | None:
        """Read one."""
        self.asked.append(key)
        return None if len(self.asked) in self.is_empty_at else self.held.get(key)

    def change(self, key: str, value: str | None) -> None:
        """Write or remove one, unless Airflow is to refuse it."""
        self.writes += 1
        if self.refusals:
            self.refusals -= 1
            raise KeyError(f"UniqueViolation: canary {value}")
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A backend that holds the sentinel, as after the first registration of a deployment."""
    backend = Backend(**{SENTINEL: "here"})
    monkeypatch.setattr(Variable, "set", staticmethod(backend.change))
    monkeypatch.setattr(Variable, "delete", staticmethod(lambda key: backend.change(key, None)))
    return backend


class Time:
    """A clock that moves only while it is slept on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    """A clock."""
    return Time()


def variables_of(backend: Backend, time: Time, **options: Any) -> AirflowVariables:
    """Return the Variables of one backend, with a clock of the test's."""
    return AirflowVariables(
        backends=[backend], draw=lambda: 0.5, sleep=time.sleep, monotonic=lambda: time.now, **options
    )


def test_a_variable_that_holds_a_value_costs_one_read(backend: Backend, time: Time) -> None:
    """It needs no proof."""
    backend.held |= {"a": "1", "b": ""}
    assert variables_of(backend, time).read(["a", "b"]) == {"a": "1", "b": ""}
    assert backend.asked == ["a", "b"]


def test_an_absent_one_is_read_again_between_two_reads_of_the_sentinel(backend: Backend, time: Time) -> None:
    """Four reads: an outage that began before the first one, or after it, does not pass for absence."""
    assert variables_of(backend, time).read(["a"]) == {"a": None}
    assert backend.asked == ["a", SENTINEL, "a", SENTINEL]


def test_several_absent_ones_share_the_proof(backend: Backend, time: Time) -> None:
    """The sentinel is read twice for all of them, and what is there is not read again."""
    backend.held["b"] = "1"
    assert variables_of(backend, time).read(["a", "b", "c"]) == {"a": None, "b": "1", "c": None}
    assert backend.asked == ["a", "b", "c", SENTINEL, "a", "c", SENTINEL]


@pytest.mark.parametrize(("seconds", "asked"), [(0.9, ["b", SENTINEL]), (1.0, ["b", SENTINEL, "b", SENTINEL])])
def test_a_proof_of_a_moment_ago_is_the_one_before(
    backend: Backend, time: Time, seconds: float, asked: list[str]
) -> None:
    """For less than a second."""
    variables = variables_of(backend, time)
    variables.read(["a"])
    backend.asked.clear()
    time.now += seconds
    assert variables.read(["b"]) == {"b": None}
    assert backend.asked == asked


def test_one_that_comes_up_while_it_is_proven_absent_is_read(backend: Backend, time: Time) -> None:
    """The first, empty answer was an outage's."""
    backend.held["a"] = "1"
    backend.is_empty_at = {1}
    assert variables_of(backend, time).read(["a"]) == {"a": "1"}
    assert backend.asked == ["a", SENTINEL, "a"]


@pytest.mark.parametrize("outage", [{3, 4}, {1, 2, 3, 4}])
def test_an_outage_is_no_absence(backend: Backend, time: Time, outage: set[int]) -> None:
    """A backend that knows nothing of what is known to be there is not believed."""
    backend.held["a"] = "1"
    backend.is_empty_at = outage | {1}
    with pytest.raises(JournalError, match="'a' reads as absent, and so does 'copass_sentinel'"):
        variables_of(backend, time).read(["a"])


def test_an_outage_after_a_recent_proof_is_no_absence(backend: Backend, time: Time) -> None:
    """Each empty answer is followed by a read of the sentinel."""
    variables = variables_of(backend, time)
    variables.read(["a"])
    backend.is_empty_at = {5, 6}
    with pytest.raises(JournalError, match="reads as absent"):
        variables.read(["a"])


def test_the_sentinel_is_written_where_it_is_missing(backend: Backend, time: Time) -> None:
    """Once in a deployment."""
    del backend.held[SENTINEL]
    assert variables_of(backend, time).read(["a"]) == {"a": None}
    assert backend.asked == ["a", SENTINEL, SENTINEL, "a", SENTINEL]
    assert backend.held[SENTINEL]


def test_who_may_not_write_believes_what_reads_as_absent(backend: Backend, time: Time) -> None:
    """Without the sentinel there is no proof, and a plan writes none."""
    del backend.held[SENTINEL]
    variables = variables_of(backend, time, may_write=False)
    assert variables.read(["a"]) == {"a": None}
    for change in (lambda: variables.write("a", "1"), lambda: variables.remove("a")):
        with pytest.raises(RuntimeError, match="read only"):
            change()
    assert backend.writes == 0


@pytest.mark.parametrize("refusals", [0, 1, 3])
def test_a_write_that_collides_is_tried_again_after_a_random_pause(backend: Backend, time: Time, refusals: int) -> None:
    """Up to three times, below growing bounds; so is a removal."""
    variables = variables_of(backend, time)
    backend.refusals = refusals
    variables.write("a", "1")
    assert backend.held["a"] == "1"
    backend.refusals = refusals
    variables.remove("a")
    assert "a" not in backend.held
    assert time.pauses == [0.75, 1.5, 3.0][:refusals] * 2


def test_a_write_that_fails_four_times_is_an_error_without_its_value(backend: Backend, time: Time) -> None:
    """Airflow's exceptions may hold it; the error is one that Airflow retries."""
    backend.refusals = 4
    with pytest.raises(JournalError, match=r"'a' was not written \(KeyError; tries: 4\)") as failed:
        variables_of(backend, time).write("a", "canary")
    assert not failed.value.is_final
    assert failed.value.kind == "KeyError"
    assert failed.value.__context__ is None
    assert "canary" not in str(failed.value)


def test_a_write_that_may_not_be_late_is_given_up_early(backend: Backend, time: Time) -> None:
    """Before a pause that would end too late."""
    backend.refusals = 4
    with pytest.raises(JournalError, match=r"KeyError; tries: 2"):
        variables_of(backend, time).write("a", "1", within=2.0)
    assert time.pauses == [0.75]


def read_in(folder: Path, home: Path, program: str = READ) -> str:
    """Read a Variable in a child whose Airflow has the folder as its secrets backend."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **clean_environment(),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__SECRETS__BACKEND": "tests.secret_stores.folder_backend.FolderBackend",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
            "TEST_FOLDER": str(folder),
        },
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "canary" not in done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("READ", "RAISED"))]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of Variables."""
    folder = tmp_path / "variables"
    folder.mkdir()
    (folder / SENTINEL).write_text("here")
    (folder / "copass_x").write_text("text")
    return folder


def test_a_backend_that_raises_is_no_absence(folder: Path, tmp_path: Path) -> None:
    """Airflow's own readers swallow what a backend raises and go on: here it is an error that Airflow retries."""
    (folder / "down").touch()
    assert read_in(folder, tmp_path / "home") == "RAISED JournalError False"


def test_a_secrets_backend_is_made_once_for_all_reads(folder: Path, tmp_path: Path) -> None:
    """One of Vault's logs in when it is made, and 3.1 and 3.2 make one for each read."""
    assert read_in(folder, tmp_path / "home", COUNT) == "READ 0"
