"""Every error that this package raises of its own.

::

    CopassError
    ├── CopassInputError                refused before any request; names the field, the rule, the way out
    │   └── UnrenderedFieldError        a field that may hold a credential cannot be rendered
    ├── CopassTransportError            no whole answer came
    │   ├── CopassConnectError          no connection: the request was never sent
    │   ├── CopassTimeoutError          no answer in time
    │   └── CopassConnectionLostError   the connection broke before the answer was whole
    ├── CopassAnswerError               an answer came, but not one that can be used
    ├── CopassStatusError               an answer came that says no
    │   ├── CopassRedirectError         3xx
    │   ├── CopassBadRequestError       400
    │   ├── CopassAuthenticationError   401
    │   ├── CopassPermissionError       403
    │   ├── CopassNotFoundError         404
    │   ├── CopassConflictError         409
    │   ├── CopassValidationError       422
    │   ├── CopassRateLimitError        429
    │   └── CopassServerError           5xx
    └── CopassRegistrationError         the registration cannot go on as asked
        ├── SourceExistsError           there is one already, and ``if_exists="fail"``; or the new name is taken
        ├── SeveralSourcesError         several live sources have this identity
        ├── SecretMissingError          the source lives, its webhook secret is not in the store
        ├── SourceChangedError          what is there is not what the record or the task says
        ├── SecretKeyTakenError         the key holds something that is not this source's secret
        ├── SecretStoreError            the store cannot be read or written, or reads back another value
        ├── SourcesFailedError          some sources of a list failed, and trying again would not help
        ├── SourcesUnfinishedError      some sources of a list failed; the next try does those alone
        ├── BusyRecordError             somebody else is at this source at the moment
        └── RecordError                 the record of what was registered cannot be read or written

None of them carries a body, a header, a token or a value that was sent: an answer may echo a credential, and
an error ends in a log.
"""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_copass.api.unreached import Unreached


class CopassError(Exception):
    """Anything that went wrong between this package and Copass."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later with nothing changed."""


class CopassInputError(CopassError, ValueError):
    """Bad input, refused before any request was made.

    :param message: which field breaks which rule, and the way out; never the value.
    :param fields: names of the fields that were refused.
    """

    def __init__(self, message: str, *, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class UnrenderedFieldError(CopassInputError):
    """A templated field that may hold a credential cannot be rendered; what it asks for may be there another time."""

    retryable = True


class CopassCallError(CopassError):
    """What the errors of one API call have in common.

    :param message: static text made by this package; nothing of an answer's body.
    :param operation: the call, such as ``register_source``.
    :param request_id: the server's ``x-request-id``, for its support; None where it gave none.
    """

    maybe_applied: ClassVar[bool] = False
    """Whether the server may have carried the call out all the same."""

    def __init__(self, message: str, *, operation: str = "", request_id: str | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.request_id = request_id


class CopassTransportError(CopassCallError):
    """No whole answer came."""

    retryable = True
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
        reason: Unreached = Unreached.UNKNOWN,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.reason = reason


class CopassTimeoutError(CopassTransportError):
    """No answer came in time; the server may have carried the call out, or may yet do so."""


class CopassConnectionLostError(CopassTransportError):
    """The connection broke before the answer was whole."""


class CopassAnswerError(CopassCallError):
    """An answer with a good status that cannot be used: HTML, no JSON, too long, or without a needed field.

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
    :param retry_after: seconds that the server asked to wait; None where it did not ask.
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


class CopassAuthenticationError(CopassStatusError):
    """401: the token is not accepted."""


class CopassPermissionError(CopassStatusError):
    """403: the token may not do this, or a quota is used up."""


class CopassNotFoundError(CopassStatusError):
    """404: no such sandbox or source, for this token."""


class CopassConflictError(CopassStatusError):
    """409: the state of the source or sandbox does not allow this."""


class CopassValidationError(CopassStatusError):
    """422: the server refused a field of the request."""


class CopassRateLimitError(CopassStatusError):
    """429: too many requests; this one was not carried out."""

    retryable = True


class CopassServerError(CopassStatusError):
    """5xx or 408: the server, or a proxy before it, failed; the call may have been carried out all the same."""

    retryable = True
    maybe_applied = True


class CopassRegistrationError(CopassError):
    """The registration cannot go on as it was asked for.

    :param message: what was found, and the way out.
    :param data_source_ids: the sources that it is about.
    """

    def __init__(self, message: str, *, data_source_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.data_source_ids = data_source_ids


class SourceExistsError(CopassRegistrationError):
    """A live source of this identity exists, and ``if_exists`` is ``fail``, or another source is to get its name."""


class SourceMissingError(CopassRegistrationError):
    """There is no live source of this name."""


class SeveralSourcesError(CopassRegistrationError):
    """Several live sources have this identity, and nothing tells which one is meant."""


class SecretMissingError(CopassRegistrationError):
    """The source lives, but its webhook secret is not in the store, and it cannot be shown again."""


class SecretKeyTakenError(CopassRegistrationError):
    """The key under which the secret belongs holds something else, which is not overwritten."""


class SecretStoreError(CopassRegistrationError):
    """The secret store cannot be read or written, or does not give back what was written."""

    retryable = True
    kind: str = ""
    """What the store's client raised: its class and a code, as in the message; empty where it raised nothing."""


class SourceChangedError(CopassRegistrationError):
    """What is there is not what the record, or the task, says: somebody changed one of them by hand."""


class SourcesFailedError(CopassRegistrationError):
    """Some sources of a list failed, and would fail again; the others are there."""


class SourcesUnfinishedError(CopassRegistrationError):
    """Some sources of a list failed, and may not fail again; the others are there, and are not done again."""

    retryable = True


class BusyRecordError(CopassRegistrationError):
    """Somebody else is registering or rotating this source, or died while doing so not long ago."""

    retryable = True


class RecordError(CopassRegistrationError):
    """The record of what was registered cannot be read or written."""

    retryable = True


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
