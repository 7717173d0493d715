"""What was answered is kept, whatever happens to the process."""

import os
import signal
import threading
from pathlib import Path

import httpx
import pytest

from calango import local
from calango.local import LocalServer
from tests.support.servers import client_of, eventually, settings_for

OTLP = "/api/public/otel/v1/traces"


def span(trace_id: str, number: int) -> dict[str, object]:
    return {
        "traceId": trace_id,
        "spanId": f"{number + 1:016x}",
        "name": str(number),
        "startTimeUnixNano": str(1795164111322303532 + number),
    }


def body(*spans: dict[str, object]) -> dict[str, object]:
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": list(spans)}]}]}


class Sender(threading.Thread):
    """Sends until the server is gone; `answered` holds what it was promised."""

    def __init__(self, server: LocalServer, number: int) -> None:
        super().__init__()
        self.server = server
        self.trace_id = f"{number + 1:032x}"
        self.answered: list[int] = []
        self.scored: list[str] = []

    def run(self) -> None:
        with client_of(self.server) as client:
            for number in range(10_000):
                score_id = f"{self.trace_id}-{number}"
                score = {"id": score_id, "name": "up", "value": 1, "traceId": self.trace_id}
                try:
                    if client.post(OTLP, json=body(span(self.trace_id, number))).status_code == 200:
                        self.answered.append(number)
                    if client.post("/api/public/scores", json=score).status_code == 200:
                        self.scored.append(score_id)
                except httpx.HTTPError:
                    return


def _all(client: httpx.Client, path: str, trace_id: str) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={"traceId": trace_id, "limit": 100, **cursor}).json()
        found += [item["id"] for item in page["data"]]
        if "cursor" not in page["meta"]:
            return found
        cursor = {"cursor": page["meta"]["cursor"]}


@pytest.mark.parametrize("rounds", [3])
def test_a_killed_server_keeps_what_it_answered_and_doubles_nothing(home: Path, rounds: int):
    senders: list[Sender] = []
    for round_ in range(rounds):
        server = local.ensure(settings_for(home))
        started = [Sender(server, round_ * 10 + number) for number in range(4)]
        for sender in started:
            sender.start()
        eventually(lambda started=started: min(len(sender.answered) for sender in started) >= 10, within_s=30)
        os.kill(server.pid, signal.SIGKILL)
        for sender in started:
            sender.join()
        senders += started

    server = local.ensure(settings_for(home))
    try:
        with client_of(server) as client:
            for sender in senders:
                ids = _all(client, "/api/public/v2/observations", sender.trace_id)
                assert len(ids) == len(set(ids))
                assert {f"{number + 1:016x}" for number in sender.answered} <= set(ids)
                assert set(sender.scored) <= set(_all(client, "/api/public/v3/scores", sender.trace_id))
    finally:
        local.stop(home)


def test_a_request_that_is_sent_again_after_a_crash_doubles_nothing(home: Path):
    trace_id = "ab" * 16
    for _ in range(2):
        server = local.ensure(settings_for(home))
        with client_of(server) as client:
            assert client.post(OTLP, json=body(*(span(trace_id, number) for number in range(50)))).status_code == 200
            assert len(_all(client, "/api/public/v2/observations", trace_id)) == 50
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda pid=server.pid: not local.is_alive(pid))


def test_a_bad_span_among_good_ones_loses_only_itself(server: LocalServer):
    trace_id = "cd" * 16
    bad = span(trace_id, 1) | {"spanId": "00"}
    with client_of(server) as client:
        answer = client.post(OTLP, json=body(span(trace_id, 0), bad, span(trace_id, 2)))

        assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
        assert len(_all(client, "/api/public/v2/observations", trace_id)) == 2
