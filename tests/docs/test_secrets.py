"""What docs/secrets.md shows is so: the store of one's own, the suite for it, the configuration."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

from airflow_provider_copass.get_provider_info import get_provider_info
from tests.docs import pages
from tests.harness.environment import clean_environment

PAGE = pages.CHECKOUT / "docs" / "secrets.md"


def test_the_store_of_the_page_passes_the_suite_of_the_page(tmp_path: Path) -> None:
    """Both snippets, put into a file, are a green test module."""
    code = [each.text for each in pages.snippets(PAGE) if each.language == "python" and "TeamStore" in each.text]
    assert len(code) == 2
    (tmp_path / "test_team_store.py").write_text("\n".join(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env={**clean_environment(), "AIRFLOW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(pages.CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout


def test_the_options_of_the_page_are_those_of_the_provider() -> None:
    """Airflow's configuration knows each of them, and no other."""
    [text] = [snippet.text for snippet in pages.snippets(PAGE) if snippet.language == "ini"]
    shown = configparser.ConfigParser(interpolation=None)
    shown.read_string(text)
    assert set(shown["copass"]) == set(get_provider_info()["config"]["copass"]["options"])
