"""Tracing that keeps everything in its outbox, and readers of what it would have sent."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from calango.tracing import Tracing
from calango.tracing.destination import Address, Destination
from tests.support.servers import settings_for


class Nowhere(Destination):
    """A destination that never answers. Its keys are its own, because the SDK keeps one client per public key."""

    def __init__(self) -> None:
        name = uuid4().hex
        super().__init__(f"nowhere#{name}", f"pk-lf-{name}")


@dataclass(frozen=True)
class SentSpan:
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    is_error: bool

    @property
    def type(self) -> str:
        return self.attributes["langfuse.observation.type"]

    @property
    def level(self) -> str:
        return self.attributes.get("langfuse.observation.level", "DEFAULT")

    @property
    def status_message(self) -> str | None:
        return self.attributes.get("langfuse.observation.status_message")

    @property
    def input(self) -> Any:
        return decoded(self.attributes.get("langfuse.observation.input"))

    @property
    def output(self) -> Any:
        return decoded(self.attributes.get("langfuse.observation.output"))

    @property
    def usage(self) -> Any:
        return decoded(self.attributes.get("langfuse.observation.usage_details"))

    def metadata(self, key: str) -> Any:
        return decoded(self.attributes.get(f"langfuse.observation.metadata.{key}"))


def unsent_tracing(home: Path, **values: Any) -> Tracing:
    return Tracing(settings_for(home, **values), Nowhere())


def sent_spans(tracing: Tracing) -> list[SentSpan]:
    """Every span so far, by start."""
    tracing.store()
    found: list[SentSpan] = []
    for item in tracing.outbox.items(100_000):
        if item.kind == "spans":
            found += spans_of(ExportTraceServiceRequest.FromString(gzip.decompress(item.body)))
    return sorted(found, key=lambda span: (span.start_ns, -span.end_ns))


def spans_of(request: ExportTraceServiceRequest) -> list[SentSpan]:
    return [
        SentSpan(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            {attribute.key: _value(attribute.value) for attribute in span.attributes},
            span.status.code == 2,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def tree(spans: list[SentSpan], *, levels: bool = True) -> list[Any]:
    """Names nested as the spans are: ["root", ["child", ["grandchild"]]]; levels other than DEFAULT are told."""
    known = {span.span_id for span in spans}

    def grow(parent: str) -> list[Any]:
        found: list[Any] = []
        for span in spans:
            if (span.parent_id if span.parent_id in known else "") == parent:
                label = f"{span.type} {span.name}"
                found.append(f"{label} {span.level}" if levels and span.level != "DEFAULT" else label)
                if below := grow(span.span_id):
                    found.append(below)
        return found

    return grow("")


def decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


class Fixed(Destination):
    """A destination at a known address; `moved_to` lets a test take it away and bring it back."""

    def __init__(self, base_url: str, public_key: str, secret_key: str) -> None:
        super().__init__(f"{base_url}#{public_key}", public_key)
        self._address = Address(base_url, public_key, secret_key)

    def moved_to(self, base_url: str) -> None:
        self._address = Address(base_url, self._address.public_key, self._address.secret_key)

    def address(self) -> Address:
        return self._address

    def known_address(self) -> Address | None:
        return self._address
