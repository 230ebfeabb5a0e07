"""Which failures are final, so that a task does not use up its retries on them. One definition for all operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_copass.api import CopassError

FINAL_STATUSES = frozenset({400, 401, 403, 404, 409, 422})


def is_final(error: CopassError) -> bool:
    """Tell whether a failure would be the same at the next try.

    Bad input, what the server refuses, and what a person must decide are. An answer that makes no sense, such as a
    proxy's page, is not: proxies come and go.

    :param error: the failure.
    """
    from airflow_provider_copass.api import CopassInputError, CopassRegistrationError, CopassStatusError

    if isinstance(error, CopassStatusError):
        return error.status in FINAL_STATUSES
    return isinstance(error, (CopassInputError, CopassRegistrationError)) and not error.retryable
