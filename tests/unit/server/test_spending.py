"""What is spent, over HTTP: figures of one moment, of the asker's own project alone."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from calango.local import LocalServer
from tests.support.projects import new_project
from tests.support.servers import client_of, running_server

pytestmark = pytest.mark.xdist_group("spending")
PATH = "/api/calango/spent"
NOW_NS = time.time_ns()
DAY_NS = 86_400 * 10**9


def generation(number: int, user: str, usd: float | None, days: float) -> Any:
    """A turn of some days ago."""
    said = {
        "user.id": user,
        "langfuse.trace.tags": '["a", "b", "calango"]',
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "nobody knows",
        "langfuse.observation.usage_details": '{"input": 5}',
    } | ({} if usd is None else {"langfuse.observation.cost_details": f'{{"total": {usd}}}'})
    start_ns = NOW_NS - int(days * DAY_NS)
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "turn",
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
    }


def fill(client: httpx.Client, *spans: Any) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    client.post("/api/public/otel/v1/traces", json=body).raise_for_status()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(Path(tmp_path_factory.mktemp("spending")) / "home") as running:
        with client_of(running) as client:
            spans = [("ana", 0.5, 0), ("ana", 0.25, 0), ("bob", 2, 0), ("ana", 8, 3), ("bob", None, 0)]
            fill(client, *(generation(n, user, usd, days) for n, (user, usd, days) in enumerate(spans, 1)))
        yield running


def ask(server: LocalServer, *budgets: dict[str, Any], **more: Any) -> Any:
    with client_of(server) as client:
        answer = client.post(PATH, json={"budgets": list(budgets), **more})
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_what_each_user_spent_since_a_moment_is_told_the_dearest_first(server):
    told = ask(server, {"start_ns": NOW_NS - DAY_NS, "each": "user"})

    assert [(one["key"], float(one["usd"]), one["turns"], one["unpriced"]) for one in told["spent"][0]] == [
        ("bob", 2.0, 2, 1),
        ("ana", 0.75, 2, 0),
    ]


def test_a_turn_counts_for_each_of_its_tags_but_for_the_one_that_every_turn_has(server):
    told = ask(server, {"each": "tag", "filters": {"user": "ana"}})

    assert [(one["key"], float(one["usd"])) for one in told["spent"][0]] == [("a", 8.75), ("b", 8.75)]


def test_only_the_keys_that_are_asked_for_are_told(server):
    told = ask(server, {"each": "user", "keys": ["ana", "nobody"]}, {"each": "user", "keys": []})

    assert [[one["key"] for one in found] for found in told["spent"]] == [["ana"], []]


def test_a_budget_without_turns_says_zero(server):
    told = ask(server, {"start_ns": NOW_NS + DAY_NS}, {"filters": {"user": "nobody"}})

    assert [[(one["key"], float(one["usd"])) for one in found] for found in told["spent"]] == [[(None, 0)], [(None, 0)]]


def test_the_cost_of_single_traces_and_of_a_turn_on_average_come_with_it(server):
    known = [f"{1:032x}", f"{5:032x}"]
    told = ask(server, {"filters": {"user": "ana"}}, traces=[*known, "unknown"])

    assert {trace: float(usd) for trace, usd in told["traces"].items()} == {known[0]: 0.5, known[1]: 0}
    assert float(told["usd_per_turn"][0]) == pytest.approx(8.75 / 3)


def test_no_project_is_told_what_another_one_spent(server):
    with new_project(server, "other").client() as client:
        fill(client, generation(1, "ana", 100, 0))
        own = client.post(PATH, json={"budgets": [{"each": "user"}], "traces": [f"{3:032x}"]}).json()
        foreign = client.post(PATH, params={"project": server.project_id}, json={"budgets": []})

    assert [(one["key"], float(one["usd"])) for one in own["spent"][0]] == [("ana", 100)]
    assert own["traces"] == {}
    assert foreign.status_code == 403
    assert float(ask(server, {"each": "user"})["spent"][0][0]["usd"]) == 8.75


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"budgets": [{"filters": {"mood": "x"}}]}, "There is no filter mood"),
        ({"budgets": [{"each": "model"}]}, "each"),
        ({"budgets": [{"start_ns": -1}]}, "start_ns"),
        ({"budgets": [{"start_ns": 2**70}]}, "start_ns"),
        ({}, "budgets"),
        ({"budgets": [], "traces": ["x"] * 20_001}, "traces"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(server, body, told):
    with client_of(server) as client:
        answer = client.post(PATH, json=body)

    assert answer.status_code == 400
    assert told in answer.text
