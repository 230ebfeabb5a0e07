"""``make bench`` prints every row and every aim. What the figures are is for a person to read, never for a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.bench import aims, table
from tests.tools.bench.calls import CLIENTS, OPERATIONS, Called
from tests.tools.bench.imports import OURS, PACKAGES, Imported, Package, version_of
from tests.tools.bench.lists import CLIENTS as LISTERS
from tests.tools.bench.lists import Listed
from tests.tools.bench.waits import WAYS, Waited

CHECKOUT = Path(__file__).parents[2]
PEER = PACKAGES[1]


def imported(milliseconds: float, third_party: tuple[str, ...] = ()) -> list[Imported]:
    """Return figures of our import."""
    return [Imported(OURS, "1.0", seconds=[milliseconds / 1000], modules=7, third_party=third_party)]


def called(hook: float, httpx: float, copass_core: float) -> list[Called]:
    """Return figures of the calls, the same for both operations."""
    seconds = {"hook": hook, "httpx": httpx, "copass-core": copass_core}
    return [Called(operation, client, (seconds[client],)) for operation in OPERATIONS for client in CLIENTS]


def listed(more: float, peak: float) -> list[Listed]:
    """Return figures of lists of 200: a bare httpx takes a second, we so much more a hundred; Airflow takes 100 MiB."""
    return [
        Listed("operator", 200, [90.0], [1 + 2 * more], [peak]),
        Listed("httpx", 200, [200.0], [1.0], [105.0]),
        Listed("airflow", 200, [], [0.0], [100.0]),
    ]


@pytest.fixture(scope="module")
def printed() -> str:
    """What the quick mode prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.tools.bench", "--quick"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_has_a_row(printed: str, package: Package) -> None:
    """A package that is installed has figures; one that is not is said to be so."""
    (row,) = (line for line in printed.splitlines() if line.startswith(f"  {package.name} "))
    version = version_of(package.distribution)
    assert ("not installed" in row) == (version is None)
    assert version is None or version in row


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_of_every_client_has_a_row(printed: str, operation: str, client: str) -> None:
    """The three clients stand side by side, each with the number of its calls."""
    rows = [line.split() for line in printed.splitlines() if line.startswith(f"  {operation} ")]
    (row,) = (cells for cells in rows if " ".join(cells[1:-3]) == CLIENTS[client])
    milliseconds, _, calls = row[-3:]
    assert float(milliseconds) > 0
    assert int(calls) > 0


@pytest.mark.slow
def test_every_aim_stands_beside_what_was_seen(printed: str) -> None:
    """Each of the eight aims has a line with its verdict, and the last line sums them up."""
    shown = aims.judge(imported(1), called(1, 1, 10), listed(2.25, 200))
    assert len(shown) == 8
    for aim in shown:
        (row,) = (line for line in printed.splitlines() if line.startswith(f"  {aim.text} "))
        assert row.endswith((" met", " missed"))
    assert "aims were met" in printed.splitlines()[-1]


@pytest.mark.slow
def test_the_versions_are_shown(printed: str) -> None:
    """A figure means little without what it was taken with."""
    first = printed.splitlines()[0]
    assert f"Airflow {version_of('apache-airflow')}" in first
    assert f"Python {sys.version.split()[0]}" in first


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_wait_has_a_row(printed: str, way: str) -> None:
    """With its requests, its CPU and how long it blocked the loop."""
    (row,) = (line for line in printed.splitlines() if f"  {WAYS[way]} " in line)
    requests, cpu, _ = row.split()[-3:]
    assert int(requests) > 0
    assert float(cpu) > 0


def test_figures_on_the_line_meet_the_aims() -> None:
    """At most and at least include the figure itself."""
    met = aims.judge(imported(15), called(1.25, 1, 12.5), listed(2.5, 250))
    assert [aim.met for aim in met] == [True] * 8
    assert table.last_line(met) == "All 8 aims were met."


def test_a_missed_aim_is_named_in_the_last_line() -> None:
    """What was not reached is said, with its figure."""
    missed = aims.judge(imported(15.1, ("requests",)), called(1.5, 1, 14), listed(2.75, 251))
    assert [aim.met for aim in missed] == [False] * 8
    last = table.last_line(missed)
    assert last.startswith("0 of 8 aims were met.")
    assert "importing the operators takes at most 15 ms (15.1 ms: missed)" in last
    assert "(requests: missed)" in last


def test_an_aim_without_a_figure_is_not_met() -> None:
    """Where a client is not installed, the aim that needs it cannot be told, and is not claimed."""
    without = [each for each in called(1, 1, 1) if each.client != "copass-core"]
    broken = [Listed(client, 9, failure="it broke") for client in LISTERS]
    judged = aims.judge([Imported(OURS, "1.0", failure="it broke")], without, broken)
    unknown = ["cannot be told"] * 2
    assert [aim.verdict for aim in judged] == [*unknown, *["met", "cannot be told"] * 2, *unknown]
    assert "2 of 8 aims were met" in table.last_line(judged)


def test_what_could_not_be_measured_says_why() -> None:
    """A failure stands in its row, in each table."""
    row = table.of_imports([Imported(PEER, "6.2", failure="ImportError: no attrs")]).splitlines()[1]
    assert row.endswith("could not be measured: ImportError: no attrs")
    row = table.of_calls([Called("get_source", "hook", failure="refused")]).splitlines()[1]
    assert row.endswith("could not be measured: refused")
    row = table.of_waits([Waited("watch", 9, 1.0, failure="refused")]).splitlines()[1]
    assert row.endswith("could not be measured: refused")
    row = table.of_lists([Listed("operator", 9, failure="refused")]).splitlines()[1]
    assert row.endswith("could not be measured: refused")


@pytest.mark.slow
@pytest.mark.parametrize("client", LISTERS)
def test_every_client_of_a_list_has_a_row(printed: str, client: str) -> None:
    """Who registers has a rate, and each has its peak of memory."""
    of_lists = printed.partition("\nLists: ")[2].partition("\nAims")[0]
    (row,) = (line for line in of_lists.splitlines() if f"  {LISTERS[client]} " in line)
    rate, _, seconds, peak, above = row.split()[-5:]
    assert (rate == "-") == (client == "airflow")
    assert float(seconds) >= 0
    assert float(peak) >= float(above)


def test_of_many_packages_the_largest_are_named() -> None:
    """A row stays readable: the first few names, and how many more."""
    row = table.of_imports(imported(1, tuple("abcdef"))).splitlines()[1]
    assert row.endswith("a, b, c, d and 2 more")
