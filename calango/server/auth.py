"""Basic auth with project keys. Only hashes of secrets are kept, and they are compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import duckdb

from calango.server.errors import ApiError

_NOBODY = hashlib.sha256(b"no such key").hexdigest()


def secret_hash(secret_key: str) -> str:
    """Keys are 128 random bits: a plain hash can't be guessed backwards, and costs nothing per request."""
    return hashlib.sha256(secret_key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks: a key pair of a project, known by its public half."""

    public_key: str
    project_id: str


class Keyring:
    """Every project's keys, in memory. Call `add` and `forget` after the store has committed the same."""

    def __init__(self, keys: dict[str, tuple[str, str]]) -> None:
        self._keys = keys  # public key -> (hash of the secret, project id)

    @classmethod
    def load(cls, db: duckdb.DuckDBPyConnection) -> Keyring:
        rows = db.execute("SELECT public_key, secret_sha256, project_id FROM api_keys").fetchall()
        return cls({public: (secret, project) for public, secret, project in rows})

    def add(self, public_key: str, secret_sha256: str, project_id: str) -> None:
        self._keys[public_key] = (secret_sha256, project_id)

    def forget(self, public_key: str) -> None:
        """From now on the key opens nothing."""
        self._keys.pop(public_key, None)

    def identify(self, authorization: str | None) -> Key:
        """The key that the Authorization header proves; ApiError 401 otherwise."""
        if not authorization:
            raise ApiError(401, "No authorization header")
        public_key, secret_key = _credentials(authorization)
        known, project_id = self._keys.get(public_key, (_NOBODY, ""))
        if not hmac.compare_digest(known, secret_hash(secret_key)) or not project_id:
            raise ApiError(401, "Invalid credentials. Confirm that you've configured the correct host.")
        return Key(public_key, project_id)


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ApiError(401, "Invalid authorization header: use Basic auth with the public and the secret key.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError(401, "Invalid authorization header") from None
    public_key, _, secret_key = text.partition(":")
    return public_key, secret_key
