"""Narrowing of decoded JSON: `Any` in, a typed value or None out."""

from __future__ import annotations

from typing import Any, cast

import orjson

from calango.store.writable import DEPTH, is_writable


def as_dict(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def as_text(value: object) -> str | None:
    """Text as it is, anything else as JSON text; None stays None."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def parsed(text: Any) -> Any:
    """What the JSON text says; text that is no JSON stays text. So does what is nested too deep, or holds NaN."""
    if not isinstance(text, str):
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    deep = len(text) > DEPTH and text.count("[") + text.count("{") > DEPTH and not is_writable(value)
    return text if deep else value


def parsed_dict(text: Any) -> dict[str, Any]:
    return as_dict(parsed(text)) or {}
