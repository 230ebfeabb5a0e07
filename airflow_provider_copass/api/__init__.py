"""The Copass API: calls as data, two clients that send them, models of the answers, errors. Independent of Airflow."""

from airflow_provider_copass.api import calls
from airflow_provider_copass.api.client import AsyncCopassClient, CopassClient
from airflow_provider_copass.api.http_setup import environment_proxy
from airflow_provider_copass.api.models import (
    Job,
    PurgeResult,
    Sandbox,
    SandboxList,
    Source,
    SourceList,
    SourceStatus,
)
from airflow_provider_copass.api.retry import RetryPolicy
from airflow_provider_copass.api.settings import DEFAULT_BASE_URL, ClientSettings
from airflow_provider_copass.errors import (
    ConnectFailure,
    CopassAnswerError,
    CopassAuthenticationError,
    CopassBadRequestError,
    CopassCallError,
    CopassConflictError,
    CopassConnectError,
    CopassConnectionLostError,
    CopassError,
    CopassInputError,
    CopassNotFoundError,
    CopassPermissionError,
    CopassRateLimitError,
    CopassRedirectError,
    CopassServerError,
    CopassStatusError,
    CopassTimeoutError,
    CopassTransportError,
    CopassValidationError,
)

__all__ = [
    "DEFAULT_BASE_URL",
    "AsyncCopassClient",
    "ClientSettings",
    "ConnectFailure",
    "CopassAnswerError",
    "CopassAuthenticationError",
    "CopassBadRequestError",
    "CopassCallError",
    "CopassClient",
    "CopassConflictError",
    "CopassConnectError",
    "CopassConnectionLostError",
    "CopassError",
    "CopassInputError",
    "CopassNotFoundError",
    "CopassPermissionError",
    "CopassRateLimitError",
    "CopassRedirectError",
    "CopassServerError",
    "CopassStatusError",
    "CopassTimeoutError",
    "CopassTransportError",
    "CopassValidationError",
    "Job",
    "PurgeResult",
    "RetryPolicy",
    "Sandbox",
    "SandboxList",
    "Source",
    "SourceList",
    "SourceStatus",
    "calls",
    "environment_proxy",
]
