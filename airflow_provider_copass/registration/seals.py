"""Knowing a value again that may be a credential, without keeping it: salted, slow hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets


def sealed(value: object) -> str:
    """Return a seal of a value.

    :param value: what JSON can hold.
    """
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_hash(value, salt)}"


def is_sealed_by(seal: str | None, value: object) -> bool:
    """Tell whether a value is the one that was sealed.

    :param seal: the seal; None where there is none.
    """
    salt, separator, digest = (seal or "").partition("$")
    return bool(separator) and hmac.compare_digest(_hash(value, bytes.fromhex(salt)), digest)


def _hash(value: object, salt: bytes) -> str:
    text = json.dumps(value, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
