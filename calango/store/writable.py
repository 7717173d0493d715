"""What JSON an answer can say again. orjson reads 1024 levels but writes 254, and an answer adds some of its own."""

from __future__ import annotations

from typing import Any

import orjson

DEPTH = 200
_WRAPPED = 254 - DEPTH


def is_writable(value: Any) -> bool:
    """It is nested no deeper than DEPTH levels, and holds no text and no number that JSON can't say."""
    for _ in range(_WRAPPED):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def is_json(text: str) -> bool:
    """It can be decoded, and be answered again."""
    try:
        return is_writable(orjson.loads(text))
    except orjson.JSONDecodeError:
        return False
