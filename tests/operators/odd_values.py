"""Values that users give to a field, and that are odder than they look."""

from __future__ import annotations

import enum
from typing import Any

from pydantic import BaseModel


class NumpyLike:
    """A scalar as numpy has it; numpy is no dependency."""

    ndim = 0
    dtype = property(lambda self: type("dtype", (), {"kind": self._kind}))

    def __init__(self, value: object, kind: str) -> None:
        self._value = value
        self._kind = kind

    def item(self) -> object:
        """Return it as Python's own."""
        return self._value


class BlankCell:
    """pandas' NA: anyone who asks whether something equals it gets no answer."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __str__(self) -> str:
        return "<NA>"


class Word(str, enum.Enum):  # noqa: UP042 - what older code has
    """A text with another text of its own."""

    CHAT = "chat"


class Model(BaseModel):
    """A model of the user's own."""

    name: str = "canary"
