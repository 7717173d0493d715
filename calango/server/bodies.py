"""Fields of a JSON body with types. A wrong one raises the 400 that Langfuse's own validation gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from calango.server.errors import invalid, problem
from calango.server.shapes import as_dict, as_list

_KINDS = {"str": "string", "bool": "boolean", "int": "number", "float": "number", "list": "array"}


def kind_of(value: object) -> str:
    """JavaScript's name for the type of a JSON value."""
    return "null" if value is None else _KINDS.get(type(value).__name__, "object")


def expected(path: list[str | int], kind: str, value: object, *, given: bool = True) -> dict[str, Any]:
    """The problem of a value that has another type than `kind`."""
    message = f"Invalid input: expected {kind}, received {kind_of(value) if given else 'undefined'}"
    return problem(path, message, "invalid_type", expected=kind)


def text(body: dict[str, Any], name: str) -> str:
    """A text that must be there and not be empty."""
    value = body.get(name)
    if not isinstance(value, str):
        raise invalid(expected([name], "string", value, given=name in body))
    if not value:
        message = "Too small: expected string to have >=1 characters"
        raise invalid(problem([name], message, "too_small", minimum=1, inclusive=True))
    return value


def optional_text(body: dict[str, Any], name: str) -> str | None:
    """A text; None when it is absent, null or empty."""
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise invalid(expected([name], "string", value))


def texts(body: dict[str, Any], name: str) -> list[str]:
    """A list of texts; empty when it is absent or null."""
    value = body.get(name)
    if value is None:
        return []
    items = as_list(value)
    if items is None or not all(isinstance(item, str) for item in items):
        raise invalid(expected([name], "array", value))
    return items


def choice(body: dict[str, Any], name: str, options: Sequence[str], default: str | None = None) -> str:
    value = body.get(name)
    if value is None and default is not None:
        return default
    if value not in options:
        message = "Invalid option: expected one of " + "|".join(f'"{option}"' for option in options)
        raise invalid(problem([name], message, "invalid_value", values=list(options)))
    return str(value)


def number(body: dict[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise invalid(expected([name], "number", value))
    return value


def mapping(body: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = body.get(name)
    if value is None:
        return None
    found = as_dict(value)
    if found is None:
        raise invalid(expected([name], "object", value))
    return found
