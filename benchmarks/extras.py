"""What is sent, and what is waited for: `python -m benchmarks.extras sizes|first_token|masking|backend_down URL`."""

from __future__ import annotations

import gzip
import json
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.agent import ScriptedModel, build, prepared, question
from calango.settings import Settings
from calango.tracing import Tracing, create_handler
from calango.tracing.destination import Destination

ROUNDS = 60


def sizes() -> dict[str, float]:
    """OTLP bytes of a turn without its generations' prompts, at 10 and at 400 messages."""
    found: dict[str, float] = {}
    for history in (10, 400):
        home = Path(tempfile.mkdtemp(prefix="calango-bench-"))
        tracing = Tracing(Settings.load(home=home), Destination(f"nowhere#{history}", f"pk-lf-{history}"))
        graph = build()
        handler = create_handler(session_id="s", user_id="ana", tags=["t"], tracing=tracing)
        graph.invoke(question(), {"configurable": prepared(graph, history), "callbacks": [handler]})
        tracing.store()
        found[f"bytes_{history}"] = sum(_without_prompts(item.body) for item in tracing.outbox.items())
        tracing.close(0)
    return found


def _without_prompts(body: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                named = {attribute.key: attribute for attribute in span.attributes}
                if named["langfuse.observation.type"].value.string_value == "generation":
                    named["langfuse.observation.input"].value.string_value = ""
    return request.ByteSize()


def first_token() -> dict[str, float]:
    """How much later the first token reaches a caller of the engine than one of the bare graph, median in ms."""
    from calango.engine import CalangoEngine
    from calango.loader import LoadedGraph
    from calango.records import Token

    home = Path(tempfile.mkdtemp(prefix="calango-bench-"))
    settings = Settings.load(home=home)
    tracing = Tracing(settings, Destination("nowhere#first", "pk-lf-first"))
    bare, loaded = build(ScriptedModel()), LoadedGraph("bench", "bench", build(ScriptedModel()))
    delays: list[tuple[float, float]] = []
    with CalangoEngine(loaded, settings, tracing=tracing, open_threads=_in_memory) as engine:
        for number in range(ROUNDS):
            started = time.perf_counter()
            stream = bare.stream(question(), {"configurable": {"thread_id": f"b{number}"}}, stream_mode="messages")
            for chunk, _ in stream:
                if chunk.type == "AIMessageChunk" and chunk.content:
                    break
            alone = time.perf_counter() - started
            list(stream)
            started = time.perf_counter()
            through = 0.0
            for event in engine.stream("quanto é 1+2?", session_id=f"e{number}"):
                if isinstance(event, Token) and not through:
                    through = time.perf_counter() - started
            delays.append((alone, through))
    tracing.close(0)
    warm = delays[10:]
    return {"first_token_ms": statistics.median((through - alone) * 1000 for alone, through in warm)}


def backend_down(url: str) -> dict[str, float]:
    """How much longer a turn takes while the backend is down than while it answers, median in ms; turns alternate."""
    from calango.engine import CalangoEngine
    from calango.loader import LoadedGraph
    from calango.tracing.destination import Remote

    engines: dict[str, CalangoEngine] = {}
    tracings: list[Tracing] = []
    for name, base_url in (("up", url), ("down", "http://127.0.0.1:9")):
        home = Path(tempfile.mkdtemp(prefix="calango-bench-"))
        keys = {"public_key": f"pk-lf-{name}", "secret_key": "sk-lf-bench"}
        settings = Settings.load(home=home, base_url=base_url, flush_interval_s=0.2, **keys)
        tracings.append(Tracing(settings, Remote(settings)))
        loaded = LoadedGraph("bench", "bench", build(ScriptedModel()))
        engines[name] = CalangoEngine(loaded, settings, tracing=tracings[-1], open_threads=_in_memory)
    took: dict[str, list[float]] = {"up": [], "down": []}
    for number in range(ROUNDS):
        for name, engine in engines.items():
            took[name].append(engine.run("quanto é 1+2?", session_id=f"{name}{number}").latency_ms)
    for engine in engines.values():
        engine.close()
    for tracing in tracings:
        tracing.close(0)
    return {"down_ms": statistics.median(took["down"][10:]) - statistics.median(took["up"][10:])}


def masking() -> dict[str, float]:
    """The slowest of the hostile megabytes, CPU in ms; each the best of three."""
    from calango.tracing.masking import Masker
    from tests.support.hostile import MEGABYTES

    def took(masker: Masker, text: str) -> float:
        started = time.thread_time()
        masker.text(text, "t")
        return (time.thread_time() - started) * 1000

    slowest = 0.0
    for text in MEGABYTES.values():
        masker = Masker.of(Settings.load(home=Path(tempfile.mkdtemp(prefix="calango-bench-")), mask="on"))
        took(masker, "+55 11 98765-4321 111.444.777-35")
        slowest = max(slowest, min(took(masker, text) for _ in range(3)))
    return {"masking_ms": slowest}


async def _in_memory() -> Any:
    """Threads without a disk, as the bare graph has them, so that only the engine makes the difference."""
    from langgraph.checkpoint.memory import InMemorySaver

    class Threads:
        saver = InMemorySaver()

        async def close(self) -> None:
            """Nothing to close."""

    return Threads()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    measure = {"sizes": sizes, "first_token": first_token, "backend_down": backend_down, "masking": masking}[
        sys.argv[1]
    ]
    print(json.dumps(measure(*sys.argv[2:])))
