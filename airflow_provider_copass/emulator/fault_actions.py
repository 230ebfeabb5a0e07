"""What a fault does to one request.

An action is played either before the operation is carried out or after. It answers with one of

* ``None``: go on as if nothing had been;
* an :class:`Answer`: send this instead;
* a :class:`Cut`: close the connection with no answer at all.
"""

from __future__ import annotations

import dataclasses
import enum
import html
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

_JSON = "application/json"


class Cut(enum.Enum):
    """How a connection ends without an answer."""

    FIN = "drop"
    RST = "reset"


@dataclass
class Answer:
    """An HTTP answer.

    :param status: its status.
    :param headers: its headers, without ``content-length``, which is counted from the body.
    :param body: its body.
    :param cut_after: send so many bytes of the body, though ``content-length`` says more, and hang up.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    cut_after: int | None = None


@dataclass
class Action:
    """What a fault does, as its script says.

    :param kind: ``drop``, ``reset``, ``status``, ``delay``, ``html``, ``truncate``, ``raw`` or ``hold``.
    :param value: what stands beside that word: a status, seconds, bytes, a text, or True.
    :param options: the rest: ``headers``, ``body``, ``content_type``.
    """

    kind: str
    value: Any = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def pause(self) -> float | None:
        """How long the request is held back, in seconds: infinite for ``hold``, None for no pause."""
        if self.kind == "hold":
            return float("inf")
        return float(self.value) if self.kind == "delay" else None

    def play(self, own: Answer | None) -> Answer | Cut | None:
        """Return what becomes of the request.

        :param own: the API's own answer; None before the operation has been carried out.
        """
        outcome: Answer | Cut | None = None
        match self.kind:
            case "drop" | "reset":
                outcome = Cut(self.kind)
            case "status":
                outcome = self._status_answer()
            case "html":
                outcome = _proxy_page(self.value)
            case "raw":
                headers = [("content-type", self.options.get("content_type", _JSON))]
                outcome = Answer(own.status if own else 200, headers, self.value.encode())
            case "truncate" if own is not None:
                outcome = dataclasses.replace(own, cut_after=min(self.value, len(own.body)))
        return outcome

    def _status_answer(self) -> Answer:
        body = self.options.get("body")
        if body is None:
            body = {"error": _phrase(self.value), "detail": "Scripted by a fault of the emulator"}
        text, content_type = (body, "text/plain") if isinstance(body, str) else (json.dumps(body), _JSON)
        headers = [("content-type", self.options.get("content_type", content_type))]
        headers += list(self.options.get("headers", {}).items())
        return Answer(self.value, headers, text.encode())

    def as_json(self) -> dict[str, Any]:
        """Return the action as a script writes it."""
        return {self.kind: self.value, **self.options}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _proxy_page(status: int) -> Answer:
    title = html.escape(f"{status} {_phrase(status)}")
    page = f"<html>\n<head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body>\n</html>\n"
    return Answer(status, [("content-type", "text/html")], page.encode())


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599  # noqa: PLR2004


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_true(value: object) -> bool:
    return value is True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


# By kind: what its value may be, how that is said, and which options may stand beside it.
_KINDS: dict[str, tuple[Callable[[object], bool], str, tuple[str, ...]]] = {
    "drop": (_is_true, "true", ()),
    "reset": (_is_true, "true", ()),
    "hold": (_is_true, "true", ()),
    "status": (_is_status, "a status from 200 to 599", ("headers", "body", "content_type")),
    "html": (_is_status, "a status from 200 to 599", ()),
    "delay": (_is_duration, "seconds, 0 or more", ()),
    "truncate": (_is_count, "a count of bytes", ()),
    "raw": (_is_text, "a string", ("content_type",)),
}


def parse_action(script: object) -> Action:
    """Read an action from its script: a word such as ``"drop"``, or an object such as ``{"status": 503}``.

    :param script: the JSON of the action.
    :raises ControlError: where it is none.
    """
    if isinstance(script, str):
        script = {script: True}
    kinds = [kind for kind in _KINDS if kind in script] if isinstance(script, dict) else []
    if not isinstance(script, dict) or len(kinds) != 1:
        raise ControlError(f"an action is one of {', '.join(_KINDS)}")
    kind = kinds[0]
    takes, meaning, allowed = _KINDS[kind]
    if not takes(script[kind]):
        raise ControlError(f"the action {kind} takes {meaning}")
    options = {key: value for key, value in script.items() if key != kind}
    if unknown := set(options) - set(allowed):
        raise ControlError(f"the action {kind} has no option {', '.join(sorted(unknown))}")
    headers = options.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ControlError("headers is an object of texts")
    if not isinstance(options.get("content_type", ""), str):
        raise ControlError("content_type is a string")
    return Action(kind, script[kind], options)
