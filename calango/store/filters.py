"""Langfuse's structured filters (`[{"type", "column", "operator", "value", "key"}]`) -> conditions. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from calango.store.query import Where

MS_LATENCY = "(end_ns // 1000000 - start_ns // 1000000)"
MS_FIRST_TOKEN = "(completion_start_ns // 1000000 - start_ns // 1000000)"  # noqa: S105 - no password but SQL

OBSERVATION_COLUMNS: Mapping[str, str] = {
    "id": "id",
    "type": "type",
    "name": "name",
    "traceId": "trace_id",
    "parentObservationId": "parent_id",
    "startTime": "start_ns",
    "endTime": "end_ns",
    "environment": "environment",
    "level": "level",
    "statusMessage": "status_message",
    "version": "version",
    "release": "release",
    "userId": "user_id",
    "sessionId": "session_id",
    "isRootObservation": "is_root",
    "traceName": "trace_name",
    "traceTags": "tags",
    "tags": "tags",
    "latency": f"({MS_LATENCY} / 1000)",
    "timeToFirstToken": f"({MS_FIRST_TOKEN} / 1000)",
    "tokensPerSecond": f"(output_tokens / nullif({MS_LATENCY} / 1000, 0))",
    "inputTokens": "coalesce(input_tokens, 0)",
    "outputTokens": "coalesce(output_tokens, 0)",
    "totalTokens": "coalesce(total_tokens, 0)",
    "tokens": "coalesce(total_tokens, 0)",
    "inputCost": "coalesce(input_cost, 0)",
    "outputCost": "coalesce(output_cost, 0)",
    "totalCost": "coalesce(total_cost, 0)",
    "model": "model",
    "providedModelName": "model",
    "promptName": "prompt_name",
    "promptVersion": "prompt_version",
    "input": "input",
    "output": "output",
    "metadata": "metadata",
    "experimentId": "experiment_id",
    "experimentName": "experiment_name",
}
_NUMBERS = frozenset(
    {
        *("latency", "timeToFirstToken", "tokensPerSecond", "promptVersion", "observationPromptVersion", "value"),
        *(f"{side}Tokens" for side in ("input", "output", "total")),
        *(f"{side}Cost" for side in ("input", "output", "total")),
        "tokens",
    }
)
_TIMES = frozenset({"startTime", "endTime", "timestamp"})
_FLAGS = frozenset({"isRootObservation", "booleanValue"})
_LISTS = frozenset({"tags", "traceTags"})
# type of a filter -> the only columns that it can be about; texts and options: any that is no list
_ONLY: Mapping[str, frozenset[str]] = {
    "number": _NUMBERS,
    "datetime": _TIMES,
    "boolean": _FLAGS,
    "arrayOptions": _LISTS,
    "stringObject": frozenset({"metadata"}),
    "numberObject": frozenset({"metadata"}),
    "categoryOptions": frozenset({"metadata"}),
}
_OTHER = _NUMBERS | _TIMES | _FLAGS
MOST = 100  # conditions of one filter
_COMPARE = frozenset({"=", "<", ">", "<=", ">="})
# operator -> (condition on one text, how the value is changed); the value is always a parameter
_TEXT: dict[str, str] = {
    "=": "{0} = ?",
    "<>": "{0} <> ?",
    "contains": "contains({0}, ?)",
    "does not contain": "NOT contains({0}, ?)",
    "starts with": "starts_with({0}, ?)",
    "ends with": "ends_with({0}, ?)",
    "matches": "contains(lower({0}), lower(?))",
}


class FilterError(ValueError):
    """A filter that can't be understood; the text says which part."""


def where_of(filters: object, columns: Mapping[str, str], moment: Callable[[str], int]) -> Where:
    """All conditions joined by AND. `moment` reads a time as ns. Raises FilterError."""
    where = Where()
    if not isinstance(filters, list):
        raise FilterError("filter must be a list of conditions")
    items = cast("list[object]", filters)
    if len(items) > MOST:
        raise FilterError(f"filter has more than {MOST} conditions")
    for item in items:
        if not isinstance(item, dict):
            raise FilterError("each filter condition must be an object")
        add_condition(where, cast("dict[str, Any]", item), columns, moment)
    return where


def add_condition(
    where: Where, condition: dict[str, Any], columns: Mapping[str, str], moment: Callable[[str], int]
) -> None:
    name, kind, operator = condition.get("column"), condition.get("type"), condition.get("operator")
    if not isinstance(name, str) or name not in columns:
        raise FilterError(f"Invalid filter column {name}. Must be one of {','.join(columns)}")
    column, value = columns[name], condition.get("value")
    _check_kind(name, kind)
    text = f"CAST({column} AS VARCHAR)" if name in _OTHER else column
    try:
        if kind in {"stringObject", "numberObject", "categoryOptions"}:
            _add_keyed(where, column, condition)
        elif kind == "null":
            where.add({"is null": f"{column} IS NULL", "is not null": f"{column} IS NOT NULL"}[str(operator)])
        elif kind == "boolean":
            where.add(f"{column} {_one_of(operator, {'=', '<>'})} ?", bool(value))
        elif kind == "number":
            where.add(f"{column} {_one_of(operator, _COMPARE)} ?", _number(value))
        elif kind == "datetime":
            where.add(f"{column} {_one_of(operator, _COMPARE)} ?", moment(str(value)))
        elif kind == "stringOptions":
            _add_options(where, f"coalesce({text}, '')", str(operator), value)
        elif kind == "arrayOptions":
            _add_array(where, column, str(operator), value)
        elif kind == "string":
            _add_text(where, text, str(operator), value)
        else:
            raise FilterError(f"Invalid filter type {kind}")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FilterError):
            raise
        raise FilterError(f"Invalid operator or value for the filter on {name}") from None


def _check_kind(name: str, kind: object) -> None:
    """Not every type of filter can be about every column."""
    only = _ONLY.get(kind) if isinstance(kind, str) else frozenset[str]()
    if only is None and (name == "metadata" or (kind != "null" and name in _LISTS)):
        only = frozenset[str]()
    if only is not None and name not in only:
        raise FilterError(f"Invalid filter type {str(kind)[:40]} for the column {name}")


def _one_of(operator: object, allowed: frozenset[str] | set[str]) -> str:
    if operator not in allowed:
        raise FilterError(f"Invalid operator {operator}")
    return str(operator)


def _number(value: object) -> float:
    number = float(cast("Any", value))
    if not math.isfinite(number):
        raise FilterError("a filter's number must be finite")
    return number


def _texts(value: object) -> list[str]:
    items: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    return [str(item) for item in items]


def _add_text(where: Where, column: str, operator: str, value: object) -> None:
    text = column if operator == "=" else f"coalesce({column}, '')"
    where.add(_TEXT[operator].format(text), str(value))


def _add_options(where: Where, column: str, operator: str, value: object) -> None:
    negated = {"any of": "", "none of": "NOT "}[operator]
    where.add(f"{negated}{column} IN (SELECT unnest(?::VARCHAR[]))", _texts(value))


def _add_array(where: Where, column: str, operator: str, value: object) -> None:
    test = {"any of": "list_has_any", "none of": "NOT list_has_any", "all of": "list_has_all"}[operator]
    where.add(f"{test}(coalesce({column}, []), ?::VARCHAR[])", _texts(value))


def _add_keyed(where: Where, column: str, condition: dict[str, Any]) -> None:
    """One key of the metadata, compared as the text that was sent (as Langfuse does)."""
    key, kind, operator, value = (condition.get(name) for name in ("key", "type", "operator", "value"))
    if column != "metadata" or not isinstance(key, str):
        raise FilterError("a keyed filter needs the column metadata and a key")
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    text = "coalesce(json_extract_string(trace_metadata_json, ?), json_extract_string(metadata_json, ?))"
    paths = [pointer, pointer]
    if operator in {"is set", "is not set"}:
        where.add(f"{text} IS {'NOT ' if operator == 'is set' else ''}NULL", *paths)
    elif kind == "numberObject":
        where.add(f"try_cast({text} AS DOUBLE) {_one_of(operator, _COMPARE)} ?", *paths, _number(value))
    elif kind == "categoryOptions":
        negated = {"any of": "", "none of": "NOT "}[str(operator)]
        where.add(f"{negated}coalesce({text}, '') IN (SELECT unnest(?::VARCHAR[]))", *paths, _texts(value))
    elif operator == "matches":
        where.add(f"contains(coalesce({text}, ''), ?)", *paths, str(value))
    else:
        wrapped = text if operator == "=" else f"coalesce({text}, '')"
        where.add(_TEXT[str(operator)].format(wrapped), *paths, str(value))
