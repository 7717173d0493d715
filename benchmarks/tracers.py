"""Each tracer as its own documentation sets it up, sending to the sink. `attach()` gives callbacks for a turn."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Tracer:
    """`attach` builds what one turn gets; `flush` waits until everything has been sent."""

    attach: Callable[[], dict[str, Any]]
    flush: Callable[[], None]


def none(url: str) -> Tracer:
    return Tracer(dict, lambda: None)


def stock(url: str) -> Tracer:
    """Langfuse's own handler, as its LangGraph guide shows it."""
    from langfuse import Langfuse
    from langfuse.langchain import CallbackHandler

    client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url=url)
    about = {"langfuse_session_id": "s", "langfuse_user_id": "ana", "langfuse_tags": ["t"]}
    return Tracer(lambda: {"callbacks": [CallbackHandler()], "metadata": about}, client.flush)


def langsmith(url: str) -> Tracer:
    from langchain_core.tracers import LangChainTracer
    from langsmith import Client

    client = Client(api_url=url, api_key="bench")
    return Tracer(lambda: {"callbacks": [LangChainTracer(client=client, project_name="bench")]}, client.flush)


def openinference(url: str) -> Tracer:
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return Tracer(dict, lambda: provider.force_flush() and None)


def calango(url: str) -> Tracer:
    from calango.settings import Settings
    from calango.tracing import connect, create_handler

    home = Path(tempfile.mkdtemp(prefix="calango-bench-"))
    os.environ |= {"LANGFUSE_PUBLIC_KEY": "pk-lf-bench", "LANGFUSE_SECRET_KEY": "sk-lf-bench", "LANGFUSE_BASE_URL": url}
    settings = Settings.load(home=home)
    tracing = connect(settings)
    assert tracing is not None

    def attach() -> dict[str, Any]:
        return {"callbacks": [create_handler(session_id="s", user_id="ana", tags=["t"], tracing=tracing)]}

    return Tracer(attach, lambda: tracing.flush(60) and None)


TRACERS: dict[str, Callable[[str], Tracer]] = {
    "none": none,
    "stock": stock,
    "langsmith": langsmith,
    "openinference": openinference,
    "calango": calango,
}
