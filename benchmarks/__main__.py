"""`make bench`: what tracing costs, side by side with its peers, in one run. Writes benchmarks/RESULTS.md.

Every figure is measured in a fresh process; the tracers take turns, round after round, so that a busy machine is busy
for all of them. A tracer's cost is its median minus the median of no tracing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import results
from benchmarks.tracers import TRACERS

SIZES = (0, 20, 100, 400)
TURNS = {0: 150, 20: 120, 100: 80, 400: 50}
ROUNDS = 3
NAMES = {
    "stock": "Langfuse's CallbackHandler",
    "langsmith": "LangSmith tracer",
    "openinference": "OpenInference",
    "calango": "Calango",
}


@contextmanager
def sink() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def worker(module: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=True, timeout=600
    )
    return json.loads(done.stdout.splitlines()[-1])


def costs(url: str) -> dict[int, dict[str, float]]:
    """CPU in ms that each tracer adds to a turn, by history."""
    found: dict[int, dict[str, float]] = {}
    for size in SIZES:
        samples: dict[str, list[float]] = defaultdict(list)
        for number in range(ROUNDS):
            for name in TRACERS:
                samples[name].append(worker("benchmarks.worker", name, str(size), str(TURNS[size]), url)["cpu_ms"])
            print(f"  {size} messages, round {number + 1} of {ROUNDS}", file=sys.stderr)
        base = statistics.median(samples["none"])
        found[size] = {name: statistics.median(samples[name]) - base for name in TRACERS if name != "none"}
    return found


def bars(cost: dict[int, dict[str, float]], extra: dict[str, Any]) -> str:
    ours = {size: row["calango"] for size, row in cost.items()}
    best = {size: min(value for name, value in row.items() if name != "calango") for size, row in cost.items()}
    found = [
        ("0 messages: of the stock handler", ours[0] / cost[0]["stock"], 0.65),
        ("400 messages: of the stock handler", ours[400] / cost[400]["stock"], 0.10),
        ("400 messages: of the best peer", ours[400] / best[400], 0.25),
        ("every size: of the best peer", max(ours[size] / best[size] for size in SIZES), 1.0),
        ("400 messages: of our own cost at 0", ours[400] / ours[0], 2.0),
        ("bytes a turn without prompts, 400: of those at 10", extra["bytes_400"] / extra["bytes_10"], 1.2),
        ("peak memory of 200 turns at 400: of untraced", extra["peak_traced"] / extra["peak_untraced"], 2.0),
        ("first token later than from the bare graph, ms", extra["first_token_ms"], 3.0),
        ("a turn longer while the backend is down, ms", extra["down_ms"], 5.0),
        ("privacy filter over the worst hostile megabyte, ms", extra["masking_ms"], 150.0),
    ]
    return results.bars([(text, value, "≤", bar) for text, value, bar in found])


def main() -> None:
    with sink() as url:
        cost = costs(url)
        extra = worker("benchmarks.extras", "sizes")
        extra |= {f"peak_{key}": worker("benchmarks.worker", name, "400", "200", url)["peak_mb"]
                  for key, name in (("traced", "calango"), ("untraced", "none"))}  # fmt: skip
        extra |= worker("benchmarks.extras", "first_token")
        extra |= worker("benchmarks.extras", "backend_down", url)
        extra |= worker("benchmarks.extras", "masking")
    head = ["messages in the thread", *NAMES.values()]
    body = [[str(size), *(f"{cost[size][name]:.2f}" for name in NAMES)] for size in SIZES]
    results.write(
        "Tracing",
        f"{results.measured('make bench')}\n\n"
        "## CPU that tracing adds to a turn (ms, all threads, sending included)\n\n"
        "One LangGraph turn (classify, agent, tool, agent, post) with a checkpointer; messages of about 0.5 kB."
        " Calango's figures include its privacy filter, as for a remote Langfuse.\n\n"
        f"{results.table([head, ['---:'] * len(head), *body])}\n\n"
        f"## Bars\n\n{bars(cost, extra)}\n",
    )


if __name__ == "__main__":
    main()
