"""Rows at the ends of what there can be, so that reads have something to answer."""

from __future__ import annotations

from typing import Any

P = "/api/public"
TRACE, SPAN = "ab" * 16, "cd" * 8
EVIL = "é\0'\"; DROP TABLE observations; --<script>%2F/?#\u202e🦎"
DEEP = "[" * 150 + "]" * 150
DEEPER = "[" * 5000 + "]" * 5000


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


_SPAN = {
    "traceId": TRACE,
    "spanId": SPAN,
    "name": EVIL,
    "startTimeUnixNano": str(2**63 - 1),
    "endTimeUnixNano": "1",
    "attributes": [
        _text("langfuse.observation.type", "generation"),
        _text("langfuse.observation.model.name", "gpt-4o"),
        _text("langfuse.observation.usage_details", '{"input": 9007199254740992, "output": 9007199254740992}'),
        _text("langfuse.observation.cost_details", '{"input": 999999999998, "output": 1e-300}'),
        _text("langfuse.observation.prompt.version", str(2**63 - 1)),
        _text("langfuse.observation.prompt.name", EVIL),
        _text("langfuse.observation.input", DEEPER),
        _text("langfuse.observation.output", DEEP),
        _text("langfuse.observation.metadata.deep", DEEPER),
        _text("langfuse.trace.metadata.deep", DEEP),
        _text("langfuse.experiment.id", "experiment-1"),
        _text("langfuse.experiment.name", EVIL),
        _text("langfuse.experiment.item.id", "item-1"),
        _text("langfuse.experiment.item.root_observation_id", SPAN),
        _text("langfuse.experiment.metadata", DEEPER),
        _text("session.id", "session-1"),
        _text("user.id", EVIL),
        _text("langfuse.trace.tags", '["a", "b,c", ""]'),
    ],
}


def _event(kind: str, **body: Any) -> dict[str, Any]:
    return {"id": kind, "type": kind, "timestamp": "1700-01-01T00:00:00Z", "body": body}


REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", f"{P}/otel/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]}),
    (
        "POST",
        f"{P}/ingestion",
        {
            "batch": [
                _event(
                    "trace-create", id="trace-1", name=EVIL, timestamp="2261-12-31T23:59:59Z", sessionId="session-1"
                ),
                _event(
                    "span-create", id="span-1", traceId="trace-1", startTime="1700-01-01T00:00:00Z", input={"a": EVIL}
                ),
                _event("score-create", id="score-1", traceId="trace-1", name=EVIL, value=1.7e308),
            ]
        },
    ),
    ("POST", f"{P}/scores", {"id": "score-2", "name": "flag", "traceId": TRACE, "value": 1, "dataType": "BOOLEAN"}),
    ("POST", f"{P}/scores", {"id": "score-3", "name": EVIL, "sessionId": "session-1", "value": EVIL}),
    ("POST", f"{P}/v2/prompts", {"name": "prompt-1", "prompt": EVIL, "labels": ["production"]}),
    ("POST", f"{P}/v2/datasets", {"name": "dataset-1", "metadata": {"a": [EVIL]}}),
    ("POST", f"{P}/dataset-items", {"datasetName": "dataset-1", "id": "item-1", "input": [EVIL]}),
    ("POST", f"{P}/dataset-run-items", {"runName": "run-1", "datasetItemId": "item-1", "traceId": TRACE}),
    (
        "PUT",
        f"{P}/models/model-1",
        {"modelName": "dear", "matchPattern": "dear", "inputPrice": 1.7e308, "outputPrice": 5e-324},
    ),
]
KNOWN = {
    "trace_id": TRACE,
    "observation_id": SPAN,
    "score_id": "score-1",
    "session_id": "session-1",
    "name": "dataset-1",
    "run_name": "run-1",
    "item_id": "item-1",
    "model_id": "model-1",
    "version": 1,
}
