"""The spans that are sent: a LangGraph turn as Langfuse's SDK wrote it, recorded, again and again with ids of its own.

The recorded trace without its two routing functions has nine spans of about 1 kB.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

RECORDED = Path(__file__).parents[2] / "tests/conformance/golden/langgraph-5.0.4/001_POST_otel_v1_traces_200.json"
SPANS = 9
_IDS = ("traceId", "spanId", "parentSpanId")
TRACES_A_BODY = 50  # 450 spans, about what the SDK's batch processor sends at once
USERS = 2_000
DAYS = 30
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash", "qwen3:8b")
NAMES = ("calango-turn", "support", "research", "triage")
START_NS = 1_790_000_000_000_000_000
DAY_NS = 86_400_000_000_000
WORDS = (
    "quanto",
    "custa",
    "entrega",
    "pedido",
    "prazo",
    "cliente",
    "fatura",
    "boleto",
    "senha",
    "acesso",
    "produto",
    "troca",
    "garantia",
    "envio",
    "cartão",
    "limite",
    "order",
    "refund",
    "invoice",
    "account",
    "delivery",
    "warranty",
    "password",
    "product",
    "card",
    "status",
    "agent",
    "question",
    "answer",
    "tool",
)


class Turns:
    """Endless traces, the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["request_body"]
        spans = [span for scope in _scopes(recorded) for span in scope["spans"]]
        trace_id = spans[0]["traceId"]
        mine = [span for span in spans if span["traceId"] == trace_id and span["name"] != "tools_condition"]
        assert len(mine) == SPANS
        self._ids = {bytes.fromhex(span["spanId"]): number for number, span in enumerate(mine)}
        whole = deepcopy(recorded)
        whole["resourceSpans"] = whole["resourceSpans"][:1]
        _scopes(whole)[0]["spans"] = [_with_binary_ids(span) for span in mine]
        self._template = ParseDict(whole, ExportTraceServiceRequest(), ignore_unknown_fields=True)

    def trace(self, spans: int = SPANS) -> tuple[bytes, list[Span]]:
        """The id of a new trace, and its spans; more than nine repeat the inner ones."""
        random_ = self._random
        trace_id, offset = random_.randbytes(16), random_.randrange(DAYS * DAY_NS)
        user, name, model = random_.randrange(USERS), random_.choice(NAMES), random_.choice(MODELS)
        said = json.dumps({"messages": [{"type": "human", "content": self._sentence()}]}, ensure_ascii=False)
        template = self._template.resource_spans[0].scope_spans[0].spans
        base = min(span.start_time_unix_nano for span in template)
        ids = {number: random_.randbytes(8) for number in range(spans)}
        made: list[Span] = []
        for number in range(spans):
            span = Span()
            span.CopyFrom(template[number % SPANS])
            span.trace_id, span.span_id = trace_id, ids[number]
            parent = self._ids.get(bytes(span.parent_span_id))
            if parent is None:
                span.ClearField("parent_span_id")
            else:
                span.parent_span_id = ids[parent]
            slower = 1 + random_.random() * 5
            took = span.end_time_unix_nano - span.start_time_unix_nano
            span.start_time_unix_nano += START_NS + offset - base
            span.end_time_unix_nano = span.start_time_unix_nano + int(took * slower * 1000)
            for pair in span.attributes:
                if pair.key == "user.id":
                    pair.value.string_value = f"user-{user}"
                elif pair.key == "session.id":
                    pair.value.string_value = f"session-{user}-{offset // DAY_NS}"
                elif pair.key == "langfuse.trace.name":
                    pair.value.string_value = name
                elif pair.key == "langfuse.observation.model.name":
                    pair.value.string_value = model
                elif pair.key in {"langfuse.observation.input", "langfuse.observation.output"}:
                    pair.value.string_value = said + pair.value.string_value
            made.append(span)
        return trace_id, made

    def request(self, spans: list[Span]) -> bytes:
        """An OTLP request of these spans, not compressed."""
        whole = ExportTraceServiceRequest()
        whole.CopyFrom(self._template)
        scope = whole.resource_spans[0].scope_spans[0]
        del scope.spans[:]
        scope.spans.extend(spans)
        return whole.SerializeToString()

    def bodies(self, count: int) -> Iterator[bytes]:
        """`count` compressed requests of TRACES_A_BODY traces each."""
        for _ in range(count):
            spans = [span for _ in range(TRACES_A_BODY) for span in self.trace()[1]]
            yield gzip.compress(self.request(spans), 6)

    def _sentence(self) -> str:
        return " ".join(self._random.choices(WORDS, k=12))


def _scopes(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [scope for resource in request["resourceSpans"] for scope in resource["scopeSpans"]]


def _with_binary_ids(span: dict[str, Any]) -> dict[str, Any]:
    """Proto-JSON has base64 where OTLP/JSON has hex."""
    return span | {key: base64.b64encode(bytes.fromhex(span[key])).decode() for key in _IDS if key in span}
