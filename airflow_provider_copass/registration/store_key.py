"""The key under which a source's secret is stored, made from a template."""

from __future__ import annotations

import re
import string

from airflow_provider_copass.errors import CopassInputError

DEFAULT_TEMPLATE = "copass_webhook_secret_{data_source_id}"
PLACEHOLDERS = ("data_source_id", "sandbox_id", "provider", "name")
LONGEST = 250
"""The most characters that the key of an Airflow Variable holds."""

_OUTSIDE = re.compile(r"[^A-Za-z0-9-]+")
# Two in a row separate a team's name from the key in some secrets backends.
_DASHES = re.compile(r"-{2,}")


class StoreKey:
    """A template such as ``copass_webhook_secret_{data_source_id}``.

    In the placeholders' values every run of characters outside ``[A-Za-z0-9-]`` becomes one ``_``, so that the key is
    good in every store.

    :param template: the key, with any of ``{data_source_id}``, ``{sandbox_id}``, ``{provider}`` and ``{name}``.
    :raises CopassInputError: where it is empty, or its braces hold anything else.
    """

    def __init__(self, template: object = DEFAULT_TEMPLATE) -> None:
        try:
            parts = list(string.Formatter().parse(template)) if isinstance(template, str) else []
        except ValueError:  # a brace that is not closed
            parts = []
        plain = all(
            field in (None, *PLACEHOLDERS) and not spec and not conversion for _, field, spec, conversion in parts
        )
        if not parts or not plain:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise CopassInputError(
                f"store_as must be a key whose braces hold nothing but one of {known}. Leave it out for the default.",
                fields=("store_as",),
            )
        self.template = str(template)
        self.needs_id = any(field == "data_source_id" for _, field, _, _ in parts)

    def render(self, *, sandbox_id: str, provider: str, name: str, data_source_id: str = "") -> str:
        """Return the key.

        :param data_source_id: the source's id; may be left out where :attr:`needs_id` is false.
        :raises CopassInputError: where the key is over 250 characters.
        """
        values = {"sandbox_id": sandbox_id, "provider": provider, "name": name, "data_source_id": data_source_id}
        key = self.template.format(**{field: in_key(value) for field, value in values.items()})
        if len(key) > LONGEST:
            raise CopassInputError(
                f"store_as gives a key of {len(key)} characters, and a key holds {LONGEST}. Leave {{name}} out of it, "
                "or leave store_as out for the default.",
                fields=("store_as",),
            )
        return key


def in_key(value: str) -> str:
    """Put a value into the characters that a key may hold.

    :param value: what a placeholder stands for.
    """
    return _DASHES.sub("-", _OUTSIDE.sub("_", value))


def previous_key(key: str) -> str:
    """Return the key under which the secret before the present one is kept.

    :param key: the key of the present one.
    """
    return f"{key}_previous"
