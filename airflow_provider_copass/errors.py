"""Every error that this package raises.

::

    CopassError
    ├── CopassInputError                refused before any request; names the field, the rule, the way out    final
    │   └── UnrenderedFieldError        a field that may hold a credential cannot be rendered
    ├── CopassCallError                 an API call failed
    │   ├── CopassTransportError        no complete answer arrived
    │   │   ├── CopassConnectError      no connection: the request was never sent
    │   │   ├── CopassTimeoutError      no answer in time
    │   │   └── CopassConnectionLostError   the connection broke before the answer was complete
    │   ├── CopassAnswerError           an answer arrived that cannot be used
    │   └── CopassStatusError           an answer arrived whose status is not 2xx
    │       ├── CopassRedirectError     3xx
    │       ├── CopassBadRequestError   400                                                                   final
    │       ├── CopassAuthenticationError   401                                                               final
    │       ├── CopassPermissionError   403                                                                   final
    │       ├── CopassNotFoundError     404                                                                   final
    │       ├── CopassConflictError     409                                                                   final
    │       ├── CopassValidationError   422                                                                   final
    │       ├── CopassRateLimitError    429
    │       └── CopassServerError       5xx
    ├── ConnectionReadError             Airflow cannot read the connection
    ├── WaitFailedError                 what is waited for will not happen any more                           final
    ├── IngestIncompleteError           some texts were taken, or may have been; others were not              final
    └── CopassRegistrationError         a source cannot be handled as asked                                   final
        ├── SourceExistsError           a live source has this identity: ``if_exists="fail"``, or a rename    final
        ├── SourceMissingError          no live source has this name                                          final
        ├── DuplicateSourcesError       several live sources have this identity                               final
        ├── SourceChangedError          the source is not what the journal or the task says                   final
        ├── SecretMissingError          the source is live, its webhook secret is not in the store            final
        ├── SecretKeyTakenError         the key holds something that is not this source's secret              final
        ├── SourcesFailedError          some sources of a list failed, and would fail again                   final
        ├── SourcesUnfinishedError      some sources of a list failed, and the next try may finish them
        ├── SecretStoreError            the store cannot be read or written, or reads back another value
        ├── EntryBusyError              another task holds the journal entry of the source
        └── JournalError                the journal cannot be read or written
            └── EntryFormatError        a journal entry is none of this provider, or of a newer version       final

Final means that the next try of the task would end the same, so the task fails at once.

No error carries a body, a header, a token or a value that was sent: an answer may echo a credential, and an error ends
in a log.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class ConnectFailure(Enum):
    """Why no connection could be made, so that nothing was sent."""

    NO_ADDRESS = "the host's name is not known here"
    REFUSED = "it was refused"
    UNTRUSTED = "the server's certificate is not trusted, or has expired"
    OTHER_HOST = "the server's certificate is for another host"
    NO_TLS = "what listens there does not speak TLS, or no version of it that is accepted"
    TOO_SLOW = "it took too long"
    PROXY = "the proxy does not let it through"
    UNKNOWN = "the network does not say why"


class CopassError(Exception):
    """Anything that went wrong between this package and Copass."""

    is_final: ClassVar[bool] = False
    """Whether the next try of the task would end the same, so that the task fails at once."""


class CopassInputError(CopassError, ValueError):
    """Bad input, refused before any request was made.

    :param message: which field breaks which rule, and the way out; never the value.
    :param fields: names of the fields that were refused.
    """

    is_final = True

    def __init__(self, message: str, *, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class UnrenderedFieldError(CopassInputError):
    """A templated field that may hold a credential cannot be rendered, or a manifest's object store does not answer.

    What it asks for may be there at the next try.
    """

    is_final = False


class CopassCallError(CopassError):
    """What the errors of one API call have in common.

    :param message: static text made by this package; nothing of an answer's body.
    :param operation: the call, such as ``register_source``.
    :param request_id: the server's ``x-request-id``, for its support; None if it gave none.
    """

    is_transient: ClassVar[bool] = False
    """Whether the same call may succeed soon. Whether it may be sent again, :mod:`~airflow_provider_copass.api.retry`
    decides: a write must also be known not to have been applied."""
    maybe_applied: ClassVar[bool] = False
    """Whether the server may have applied the call although it failed."""

    def __init__(self, message: str, *, operation: str = "", request_id: str | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.request_id = request_id


class CopassTransportError(CopassCallError):
    """No complete answer arrived."""

    is_transient = True
    maybe_applied = True


class CopassConnectError(CopassTransportError):
    """No connection could be made, so the request was never sent.

    :param reason: why.
    """

    maybe_applied = False

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        request_id: str | None = None,
        reason: ConnectFailure = ConnectFailure.UNKNOWN,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.reason = reason


class CopassTimeoutError(CopassTransportError):
    """No answer arrived in time; the server may have applied the call, or may yet do so."""


class CopassConnectionLostError(CopassTransportError):
    """The connection broke before the answer was complete."""


class CopassAnswerError(CopassCallError):
    """An answer with a 2xx status that cannot be used: HTML, no JSON, too long, cut short, or without a needed field.

    :param fields: names of the answer's fields that are missing or of a wrong type.
    """

    maybe_applied = True

    def __init__(
        self, message: str, *, operation: str = "", request_id: str | None = None, fields: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.fields = fields


class CopassStatusError(CopassCallError):
    """An answer whose status is not 2xx.

    :param status: the HTTP status.
    :param fields: names of known request fields that a 422 complained about.
    :param retry_after: seconds that the server asked to wait; None if it did not ask.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        status: int = 0,
        request_id: str | None = None,
        fields: tuple[str, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.status = status
        self.fields = fields
        self.retry_after = retry_after


class CopassRedirectError(CopassStatusError):
    """A redirect. It is not followed: the token would go to wherever it points."""


class CopassBadRequestError(CopassStatusError):
    """400: the server refused the request."""

    is_final = True


class CopassAuthenticationError(CopassStatusError):
    """401: the token is not accepted."""

    is_final = True


class CopassPermissionError(CopassStatusError):
    """403: the token may not do this, or a quota is used up."""

    is_final = True


class CopassNotFoundError(CopassStatusError):
    """404: no such sandbox or source, for this token."""

    is_final = True


class CopassConflictError(CopassStatusError):
    """409: the state of the source or sandbox does not allow this."""

    is_final = True


class CopassValidationError(CopassStatusError):
    """422: the server refused a field of the request."""

    is_final = True


class CopassRateLimitError(CopassStatusError):
    """429: too many requests; this one was not applied."""

    is_transient = True


class CopassServerError(CopassStatusError):
    """5xx or 408: the server, or a proxy before it, failed; the call may have been applied."""

    is_transient = True
    maybe_applied = True


class ConnectionReadError(CopassError):
    """Airflow cannot read the connection: it does not exist, or where it is stored does not answer."""


class WaitFailedError(CopassError):
    """What a sensor waits for will not happen any more: the source is gone, its status rules it out, the job failed."""

    is_final = True


class IngestIncompleteError(CopassError):
    """Some texts were taken, or may have been, and others were not; the next try would ingest the former twice."""

    is_final = True


class CopassRegistrationError(CopassError):
    """A source cannot be handled as asked.

    :param message: what was found, what was done or not done, and the way out.
    :param data_source_ids: the sources that it is about.
    """

    is_final = True

    def __init__(self, message: str, *, data_source_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.data_source_ids = data_source_ids


class SourceExistsError(CopassRegistrationError):
    """A live source has this identity, and ``if_exists`` is ``fail``, or another source is to be given its name."""


class SourceMissingError(CopassRegistrationError):
    """No live source has this name."""


class DuplicateSourcesError(CopassRegistrationError):
    """Several live sources have this identity, and nothing tells which one is meant."""


class SourceChangedError(CopassRegistrationError):
    """The source is not what the journal or the task says: somebody changed it by hand."""


class SecretMissingError(CopassRegistrationError):
    """The source is live, but its webhook secret is not in the store, and Copass does not show it again."""


class SecretKeyTakenError(CopassRegistrationError):
    """The key for the secret holds something else, which is not overwritten."""


class SourcesFailedError(CopassRegistrationError):
    """Some sources of a list failed, and would fail again; the others are registered."""


class SourcesUnfinishedError(CopassRegistrationError):
    """Some sources of a list failed, and the next try may finish them; the others are registered."""

    is_final = False


class SecretStoreError(CopassRegistrationError):
    """The secret store cannot be read or written, or does not read back what was written."""

    is_final = False
    kind: str = ""
    """The class and code of what the store's client raised, as in the message; empty if it raised nothing."""


class EntryBusyError(CopassRegistrationError):
    """Another task holds the journal entry of this source, or was killed not long ago while it did."""

    is_final = False


class JournalError(CopassRegistrationError):
    """The journal of what was registered, kept in Airflow Variables, cannot be read or written."""

    is_final = False
    kind: str = ""
    """The class of what Airflow raised, as in the message; empty if it raised nothing."""


class EntryFormatError(JournalError):
    """A journal entry is none of this provider, or was written by a newer version of it."""

    is_final = True


STATUS_ERRORS: dict[int, type[CopassStatusError]] = {
    400: CopassBadRequestError,
    401: CopassAuthenticationError,
    403: CopassPermissionError,
    404: CopassNotFoundError,
    # The server gave up waiting for the request; a proxy may say so of a server that has it.
    408: CopassServerError,
    409: CopassConflictError,
    422: CopassValidationError,
    429: CopassRateLimitError,
}
"""The error of each status that has one of its own."""


def error_class(status: int) -> type[CopassStatusError]:
    """Return the error of an HTTP status that is not 2xx.

    :param status: the HTTP status.
    """
    own = STATUS_ERRORS.get(status)
    if own is not None:
        return own
    if 300 <= status < 400:  # noqa: PLR2004 - the classes of HTTP statuses
        return CopassRedirectError
    if 400 <= status < 500:  # noqa: PLR2004 - the classes of HTTP statuses
        return CopassStatusError
    return CopassServerError
