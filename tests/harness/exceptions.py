"""What an exception tells."""

from __future__ import annotations


def everything_said(error: BaseException) -> str:
    """Return all that a log or an error tracker could print of an exception, its causes and its notes."""
    said = []
    at: BaseException | None = error
    while at is not None:
        said += [str(at), repr(at), repr(at.args), repr(at.__dict__), repr(getattr(at, "__notes__", None))]
        at = at.__cause__ or at.__context__
    return "\n".join(said)
