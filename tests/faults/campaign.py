"""Faults and kills while turns and votes run; then what must be there is looked for.

python -m tests.faults.campaign [TURNS] [VOTES] [KILLS] [SEED]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from calango.local import LocalServer
from calango.reader import LangfuseReader
from calango.settings import Settings
from calango.tracing import Tracing
from calango.tracing.destination import Remote
from tests.faults.proxy import FaultyProxy
from tests.support.servers import eventually, running_server

SPANS_PER_TURN = 13
_DELIVERED_S = 120.0


@dataclass(frozen=True)
class Summary:
    turns: int
    votes: int
    faults: int
    kills: int
    found_turns: int
    found_votes: int
    doubled: int
    parked: int

    @property
    def is_whole(self) -> bool:
        return (self.found_turns, self.found_votes, self.doubled, self.parked) == (self.turns, self.votes, 0, 0)


def run(
    folder: Path, *, turns: int, votes: int, kills: int, seed: int, stubborn: int = 20, workers: int = 2
) -> Summary:
    """A server, a faulty proxy before it, and workers that are killed at random and started again."""
    numbers, ledger = random.Random(seed), folder / "ledger.txt"
    ledger.touch()
    with running_server(folder / "server") as server, FaultyProxy(_port(server), seed) as proxy:
        environment = os.environ | {
            "CALANGO_HOME": str(folder / "client"),
            "LANGFUSE_PUBLIC_KEY": server.public_key,
            "LANGFUSE_SECRET_KEY": server.secret_key,
            "LANGFUSE_BASE_URL": f"http://127.0.0.1:{proxy.port}",
            "LANGFUSE_TIMEOUT": "1",
            "LANGFUSE_FLUSH_INTERVAL": "0.2",
        }
        killed = 0
        while _count(ledger, "turn") < turns:
            batch = [_start(environment, ledger, f"{len(_lines(ledger))}-{n}", turns // workers, votes // workers)
                     for n in range(workers)]  # fmt: skip
            if killed < kills:
                goal = _count(ledger, "turn") + 1 + numbers.randrange(turns // (kills + 1) or 1)
                eventually(lambda goal=goal: _count(ledger, "turn") >= goal, within_s=120)
                for process in batch:
                    process.kill()
                    killed += 1
            for process in batch:
                process.wait()
        parked = _deliver(environment, proxy, stubborn)
        faults = sum(count for fault, count in proxy.counts.items() if fault != "none")
        return _compare(ledger, server, faults, killed, parked)


def _start(environment: dict[str, str], ledger: Path, name: str, turns: int, votes: int) -> subprocess.Popen[bytes]:
    arguments = [str(ledger), f"w{name}", str(turns), str(votes)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.worker", *arguments], env=environment, stderr=subprocess.DEVNULL
    )


def _deliver(environment: dict[str, str], proxy: FaultyProxy, stubborn: int) -> int:
    """What a later process of the same home does: everything that waits goes out.

    First it tries `stubborn` times against more faults, without the patience that it would have by itself.
    """
    settings = Settings.load(
        home=Path(environment["CALANGO_HOME"]),
        public_key=environment["LANGFUSE_PUBLIC_KEY"],
        secret_key=environment["LANGFUSE_SECRET_KEY"],
        base_url=environment["LANGFUSE_BASE_URL"],
        timeout_s=1,
    )
    tracing = Tracing(settings, Remote(settings))
    for _ in range(stubborn):
        tracing.outbox.retry()
        tracing.flush(0.2)
    proxy.healthy = True
    tracing.outbox.retry()
    tracing.flush(_DELIVERED_S)
    parked = tracing.outbox.depth().parked
    tracing.close()
    return parked


def _compare(ledger: Path, server: LocalServer, faults: int, kills: int, parked: int) -> Summary:
    """Every line of the ledger against what the server has, asked without the proxy."""
    promised = [line.split() for line in _lines(ledger)]
    turns = {words[1] for words in promised if words[0] == "turn"}
    votes = {words[2]: (words[1], float(words[3])) for words in promised if words[0] == "vote"}
    found_turns = found_votes = doubled = 0
    with LangfuseReader(server.base_url, server.public_key, server.secret_key) as reader:
        for trace_id in turns:
            observations = reader.observations(trace_id)
            found_turns += len({item.id for item in observations}) == SPANS_PER_TURN
            doubled += len(observations) > SPANS_PER_TURN
        for score_id, (trace_id, value) in votes.items():
            scores = [score for score in reader.scores(trace_id) if score.id == score_id]
            # A worker may be killed after its second vote was accepted and before it was written down.
            allowed = {value, 1.0}
            found_votes += len(scores) == 1 and scores[0].value in allowed
            doubled += len(scores) > 1
    return Summary(len(turns), len(votes), faults, kills, found_turns, found_votes, doubled, parked)


def _lines(ledger: Path) -> list[str]:
    return ledger.read_text().splitlines()


def _count(ledger: Path, kind: str) -> int:
    return sum(line.startswith(kind) for line in _lines(ledger))


def _port(server: LocalServer) -> int:
    return urlsplit(server.base_url).port or 0


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]]
    TURNS, VOTES, KILLS, SEED = (*asked, *(500, 200, 20, 1)[len(asked) :])
    with tempfile.TemporaryDirectory(prefix="calango-faults-") as place:
        summary = run(Path(place), turns=TURNS, votes=VOTES, kills=KILLS, seed=SEED, stubborn=400)
    sys.stdout.write(f"{summary}\n")
    sys.exit(0 if summary.is_whole else 1)
