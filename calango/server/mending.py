"""A batch of JSON in which something can't be read: what is bad is marked, so that only its own item is refused.

Half a surrogate pair and bytes that are no UTF-8 become U+FFFD, as in Langfuse (JavaScript cuts texts in the middle
of a character). NaN, Infinity, numbers that are too large and what is nested too deep become a mark.
"""

from __future__ import annotations

import math
import re
import secrets
from typing import Any

import orjson

from calango.server.errors import ApiError, refused
from calango.store.writable import DEPTH, is_writable

MAX_MENDED = 8 * 1024 * 1024  # it takes a few hundred ns for each thing in the body
MAX_VALUES = 4_000_000
MAX_ITEMS = 100_000
_MARK = secrets.token_hex(16).encode()  # nobody can send it
_DEEPEST = DEPTH + 16  # in the body; the items are looked at one by one
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]|-?(?:Infinity|NaN)|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_HALVES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def json_of(raw: bytes, *, mend: bool = False) -> Any:
    """The decoded body. ApiError 400 when it is no JSON, 413 when it has too many values. `mend`: it is a batch."""
    if len(raw) > MAX_VALUES and raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise ApiError(413, f"The body has more than {MAX_VALUES} values: send smaller batches.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    if mend and len(raw) <= MAX_MENDED:
        try:
            return orjson.loads(mended(raw))
        except orjson.JSONDecodeError:
            pass
    raise ApiError(400, f"Invalid JSON in the request body: {reason}.", "InvalidRequestError") from None


def bounded(items: list[Any]) -> list[Any]:
    """The items of a batch; ApiError 413 when there are too many for one answer."""
    if len(items) > MAX_ITEMS:
        raise ApiError(
            413, f"The batch has {len(items)} items; at most {MAX_ITEMS} come at once: send smaller batches."
        )
    return items


def check(item: Any) -> None:
    """ApiError 400 when the item is nested too deep, or was marked."""
    if not is_writable(item):
        raise refused(f"Nested deeper than {DEPTH} levels.")
    if _MARK in orjson.dumps(item):
        raise refused(
            f"Not valid JSON: NaN, Infinity, a number that is too large, or nested deeper than {DEPTH} levels."
        )


def mended(raw: bytes) -> bytes:
    raw = raw.decode(errors="replace").encode()
    pieces: list[bytes] = []
    at = depth = 0
    for found in _TOKEN.finditer(raw):
        token, start, end = found.group(), found.start(), found.end()
        if token in b"[{":
            depth += 1
            if depth == _DEEPEST:
                pieces.append(raw[at:start])
        elif token in b"]}":
            depth -= 1
            if depth == _DEEPEST - 1:
                pieces.append(b'"' + _MARK + b'"')
                at = end
        elif depth < _DEEPEST and (better := _better(token)) is not token:
            pieces += (raw[at:start], better)
            at = end
    pieces.append(raw[at:])
    return b"".join(pieces)


def _better(token: bytes) -> bytes:
    if token.startswith(b'"'):
        return _HALVES.sub(_whole, token) if b"\\u" in token else token
    try:
        known = math.isfinite(float(token))
    except ValueError:
        return token
    return token if known else b'"' + _MARK + b'"'


def _whole(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match.group(1) else match.group()
