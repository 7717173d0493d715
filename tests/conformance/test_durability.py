"""What was answered is kept, whatever happens to the process."""

import os
import signal
from pathlib import Path

import httpx

from calango import local
from calango.local import LocalServer
from tests.faults import kills
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


def _all(client: httpx.Client, path: str, trace_id: str) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={"traceId": trace_id, "limit": 100, **cursor}).json()
        found += [item["id"] for item in page["data"]]
        if "cursor" not in page["meta"]:
            return found
        cursor = {"cursor": page["meta"]["cursor"]}


def test_a_killed_server_keeps_what_it_answered_and_doubles_nothing(home: Path):
    found = kills.run(home, kills=3, seed=7)

    assert (found.lost, found.doubled) == ([], [])
    assert found.spans > 0
    assert found.scores > 0


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
