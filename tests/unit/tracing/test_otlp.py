"""Our encoder against the generated protobuf code and OpenTelemetry's own encoder."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from calango.tracing.otlp import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
VALUE: Any = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(TEXT, max_size=3),
    st.lists(st.integers(-5, 5), max_size=3),
)


def recorded(build: Any) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "x", "n": 3}, schema_url="https://r"), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    build(provider)
    return list(exporter.get_finished_spans())


def same(spans: list[ReadableSpan]) -> bool:
    return ExportTraceServiceRequest.FromString(encode(spans)) == encode_spans(spans)


@given(st.dictionaries(st.text("abc.", min_size=1, max_size=5), VALUE, max_size=5), TEXT)
def test_any_attributes_and_name_are_encoded_as_opentelemetry_does(attributes, name):
    spans = recorded(lambda provider: provider.get_tracer("t", "1").start_span(name, attributes=attributes).end())

    assert same(spans)


def test_parents_kinds_events_links_and_status_are_encoded_as_opentelemetry_does():
    remote = SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(1))

    def build(provider: TracerProvider) -> None:
        tracer = provider.get_tracer("scope", "2", "https://s", {"public_key": "pk"})
        with tracer.start_as_current_span("root", kind=SpanKind.SERVER, links=[Link(remote, {"why": "x"})]) as root:
            root.add_event("happened", {"n": 1}, timestamp=123)
            root.set_status(Status(StatusCode.ERROR, "boom"))
            provider.get_tracer("other").start_span("child", kind=SpanKind.CLIENT).end()

    assert same(recorded(build))


def test_a_long_prompt_is_encoded_whole():
    prompt = "é" * 300_000
    spans = recorded(lambda provider: provider.get_tracer("t").start_span("s", attributes={"input": prompt}).end())

    request = ExportTraceServiceRequest.FromString(encode(spans))
    assert request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value == prompt


def test_half_a_character_does_not_lose_the_span():
    spans = recorded(lambda provider: provider.get_tracer("t").start_span("a\ud800b").end())

    assert ExportTraceServiceRequest.FromString(encode(spans)).resource_spans[0].scope_spans[0].spans[0].name == "a?b"


def test_no_spans_are_no_request():
    assert encode([]) == b""
