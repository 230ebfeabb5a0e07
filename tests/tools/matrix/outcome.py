"""The outcome of the tests with one version of Airflow, as pytest's own report says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

AIRFLOW = "apache-airflow"
"""The property of the report that says with which Airflow the tests really ran; see ``tests/conftest.py``."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    :param version: the version that was asked for.
    :param ran_with: the version that the tests themselves saw; None where they did not get so far.
    :param exit_code: pytest's.
    :param passed: how many passed, by the folder below ``tests``.
    :param failed: how many failed, or broke before they began.
    :param skipped: how many were skipped, by the reason.
    :param seconds: how long it took.
    """

    version: str
    ran_with: str | None = None
    exit_code: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def green(self) -> bool:
        """Whether that version was there, tests ran with it, and nothing failed."""
        return self.exit_code == 0 and self.ran_with == self.version and self.passed.total() > 0 and not self.failed

    @classmethod
    def read(cls, version: str, report: Path, *, exit_code: int) -> Self:
        """Read a report in JUnit's format, as pytest writes it.

        :param version: the version that was asked for.
        :param report: the file; where there is none, nothing ran.
        :param exit_code: of the run.
        """
        if not report.exists():
            return cls(version, exit_code=exit_code)
        suites = list(ET.parse(report).getroot().iter("testsuite"))
        passed: Counter[str] = Counter()
        skipped: Counter[str] = Counter()
        failed = 0
        for case in (case for suite in suites for case in suite.iter("testcase")):
            reason = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif reason is not None:
                skipped[reason.get("message", "no reason given")] += 1
            else:
                passed[_folder(case.get("classname", ""))] += 1
        told = {each.get("name"): each.get("value") for suite in suites for each in suite.iter("property")}
        seconds = sum(float(suite.get("time", 0)) for suite in suites)
        return cls(version, told.get(AIRFLOW), exit_code, passed, failed, skipped, seconds)


def _folder(classname: str) -> str:
    """Return ``hooks`` for ``tests.hooks.test_copass``."""
    parts = classname.split(".")
    return parts[1] if len(parts) > 1 else classname
