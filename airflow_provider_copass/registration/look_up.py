"""Looking up a source that a task refers to, without a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.registration.driver import run_alone
from airflow_provider_copass.registration.operation import looked_up, missing

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.spec import SourceRef


def look_up(ref: SourceRef, runtime: Runtime) -> Source | None:
    """Look a source up: by its id with one request, by its name with a list.

    :param ref: the source.
    :param runtime: what this try works with.
    :return: the source; None if there is none, or by its name no live one.
    :raises DuplicateSourcesError: if several live sources have the name.
    """
    return run_alone(looked_up(ref), runtime)


def require(ref: SourceRef, runtime: Runtime) -> Source:
    """Look a source up that has to exist.

    :raises SourceMissingError: if it does not.
    :raises DuplicateSourcesError: if several live sources have the name.
    """
    source = look_up(ref, runtime)
    if source is None:
        raise missing(ref)
    return source
