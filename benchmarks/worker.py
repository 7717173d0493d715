"""Runs turns with one tracer in a fresh process and prints what they took as JSON.

python -m benchmarks.worker TRACER HISTORY TURNS SINK_URL
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from typing import Any

from benchmarks.agent import build, prepared, question
from benchmarks.tracers import TRACERS

WARM_UP = 5


def main(name: str, history: int, turns: int, url: str) -> dict[str, Any]:
    """CPU of all threads, sending included, per turn in ms; peak memory in MB."""
    logging.disable(logging.WARNING)
    tracer = TRACERS[name](url)
    graph = build()
    start = prepared(graph, history)

    def turn() -> None:
        graph.invoke(question(), {"configurable": dict(start), **tracer.attach()})

    for _ in range(WARM_UP):
        turn()
    tracer.flush()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(turns):
        turn()
    wall = time.perf_counter() - wall
    tracer.flush()
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_ms": cpu / turns * 1000, "wall_ms": wall / turns * 1000, "peak_mb": peak}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
