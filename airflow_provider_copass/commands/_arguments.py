"""What is given to an argument that names something: the rule of the operators' fields, in words for a shell."""

from __future__ import annotations

from airflow_provider_copass._inputs import read_optional
from airflow_provider_copass.commands._process import CommandError


def read_argument(flag: str, given: str) -> str:
    """Read an argument.

    :param flag: the argument, for the message.
    :param given: what was given.
    :raises CommandError: if it is nothing: empty, blank or the text ``None``.
    :raises CopassInputError: if it is no text that can be sent.
    """
    value = read_optional(flag, given)
    if value is None:
        raise CommandError(f"{flag} is blank or None. Check the variable that it is from, or leave it out.")
    return str(value)
