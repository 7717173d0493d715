"""Rows -> the v2 answers for observations: field groups, raw input and output, flat metadata, cursors. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import orjson

from calango.server.errors import refused
from calango.server.shapes import as_dict, parsed, parsed_dict
from calango.server.times import elapsed_ms, iso_ms, iso_ms_or_none, parse_bound
from calango.store import ObservationRow

GROUPS = frozenset({"core", "basic", "time", "io", "metadata", "model", "usage", "prompt", "metrics", "trace_context"})
DEFAULT_GROUPS = frozenset({"core", "basic"})
METADATA_LIMIT = 200


def groups_of(text: str | None) -> frozenset[str]:
    """The field groups asked for; `core` always; names that don't exist are ignored, as Langfuse does."""
    if not text:
        return DEFAULT_GROUPS
    return frozenset(part.strip() for part in text.split(",")) & GROUPS | {"core"}


def wide_columns(groups: frozenset[str]) -> frozenset[str]:
    """The heavy columns that these groups need."""
    wide = {"input", "output"} if "io" in groups else set[str]()
    if "metadata" in groups:
        wide |= {"metadata_json", "trace_metadata_json", "attributes_json"}
    return frozenset(wide)


def observation_v2(row: ObservationRow, groups: frozenset[str], expanded: Iterable[str] = ()) -> dict[str, Any]:
    answer = _core(row, "metrics" in groups)
    if "basic" in groups:
        answer |= {
            "name": row.name,
            "level": row.level,
            "statusMessage": row.status_message or "",
            "version": row.version or "",
            "environment": row.environment,
            "bookmarked": False,
            "public": row.public,
            "userId": row.user_id or "",
            "sessionId": row.session_id or "",
            "isRootObservation": row.is_root,
        }
    if "time" in groups:
        answer["completionStartTime"] = iso_ms_or_none(row.completion_start_ns)
        answer["createdAt"] = iso_ms(row.created_ns)
        answer["updatedAt"] = iso_ms(row.updated_ns)
    if "io" in groups:
        answer |= {"input": row.input, "output": row.output}
    if "metadata" in groups:
        answer["metadata"] = metadata_v2(row, frozenset(expanded))
    if "model" in groups:
        parameters = parsed_dict(row.model_parameters_json)
        answer |= {"model": row.model or "", "internalModelId": row.model_id or "", "modelParameters": parameters}
    if "usage" in groups:
        answer |= _usage(row)
    if "prompt" in groups:
        answer |= {"promptId": "", "promptName": row.prompt_name or "", "promptVersion": row.prompt_version}
    if "trace_context" in groups:
        answer |= {"traceName": row.trace_name or "", "release": row.release or "", "tags": row.tags or []}
    return answer


def _core(row: ObservationRow, with_metrics: bool) -> dict[str, Any]:
    """Langfuse answers the latency with every group, and null instead of 0 when it was asked for as `metrics`."""
    latency = None if row.end_ns is None else elapsed_ms(row.start_ns, row.end_ns) / 1000
    first = 0.0
    if with_metrics and row.completion_start_ns is not None:
        first = elapsed_ms(row.start_ns, row.completion_start_ns) / 1000
    return {
        "id": row.id,
        "traceId": row.trace_id,
        "startTime": iso_ms(row.start_ns),
        "endTime": iso_ms_or_none(row.end_ns),
        "projectId": row.project_id,
        "parentObservationId": row.parent_id,
        "type": row.type,
        "latency": (latency or None) if with_metrics else latency,
        "timeToFirstToken": first or None,
        "modelId": None,
        "inputPrice": None,
        "outputPrice": None,
        "totalPrice": None,
    }


def _usage(row: ObservationRow) -> dict[str, Any]:
    return {
        "usageDetails": parsed_dict(row.usage_json),
        "inputUsage": row.input_tokens or 0,
        "outputUsage": row.output_tokens or 0,
        "totalUsage": row.total_tokens or 0,
        "costDetails": parsed_dict(row.cost_json),
        "inputCost": row.input_cost,
        "outputCost": row.output_cost,
        "totalCost": row.total_cost or 0,
        "usagePricingTierId": row.tier_id,
        "usagePricingTierName": row.tier_name,
    }


def metadata_v2(row: ObservationRow, expanded: frozenset[str]) -> dict[str, Any]:
    """One flat map: the observation's own, its trace's over it, then scope and resource with dotted keys.

    Values longer than METADATA_LIMIT characters are cut, except those of `expanded` keys.
    """
    texts = parsed_dict(row.metadata_json) | parsed_dict(row.trace_metadata_json)
    if row.attributes_json is not None:
        texts |= {f"attributes.{key}": value for key, value in parsed_dict(row.attributes_json).items()}
    flat = {key: text if key in expanded else _cut(text) for key, text in texts.items()}
    metadata = {key: parsed(text) for key, text in flat.items()}
    return metadata | dict(_flat(parsed_dict(row.source_json)))


def _cut(text: Any) -> Any:
    if not isinstance(text, str) or len(text) <= METADATA_LIMIT:
        return text
    decoded = parsed(text)
    return orjson.dumps(decoded[:METADATA_LIMIT]).decode() if isinstance(decoded, str) else text[:METADATA_LIMIT]


def _flat(node: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in node.items():
        inner = as_dict(value)
        if inner is None:
            yield f"{prefix}{key}", value
        else:
            yield from _flat(inner, f"{prefix}{key}.")


def cursor_after(row: ObservationRow) -> str:
    position = {"lastStartTimeTo": iso_ms(row.start_ns), "lastTraceId": row.trace_id, "lastId": row.id}
    return base64.b64encode(orjson.dumps(position)).decode()


def cursor_position(cursor: str) -> tuple[int, str, str]:
    """Start (ns), trace id and id of the last row that was answered; 400 when it is none of ours."""
    try:
        position = orjson.loads(base64.b64decode(cursor, validate=True))
        return parse_bound(position["lastStartTimeTo"]), str(position["lastTraceId"]), str(position["lastId"])
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise refused("Invalid cursor format") from None
