"""Where a command writes to: closed, full, or read by nobody any more. No command ends in a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TextIO

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.registration.journal import Completed, entry_name, to_text
from airflow_provider_copass.registration.spec import Identity
from tests.commands.conftest import Run, one_line_of
from tests.harness.airflow_database import AirflowDatabase

COMMANDS = [["check"], ["sources"], ["sources", "--output", "json"]]


def unread() -> TextIO:
    """Return a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


def full() -> TextIO:
    """Return a file on a disk that is full."""
    return open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123 - the test closes it


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_who_has_read_enough_is_told_nothing(
    account: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """As of ``| head``: nothing on the standard error, and an exit code that says that not all was written."""
    with unread() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(*command) == (1, "", "")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_is_one_line(
    account: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """It is no fault of the package, so nobody is asked to report it."""
    with full() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        said = one_line_of(run(*command))
    assert said == "The standard output cannot be written (No space left on device).\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_closed_output_is_one_line(
    account: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """As of ``>&-``, where Python has no standard output at all."""
    monkeypatch.setattr(sys, "stdout", None)
    assert one_line_of(run(*command)) == "The standard output is closed.\n"


def test_what_was_forgotten_before_the_output_failed_is_not_said_to_be_there(
    database: AirflowDatabase, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is removed, and the line says only what is not written."""
    key = entry_name(Identity("sb_demo", "slack", "chat"))
    database.set(key, to_text(Completed("src-1")))
    monkeypatch.setattr(sys, "stdout", None)
    assert one_line_of(run("entries", "--forget", key, "--yes")) == "The standard output is closed.\n"
    assert database.keys() == []


@pytest.mark.parametrize("opened", [lambda: None, full, unread], ids=["closed", "full", "unread"])
def test_a_failure_that_cannot_be_said_is_not_said_elsewhere(
    account: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, opened: Callable[[], TextIO | None]
) -> None:
    """The standard output is for a program that reads it; the exit code is the same."""
    with opened() or nullcontext() as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert run("sources", "--sandbox-id", "a/b") == (1, "", "")


@pytest.mark.parametrize("stdin", [None, io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")])
def test_an_answer_that_cannot_be_read_is_no(
    database: AirflowDatabase, run: Run, monkeypatch: pytest.MonkeyPatch, stdin: TextIO | None
) -> None:
    """A closed standard input, or what is no text: the entry is kept."""
    key = entry_name(Identity("sb_demo", "slack", "chat"))
    database.set(key, to_text(Completed("src-1")))
    monkeypatch.setattr(sys, "stdin", stdin)
    done = run("entries", "--forget", key)
    assert done.code == 1
    assert "Nothing was forgotten: It was not agreed to. Answer y, or give --yes." in done.err
    assert database.keys() == [key]
