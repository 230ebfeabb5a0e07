"""What is kept of a text that was ingested: its length and its SHA-256, never the text."""

from __future__ import annotations

import hashlib
from typing import Any


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex.

    :param text: the text; half of a surrogate pair, which UTF-8 cannot write, is no error.
    """
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def without_text(body: Any) -> Any:
    """Return a request's body for the record, with ``{"length", "sha256"}`` in place of its ``text``.

    :param body: the JSON body.
    """
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        return body
    text = body["text"]
    return {**body, "text": {"length": len(text), "sha256": sha256_of(text)}}
