"""Reading what is given to an operator's field, after rendering."""

from __future__ import annotations


def read_switch(name: str, given: object) -> bool:
    """Read a boolean field. A template that is not rendered natively gives a text.

    :param name: the field, for the message.
    :param given: True, False, or the text ``true`` or ``false`` in any case.
    :raises CopassInputError: where it is anything else.
    """
    from airflow_provider_copass.errors import CopassInputError

    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise CopassInputError(f"{name} must be True or False, or a template that gives one of them.", fields=(name,))
