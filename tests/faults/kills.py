"""A load of spans and scores while the server is killed again and again: `make kills`.

Senders repeat each request until it is answered with 200, as exporters do; they never learn that there was a kill.
At the end every request that was answered must be there once, and nothing twice.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from calango import local
from tests.support.servers import eventually, free_port

OTLP = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"
SPANS_A_REQUEST = 20
START_NS = 1_795_164_111_322_303_532


@dataclass
class Sender(threading.Thread):
    """Sends spans and scores of one trace; `spans` and `scores` were answered."""

    number: int
    port: int
    auth: tuple[str, str]
    ended: threading.Event
    spans: list[str] = field(default_factory=list[str])
    scores: list[str] = field(default_factory=list[str])
    repeated: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    @property
    def trace_id(self) -> str:
        return f"{self.number + 1:032x}"

    def run(self) -> None:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", auth=self.auth, timeout=10, trust_env=False
        ) as http:
            for start in itertools.count(1, SPANS_A_REQUEST):
                ids = [f"{number:016x}" for number in range(start, start + SPANS_A_REQUEST)]
                if self._send(http, OTLP, self._request(ids, start)):
                    self.spans += ids
                score_id = f"{self.trace_id}-{start}"
                if self._send(http, SCORES, {"id": score_id, "name": "up", "value": 1, "traceId": self.trace_id}):
                    self.scores.append(score_id)
                if self.ended.is_set():
                    return

    def _send(self, http: httpx.Client, path: str, body: dict[str, Any]) -> bool:
        while not self.ended.is_set():
            try:
                if http.post(path, json=body).status_code == 200:
                    return True
            except httpx.HTTPError:
                self.repeated += 1
                self.ended.wait(0.01)
        return False

    def _request(self, ids: list[str], start: int) -> dict[str, Any]:
        spans = [
            {"traceId": self.trace_id, "spanId": id_, "name": "s", "startTimeUnixNano": str(START_NS + start + number)}
            for number, id_ in enumerate(ids)
        ]
        return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": spans}]}]}


@dataclass(frozen=True)
class Found:
    """What a run came to."""

    kills: int
    starts_killed: int
    repeated: int
    spans: int
    scores: int
    lost: list[str]
    doubled: list[str]

    @property
    def summary(self) -> str:
        return (
            f"{self.kills} kills ({self.starts_killed} while starting), {self.repeated} requests cut off and repeated;"
            f" acknowledged {self.spans} spans and {self.scores} scores:"
            f" {len(self.lost)} lost, {len(self.doubled)} doubled"
        )


def run(home: Path, kills: int, seed: int) -> Found:
    """Kill the server of `home` `kills` times at random moments, under load."""
    luck, ended = random.Random(seed), threading.Event()
    keys = local.keys(home)
    port = free_port()
    senders = [Sender(number, port, (keys.public_key, keys.secret_key), ended) for number in range(4)]
    for sender in senders:
        sender.start()
    starting = 0
    for _ in range(kills):
        process = _serve(home, port)
        word = home / local.SERVER
        ended.wait(luck.uniform(0.2, 3.5))
        starting += not _wrote_word(word, process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = _serve(home, port)
    try:
        before = [len(sender.spans) for sender in senders]
        moved = lambda: all(len(sender.spans) > count for sender, count in zip(senders, before, strict=True))  # noqa: E731
        assert eventually(moved, within_s=60), "the server did not come back"
        ended.set()
        for sender in senders:
            sender.join(30)
        return _count(senders, port, kills, starting)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _serve(home: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "calango", "serve", "--port", str(port), "--home", str(home)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _wrote_word(path: Path, pid: int) -> bool:
    return (local.read_json(path) or {}).get("pid") == pid


def _count(senders: list[Sender], port: int, kills: int, starting: int) -> Found:
    lost: list[str] = []
    doubled: list[str] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=senders[0].auth, timeout=60, trust_env=False) as http:
        for sender in senders:
            for path, sent in (("v2/observations", sender.spans), ("v3/scores", sender.scores)):
                stored = Counter(_stored(http, path, sender.trace_id))
                lost += [id_ for id_ in sent if id_ not in stored]
                doubled += [id_ for id_, times in stored.items() if times > 1]
    return Found(
        kills=kills,
        starts_killed=starting,
        repeated=sum(sender.repeated for sender in senders),
        spans=sum(len(sender.spans) for sender in senders),
        scores=sum(len(sender.scores) for sender in senders),
        lost=lost,
        doubled=doubled,
    )


def _stored(http: httpx.Client, path: str, trace_id: str) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = http.get(f"/api/public/{path}", params={"traceId": trace_id, "limit": 100, **cursor}).json()
        found += [item["id"] for item in page["data"]]
        if "cursor" not in page["meta"]:
            return found
        cursor = {"cursor": page["meta"]["cursor"]}


if __name__ == "__main__":
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="calango-kills-") as folder:
        found = run(Path(folder) / "home", int(os.environ.get("KILLS", "50")), seed=int(os.environ.get("SEED", "1")))
    sys.stdout.write(f"{found.summary} ({time.monotonic() - started:.0f} s)\n")
    sys.exit(bool(found.lost or found.doubled))
