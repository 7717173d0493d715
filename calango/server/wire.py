"""Rows -> the v1 answers for observations and traces. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calango.server.shapes import parsed, parsed_dict
from calango.server.times import elapsed_ms, iso_ms, iso_ms_or_none
from calango.store import ObservationRow
from calango.store.derive import Trace

_PLAIN_TYPES = frozenset({"SPAN", "EVENT"})  # these have no model, hence no parameters
TRACE_FIELDS = frozenset({"core", "io", "scores", "observations", "metrics"})
_NOT_ASKED = -1  # what Langfuse answers for a number of a field group that was left out


def metadata_v1(row: ObservationRow, *, of_trace: bool = False) -> dict[str, Any]:
    """What the observation (or, with `of_trace`, its trace) carries; values are decoded where they are JSON."""
    texts = (parsed_dict(row.trace_metadata_json) if of_trace else {}) | parsed_dict(row.metadata_json)
    metadata = {key: parsed(value) for key, value in texts.items()}
    if row.attributes_json is not None:
        metadata["attributes"] = parsed_dict(row.attributes_json)
    return metadata | parsed_dict(row.source_json)


def observation_v1(row: ObservationRow, *, prices: Mapping[str, float | None] | None = None) -> dict[str, Any]:
    """`prices` are USD per token as `input`, `output` and `total`, when the model has a price."""
    end_ns = None if row.type == "EVENT" else row.end_ns
    first = row.completion_start_ns
    unit_prices = prices or {}
    tokens = {"input": row.input_tokens or 0, "output": row.output_tokens or 0, "total": row.total_tokens or 0}
    return {
        "id": row.id,
        "traceId": row.trace_id,
        "projectId": row.project_id,
        "type": row.type,
        "name": row.name,
        "startTime": iso_ms(row.start_ns),
        "endTime": iso_ms_or_none(end_ns),
        "completionStartTime": iso_ms_or_none(first),
        "parentObservationId": row.parent_id,
        "environment": row.environment,
        "level": row.level,
        "statusMessage": row.status_message,
        "version": row.version,
        "createdAt": iso_ms(row.created_ns),
        "updatedAt": iso_ms(row.updated_ns),
        "input": parsed(row.input),
        "output": parsed(row.output),
        "metadata": metadata_v1(row),
        "model": row.model,
        "modelId": row.model_id,
        "modelParameters": _model_parameters(row),
        "promptId": None,
        "promptName": row.prompt_name,
        "promptVersion": row.prompt_version,
        "latency": None if end_ns is None else elapsed_ms(row.start_ns, end_ns) / 1000,
        "timeToFirstToken": None if first is None else elapsed_ms(row.start_ns, first) / 1000,
        "usageDetails": parsed_dict(row.usage_json),
        "costDetails": parsed_dict(row.cost_json),
        "usagePricingTierId": row.tier_id,
        "usagePricingTierName": row.tier_name,
        "inputPrice": unit_prices.get("input"),
        "outputPrice": unit_prices.get("output"),
        "totalPrice": unit_prices.get("total"),
        "calculatedInputCost": row.input_cost,
        "calculatedOutputCost": row.output_cost,
        "calculatedTotalCost": row.total_cost or 0,
        "unit": "TOKENS",
        "promptTokens": tokens["input"],
        "completionTokens": tokens["output"],
        "totalTokens": tokens["total"],
        "usage": {"unit": "TOKENS", **tokens},
    }


def _model_parameters(row: ObservationRow) -> dict[str, Any] | None:
    if row.model_parameters_json is not None:
        return parsed_dict(row.model_parameters_json)
    # What came without a resource came by the legacy ingestion, which leaves them out altogether.
    return None if row.type in _PLAIN_TYPES or row.source_json is None else {}


def trace_core(trace: Trace, *, io: bool = True) -> dict[str, Any]:
    """The trace itself. Without `io`, input, output and metadata are empty."""
    return {
        "id": trace.id,
        "projectId": trace.project_id,
        "name": trace.name,
        "timestamp": iso_ms(trace.timestamp_ns),
        "environment": trace.environment,
        "tags": list(trace.tags),
        "bookmarked": False,
        "release": trace.release,
        "version": trace.version,
        "userId": trace.user_id,
        "sessionId": trace.session_id,
        "public": trace.public,
        "input": parsed(trace.input) if io else None,
        "output": parsed(trace.output) if io else None,
        "metadata": trace_metadata(trace) if io else {},
        "createdAt": iso_ms(trace.created_ns),
        "updatedAt": iso_ms(trace.updated_ns),
        "externalId": None,
    }


def trace_metadata(trace: Trace) -> dict[str, Any]:
    said = parsed_dict(trace.said.metadata_json) if trace.said else {}
    root = trace.root
    # An observation of the legacy ingestion is no part of what its trace says of itself.
    if root is None or root.source_json is None:
        return said
    return metadata_v1(root, of_trace=True) | said


def trace_v1(
    trace: Trace,
    fields: frozenset[str],
    *,
    observations: Sequence[Any],
    scores: Sequence[Any],
) -> dict[str, Any]:
    """`observations` and `scores` are whole in the answer for one trace, and ids in a list of traces."""
    with_metrics = "metrics" in fields
    return trace_core(trace, io="io" in fields) | {
        "scores": list(scores) if "scores" in fields else [],
        "observations": list(observations) if "observations" in fields else [],
        "latency": trace.duration_ms / 1000 if with_metrics else _NOT_ASKED,
        "totalCost": trace.total_cost if with_metrics else _NOT_ASKED,
        "htmlPath": f"/project/{trace.project_id}/traces/{trace.id}",
    }


def trace_of_score(trace: Trace | None) -> dict[str, Any] | None:
    """The `trace` part of a score in a list of scores."""
    if trace is None:
        return None
    return {
        "userId": trace.user_id,
        "tags": list(trace.tags),
        "environment": trace.environment,
        "sessionId": trace.session_id,
    }
