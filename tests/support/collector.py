"""An OTLP/HTTP collector for tests, on loopback: it decodes what it gets, and can be told to refuse."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.tracing import SentSpan, spans_of


@dataclass
class Collector:
    """`status` is what it answers; only what it answered 200 counts as received."""

    status: int = 200
    spans: list[SentSpan] = field(default_factory=list[SentSpan])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    paths: list[str] = field(default_factory=list[str])
    members: list[int] = field(default_factory=list[int])
    port: int = 0

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.headers.append({key.lower(): value for key, value in self.headers.items()})
                outer.paths.append(self.path)
                if outer.status == 200:
                    outer.members.append(body.count(b"\x1f\x8b\x08"))
                    outer.spans += spans_of(ExportTraceServiceRequest.FromString(gzip.decompress(body)))
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
