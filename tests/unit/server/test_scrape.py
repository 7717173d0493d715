"""`GET /metrics` of the local server: who may read it, and that it counts what came."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from calango.local import LocalServer
from tests.support.projects import new_project
from tests.support.servers import client_of, serving

SPAN = {"traceId": "1" * 32, "spanId": "1" * 16, "name": "turn", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}


def samples(text: str) -> dict[str, float]:
    """Sums over labels, by name."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_what_comes_in_is_counted_however_it_comes(server: LocalServer):
    batch = [
        {"id": "1", "type": "span-create", "timestamp": "2026-11-20T08:00:00Z", "body": {"id": "s", "traceId": "t"}},
        {
            "id": "2", "type": "span-update", "timestamp": "2026-11-20T08:00:00Z",
            "body": {"id": "s", "traceId": "t", "endTime": "2026-11-20T08:00:01Z"},
        },
    ]  # fmt: skip
    with client_of(server) as client:
        client.post("/api/public/otel/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]})
        for event in batch:
            client.post("/api/public/ingestion", json={"batch": [event]}).raise_for_status()
    answer = httpx.get(f"{server.base_url}/metrics")
    found = samples(answer.text)

    assert answer.headers["content-type"].startswith("text/plain")
    assert (found["calango_spans_total"], found["calango_turns_total"]) == (2, 2)
    assert found["calango_build_info"] == 1
    assert found["calango_store_bytes"] > 0
    assert found["calango_alerts_open"] == 0
    assert (
        "openmetrics"
        in httpx.get(f"{server.base_url}/metrics", headers={"accept": "application/openmetrics-text"}).headers[
            "content-type"
        ]
    )


def test_at_this_machine_it_is_open_and_a_project_of_its_own_is_refused(server: LocalServer):
    with new_project(server, "other").client() as other, client_of(server) as home:
        statuses = [httpx.get(f"{server.base_url}/metrics"), home.get("/metrics"), other.get("/metrics")]
        foreign = httpx.get(f"{server.base_url}/metrics", headers={"host": "evil.example"})

    assert [answer.status_code for answer in statuses] == [200, 200, 403]
    assert foreign.status_code == 403


def test_a_server_that_listens_for_others_wants_the_homes_key(home: Path):
    with serving(home, host="0.0.0.0") as server, client_of(server) as client:
        assert httpx.get(f"{server.base_url}/metrics").status_code == 401
        assert client.get("/metrics").status_code == 200
