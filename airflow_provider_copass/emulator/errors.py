"""The two ways in which a request is refused.

::

    ApiError        refused by the emulated API: a status and the API's ``{"error", "detail"}``
    ControlError    refused by the control surface: a mistake in the test's own script
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal of the emulated API.

    :param status: the HTTP status of the answer.
    :param error: the short word of the answer's ``error``.
    :param detail: the sentence of the answer's ``detail``; holds no value that may be a credential.
    """

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


class ControlError(ValueError):
    """A request to the control surface that makes no sense, such as a fault for an unknown operation.

    Its text names fields and rules, never the value of one: a seeded secret must not come back.
    """
