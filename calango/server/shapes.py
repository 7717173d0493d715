"""Narrowing of decoded JSON: `Any` in, a typed value or None out."""

from __future__ import annotations

from typing import Any, cast

import orjson


def as_dict(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def as_text(value: object) -> str | None:
    """Text as it is, anything else as JSON text; None stays None."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def parsed(text: str | None) -> Any:
    """What the JSON text says; text that is no JSON stays text. NaN and numbers beyond 64 bits stay text too."""
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def parsed_dict(text: str | None) -> dict[str, Any]:
    return as_dict(parsed(text)) or {}
