"""`make bench-server`: the local server beside Phoenix and MLflow, same spans, counted when stored."""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import results
from benchmarks.server import reading
from benchmarks.server.load import Connection, send
from benchmarks.server.spans import SPANS, TRACES_A_BODY, Turns
from benchmarks.server.targets import Calango, MLflow, Phoenix, Target
from calango.server import otlp
from calango.server.mapping.spans import attributes_of

A_BODY = SPANS * TRACES_A_BODY
PEER_BODIES = 10
BODIES = 100
MILLION = 1_000_000
ROUNDS = 3


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr)


@dataclass(frozen=True)
class Measured:
    name: str
    rate: float
    start_s: float
    bytes_a_span: float
    rss_mb: float


def decoding_rate(bodies: list[bytes]) -> float:
    """Spans per second of what no Python server can leave out: gunzip, parse, and read every attribute."""
    started, spans = time.perf_counter(), 0
    for body in bodies:
        request = otlp.decode(gzip.decompress(body), otlp.PROTOBUF)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    attributes_of(span.attributes)
                    spans += 1
    return spans / (time.perf_counter() - started)


def ingest(target: Target, bodies: list[bytes]) -> float:
    """Spans per second until all are in the database."""
    before = target.stored()
    started = time.perf_counter()
    send(target.url, target.headers, bodies)
    target.wait_for(before + A_BODY * len(bodies))
    return A_BODY * len(bodies) / (time.perf_counter() - started)


def measure(target: Target, bodies: int) -> Measured:
    say(f"{target.name}: {bodies * A_BODY} spans")
    start_s = target.start()
    try:
        turns = Turns(seed=11)
        ingest(target, list(turns.bodies(1)))
        rate = ingest(target, list(turns.bodies(bodies)))
        spans, rss = target.stored(), target.rss_mb()
    finally:
        target.stop()
    return Measured(target.name, rate, start_s, target.bytes_on_disk() / spans, rss)


def small_trace_ms(server: Calango, turns: Turns) -> float:
    """From sending one trace until it is acknowledged, when nothing else happens; the median."""
    connection, found = Connection(server.url, server.headers), []
    for _ in range(30):
        body = turns.request(turns.trace()[1])
        started = time.perf_counter()
        connection.post(body, compressed=False)
        found.append((time.perf_counter() - started) * 1000)
    connection.close()
    return statistics.median(found[5:])


def rounds_rate(server: Calango, turns: Turns) -> float:
    """Over many requests, so that writing the log into the file, which comes now and then, has its share."""
    rates = [ingest(server, list(turns.bodies(BODIES))) for _ in range(ROUNDS * 2)]
    return statistics.harmonic_mean(rates)


def million(home: Path) -> dict[str, float]:
    """Fill a store, restart it, read from it, and read while it takes in more."""
    server, turns, found = Calango(home), Turns(seed=13), {}
    server.start()
    try:
        found["idle RSS of an empty server, MB"] = server.rss_mb()
        found["one small trace, ms"] = small_trace_ms(server, turns)
        ingest(server, list(turns.bodies(10)))
        empty = rounds_rate(server, turns)
        while (stored := server.stored()) < MILLION:
            say(f"{stored} observations")
            ingest(server, list(turns.bodies(min(BODIES, -(-(MILLION - stored) // A_BODY)))))
        trace_id, spans = turns.trace(50)
        connection = Connection(server.url, server.headers)
        connection.post(turns.request(spans), compressed=False)
        connection.close()
        full = rounds_rate(server, turns)
        found["ingest rate with 1,000,000 stored, of the empty one"] = full / empty
    finally:
        server.stop()
    found["start to first answer, s"] = server.start()
    try:
        found["idle RSS after the start, MB"] = server.rss_mb()
        found |= reading.medians(server, trace_id.hex())
        paths = reading.mixed(trace_id.hex())
        idle = reading.p95(reading.timed(server, paths) + reading.timed(server, paths))
        bodies = list(turns.bodies(BODIES * 2))
        busy = threading.Thread(target=send, args=(server.url, server.headers, bodies))
        found["p95 of reads under full ingest, of idle"] = reading.p95_while(server, paths, busy) / idle
        found["peak RSS, MB"] = server.peak_rss_mb()
        found["RSS after 30 s without a request, MB"] = server.rss_after_rest_mb()
    finally:
        server.stop()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="calango-bench-") as folder:
        root = Path(folder)
        phoenix = measure(Phoenix(root / "phoenix"), PEER_BODIES)
        mlflow = measure(MLflow(root / "mlflow"), PEER_BODIES)
        ours, decoding = [], []
        for number in range(ROUNDS):
            decoding.append(decoding_rate(list(Turns(seed=17).bodies(BODIES // 2))))
            ours.append(measure(Calango(root / f"calango-{number}"), BODIES))
        found = million(root / "million")
    calango = sorted(ours, key=lambda one: one.rate)[ROUNDS // 2]
    report(calango, [phoenix, mlflow], statistics.median(decoding), found)


def report(calango: Measured, peers: list[Measured], decoding: float, found: dict[str, float]) -> None:
    phoenix, fastest = peers[0], max(peer.rate for peer in peers)
    head = ["", "spans/s until stored", "start, s", "bytes a span", "RSS, MB"]
    body = [
        [one.name, f"{one.rate:,.0f}", f"{one.start_s:.1f}", f"{one.bytes_a_span:,.0f}", f"{one.rss_mb:,.0f}"]
        for one in (calango, *peers)
    ]
    body.append(["decoding alone, nothing stored", f"{decoding:,.0f}", "", "", ""])
    limits = {
        "one small trace, ms": 20,
        **{name: 150 for name in found if name.startswith("v2 metrics")},
        **{name: 40 for name in found if name.startswith("v2 observations")},
        "one trace of 50 observations": 20,
        "p95 of reads under full ingest, of idle": 3,
        "start to first answer, s": 1.5,
        "peak RSS, MB": 1024,
        "idle RSS after the start, MB": 200,
        "RSS after 30 s without a request, MB": 200,
    }
    bars = [
        ("ingest, of the faster peer", calango.rate / fastest, "≥", 60),
        ("ingest, of decoding alone", calango.rate / decoding, "≥", 0.2),
        ("bytes a span, of Phoenix's", calango.bytes_a_span / phoenix.bytes_a_span, "≤", 0.35),
        ("ingest rate with 1,000,000 stored, of the empty one",
         found["ingest rate with 1,000,000 stored, of the empty one"], "≥", 0.8),
        *((f"{name}{' (ms)' if name[:2] == 'v2' or name.endswith('observations') else ''}", found[name], "≤", limit)
          for name, limit in limits.items()),
    ]  # fmt: skip
    results.write(
        "The local server",
        f"{results.measured('make bench-server')}\n\n"
        f"Traces of {SPANS} spans as Langfuse's SDK sends them for a LangGraph turn (2 kB a span), {A_BODY} spans a"
        " request, gzip, eight connections; client and server share the machine. A span counts when it is in the"
        " database file.\n\n"
        f"{results.table([head, ['---', *['---:'] * 4], *body])}\n\n"
        "With 1,000,000 observations in the file, over HTTP, medians:\n\n"
        f"{results.bars(bars)}\n",
    )


if __name__ == "__main__":
    main()
