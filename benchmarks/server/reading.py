"""What readers ask of a store with a million observations, and how long they wait."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Sequence
from urllib.parse import quote

from benchmarks.server.spans import DAYS, START_NS
from benchmarks.server.targets import Calango

ROUNDS = 15
_RANGE = {"fromTimestamp": "2026-09-01T00:00:00Z", "toTimestamp": "2026-12-31T00:00:00Z"}
assert START_NS // 10**9 > 1_788_220_800  # 2026-09-01
assert START_NS // 10**9 + DAYS * 86_400 < 1_798_675_200  # 2026-12-31


def metrics(**query: object) -> str:
    whole = {
        "view": "observations",
        "metrics": [{"measure": "latency", "aggregation": "p95"}],
        "dimensions": [],
        "filters": [],
        **_RANGE,
        **query,
    }
    return "/api/public/v2/metrics?query=" + quote(json.dumps(whole))


METRICS = {
    "model": metrics(dimensions=[{"field": "providedModelName"}]),
    "day": metrics(timeDimension={"granularity": "day"}),
    "user": metrics(
        dimensions=[{"field": "userId"}],
        orderBy=[{"field": "p95_latency", "direction": "desc"}],
        config={"row_limit": 100},
    ),
    "name": metrics(dimensions=[{"field": "name"}]),
}
PAGE = "/api/public/v2/observations?limit=50&fields=core,basic,time,io,metadata,model,usage"


def later_pages(server: Calango) -> list[str]:
    pages: list[str] = []
    path = PAGE
    for _ in range(ROUNDS):
        path = PAGE + "&cursor=" + quote(json.loads(server.get(path))["meta"]["cursor"])
        pages.append(path)
    return pages


def timed(server: Calango, paths: Sequence[str]) -> list[float]:
    """Milliseconds of each."""
    found: list[float] = []
    for path in paths:
        started = time.perf_counter()
        server.get(path)
        found.append((time.perf_counter() - started) * 1000)
    return found


def medians(server: Calango, trace_id: str) -> dict[str, float]:
    """Milliseconds, the median of ROUNDS each; `trace_id` has 50 observations."""
    asked = {f"v2 metrics, p95 by {name}": [path] * ROUNDS for name, path in METRICS.items()}
    asked["v2 observations, first page of 50"] = [PAGE] * ROUNDS
    asked["v2 observations, later pages of 50"] = later_pages(server)
    asked["one trace of 50 observations"] = [f"/api/public/traces/{trace_id}"] * ROUNDS
    found: dict[str, float] = {}
    for name, paths in asked.items():
        timed(server, paths[:2])
        found[name] = statistics.median(timed(server, paths))
    return found


def mixed(trace_id: str) -> list[str]:
    """What a person who looks around asks for."""
    return [PAGE, f"/api/public/traces/{trace_id}", METRICS["model"], METRICS["day"], METRICS["user"]] * 8


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def p95_while(server: Calango, paths: Sequence[str], busy: threading.Thread) -> float:
    """The p95 of `paths`, asked again and again while `busy` runs."""
    found: list[float] = []
    busy.start()
    while busy.is_alive():
        found += timed(server, paths[: len(paths) // 4])
    busy.join()
    return p95(found)
