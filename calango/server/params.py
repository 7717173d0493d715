"""Query parameters with types. A wrong one raises the 400 that Langfuse's own validation gives."""

from __future__ import annotations

import math
import re
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from calango.server.errors import invalid, problem
from calango.server.times import parse_bound

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_LAST_PAGE = 10**9


def integer(query: QueryParams, name: str, default: int, *, minimum: int, maximum: int | None = None) -> int:
    text = query.get(name)
    if text is None or text == "":
        return default
    if not _INTEGER.fullmatch(text):
        raise invalid(
            problem([name], "Invalid input: expected number, received NaN", "invalid_type", expected="number")
        )
    value = int(text)
    if value < minimum:
        more = {"origin": "number", "minimum": minimum, "inclusive": True}
        raise invalid(problem([name], f"Too small: expected number to be >={minimum}", "too_small", **more))
    if maximum is not None and value > maximum:
        more = {"origin": "number", "maximum": maximum, "inclusive": True}
        raise invalid(problem([name], f"Too big: expected number to be <={maximum}", "too_big", **more))
    return value


def moment(query: QueryParams, name: str) -> int | None:
    """Nanoseconds since the epoch."""
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_bound(text.replace(" ", "+"))
    except ValueError:
        raise invalid(problem([name], "Invalid ISO datetime", "invalid_format", format="datetime")) from None


def flag(query: QueryParams, name: str) -> bool | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if text.lower() not in {"true", "false"}:
        raise invalid(problem([name], "Invalid input: expected boolean", "invalid_type", expected="boolean"))
    return text.lower() == "true"


def listed(query: QueryParams, name: str) -> list[str]:
    """Values given by repeating the parameter, or separated by commas."""
    return [part for text in query.getlist(name) for part in text.split(",") if part]


def text(query: QueryParams, name: str) -> str | None:
    return query.get(name) or None


def number(query: QueryParams, name: str) -> float | None:
    value = query.get(name)
    if not value:
        return None
    found = finite(value)
    if found is None:
        raise invalid(problem([name], "Invalid input: expected number", "invalid_type", expected="number"))
    return found


def finite(text: str) -> float | None:
    """The number that the text says; None when it says none, or one that is not finite."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def document(query: QueryParams, name: str) -> Any:
    """A parameter that holds JSON; None when it is absent."""
    value = query.get(name)
    if not value:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise invalid(problem([name], "Invalid JSON")) from None


def page_of(query: QueryParams, *, maximum: int | None = 100, default: int = 50) -> tuple[int, int]:
    """`page` (from 1) and `limit`."""
    page = integer(query, "page", 1, minimum=1, maximum=_LAST_PAGE)
    return page, integer(query, "limit", default, minimum=1, maximum=maximum)


def page_meta(page: int, limit: int, total: int) -> dict[str, int]:
    return {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
