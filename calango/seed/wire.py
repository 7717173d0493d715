"""Drawn turns as requests: OTLP spans with the attributes that Calango's handler writes, and scores. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from calango import ids
from calango.seed.turns import Call, DrawnTurn

MS = 1_000_000
_OBSERVATION = "langfuse.observation."
PROMPT = "atendimento"


def request(turns: Iterable[DrawnTurn]) -> bytes:
    """A serialized ExportTraceServiceRequest."""
    whole = ExportTraceServiceRequest()
    scope = whole.resource_spans.add().scope_spans.add()
    scope.scope.name = "langfuse-sdk"
    for turn in turns:
        _Trace(scope.spans, turn).write()
    return whole.SerializeToString()


def scores(turns: Iterable[DrawnTurn]) -> list[dict[str, Any]]:
    """Bodies for the list form of the scores endpoint."""
    return [score for turn in turns if turn.vote for score in _votes(turn)]


def _votes(turn: DrawnTurn) -> Iterable[dict[str, Any]]:
    assert turn.vote is not None
    trace_id, at = turn.trace_id.hex(), turn.start_ns + int((turn.end_ms + 5000) * MS)
    about = {"traceId": trace_id, "environment": turn.environment, "timestamp": _iso(at)}
    if turn.vote.thumb is not None:
        name = "user-feedback"
        yield {
            **about, "id": ids.score_id(trace_id, name, turn.user), "name": name, "dataType": "BOOLEAN",
            "value": int(turn.vote.thumb), "comment": turn.vote.comment,
        }  # fmt: skip
    if turn.vote.stars is not None:
        name = "user-rating"
        yield {
            **about, "id": ids.score_id(trace_id, name, turn.user), "name": name, "dataType": "NUMERIC",
            "value": turn.vote.stars,
        }  # fmt: skip


class _Trace:
    """Writes the spans of one turn: root, graph, nodes, calls."""

    def __init__(self, spans: Any, turn: DrawnTurn) -> None:
        self._spans = spans
        self._turn = turn
        self._count = 0
        self._common: list[tuple[str, Any]] = [
            ("user.id", turn.user),
            ("session.id", turn.session),
            ("langfuse.trace.name", "calango-turn"),
            ("langfuse.environment", turn.environment),
            ("langfuse.release", turn.release),
        ]

    def write(self) -> None:
        turn = self._turn
        end = turn.end_ms
        level = {"error": ("ERROR", turn.error), "cancelled": ("WARNING", "cancelled")}.get(turn.outcome)
        root = self._add("calango-turn", "agent", None, 0, end, turn.question, turn.answer or None, level=level,
                         metadata={"status": turn.outcome, "model": turn.model.name})  # fmt: skip
        graph = self._add("LangGraph", "chain", root, 1, end - 1, turn.question, turn.answer or None, level=level)
        classify = turn.classify
        intent = json.dumps({"intent": turn.intent.name}, ensure_ascii=False)
        node = self._add(
            "classify_intent", "chain", graph, classify.start_ms - 1, classify.end_ms + 1, turn.question, intent
        )
        self._model(node, classify, turn.question, intent, prompt=None)
        for number, call in enumerate(turn.calls):
            is_last = number == len(turn.calls) - 1
            said = (turn.answer or None) if is_last and not turn.tools[number:] else "tool_calls"
            failed = ("ERROR", call.error) if call.error else None
            node = self._add(
                "agent", "chain", graph, call.start_ms - 1, call.end_ms + 1, turn.question, said, level=failed
            )
            self._model(node, call, turn.question, said, prompt=turn.prompt_version)
            if number == 0:
                self._tools(graph)
        if not turn.calls:
            self._tools(graph)
        self._add("post_process", "chain", graph, end - 2, end - 1, turn.answer or None, turn.answer or None)

    def _tools(self, graph: bytes) -> None:
        tools = self._turn.tools
        if not tools:
            return
        node = self._add("tools", "chain", graph, tools[0].start_ms - 1, tools[-1].end_ms + 1, None, None)
        for tool in tools:
            failed = ("ERROR", tool.error) if tool.error else None
            self._add(tool.name, "tool", node, tool.start_ms, tool.end_ms, '{"id": "…"}', '{"ok": true}', level=failed)

    def _model(self, parent: bytes, call: Call, sent: str, said: str | None, *, prompt: int | None) -> None:
        more: list[tuple[str, Any]] = [(f"{_OBSERVATION}model.name", self._turn.model.name)]
        if call.first_token_ms is not None:
            usage = {"input": call.tokens_input - call.tokens_cached, "output": call.tokens_output}
            if call.tokens_cached:
                usage["input_cached_tokens"] = call.tokens_cached
            more.append((f"{_OBSERVATION}usage_details", json.dumps(usage)))
            first = _iso(self._turn.start_ns + int(call.first_token_ms * MS))
            more.append((f"{_OBSERVATION}completion_start_time", json.dumps(first)))
        if prompt is not None:
            more += [(f"{_OBSERVATION}prompt.name", PROMPT), (f"{_OBSERVATION}prompt.version", prompt)]
        failed = ("ERROR", call.error) if call.error else None
        metadata = {"ls_provider": self._turn.model.provider}
        self._add(self._turn.model.name, "generation", parent, call.start_ms, call.end_ms, sent, said,
                  level=failed, metadata=metadata, more=more)  # fmt: skip

    def _add(
        self, name: str, kind: str, parent: bytes | None, start_ms: float, end_ms: float, sent: str | None,
        said: str | None, *, level: tuple[str, str | None] | None = None, metadata: dict[str, str] | None = None,
        more: Iterable[tuple[str, Any]] = (),
    ) -> bytes:  # fmt: skip
        turn = self._turn
        span: Span = self._spans.add()
        self._count += 1
        span.trace_id = turn.trace_id
        span.span_id = blake2b(turn.trace_id + self._count.to_bytes(2, "big"), digest_size=8).digest()
        if parent is not None:
            span.parent_span_id = parent
        span.name = name
        span.start_time_unix_nano = turn.start_ns + int(start_ms * MS)
        span.end_time_unix_nano = turn.start_ns + int(end_ms * MS)
        attributes = [*self._common, (f"{_OBSERVATION}type", kind), *more]
        attributes += [(f"{_OBSERVATION}{key}", value) for key, value in (("input", sent), ("output", said)) if value]
        if level is not None:
            attributes += [(f"{_OBSERVATION}level", level[0]), (f"{_OBSERVATION}status_message", level[1] or "error")]
        attributes += [(f"{_OBSERVATION}metadata.{key}", json.dumps(value)) for key, value in (metadata or {}).items()]
        for key, value in attributes:
            pair = span.attributes.add(key=key)
            if isinstance(value, int):
                pair.value.int_value = value
            else:
                pair.value.string_value = value
        tags = span.attributes.add(key="langfuse.trace.tags").value.array_value.values
        for tag in turn.tags:
            tags.add(string_value=tag)
        return bytes(span.span_id)


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // MS / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
