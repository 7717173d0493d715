"""What clients from before OpenTelemetry send, in their own words: langfuse 3 for JavaScript, langfuse 2 for Python."""

from typing import Any

import httpx
import pytest

TIME = "2026-11-20T08:00:00.000Z"


def ingest(http: httpx.Client, *events: tuple[str, dict[str, Any]]) -> None:
    """As their queues send a batch."""
    batch = [
        {"id": f"{body['id']}-{number}", "type": kind, "timestamp": TIME, "body": body}
        for number, (kind, body) in enumerate(events)
    ]
    metadata = {"batch_size": len(batch), "sdk_name": "python", "sdk_version": "2.60.10"}
    answer = http.post("/api/public/ingestion", json={"batch": batch, "metadata": metadata})
    assert (answer.status_code, answer.json()["errors"]) == (207, [])


def test_a_dataset_of_the_first_api_comes_with_its_items_and_runs(http: httpx.Client):
    made = http.post("/api/public/datasets", json={"name": "old/er"}).json()
    items = [http.post("/api/public/dataset-items", json={"datasetName": "old/er", "input": n}).json() for n in (1, 2)]
    http.post("/api/public/dataset-items", json={"datasetName": "old/er", "id": items[0]["id"], "status": "ARCHIVED"})
    ingest(http, ("trace-create", {"id": "older-run"}))
    run = {"runName": "run", "datasetItemId": items[1]["id"], "traceId": "older-run"}
    assert http.post("/api/public/dataset-run-items", json=run).status_code == 200

    found = http.get("/api/public/datasets/old%2Fer").json()
    (listed,) = http.get("/api/public/datasets").json()["data"]
    assert (made["items"], made["runs"]) == ([], [])
    assert ([item["input"] for item in found["items"]], found["runs"]) == ([2], ["run"])
    assert (listed["items"], listed["runs"]) == ([items[1]["id"]], ["run"])


def test_a_dataset_of_the_first_api_that_is_not_there_is_not_found(http: httpx.Client):
    assert http.get("/api/public/datasets/nothing").status_code == 404


@pytest.mark.parametrize(
    "usage",
    [
        {"usage": {"input": 10, "output": 5, "unit": "TOKENS"}},
        {"usage": {"promptTokens": 10, "completionTokens": 5, "totalTokens": 15}},
        {"usageDetails": {"input": 10, "output": 5}},
        {"usageDetails": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}},
    ],
)
def test_usage_is_understood_in_every_shape_it_had(http: httpx.Client, usage: dict[str, Any], request: Any):
    trace_id = f"usage-{request.node.callspec.id}"
    start = {"id": f"{trace_id}-g", "traceId": trace_id, "name": "g", "model": "gpt-4o-mini", "startTime": TIME}
    end = {"id": f"{trace_id}-g", "endTime": "2026-11-20T08:00:01.000Z", "output": "hi", **usage}
    ingest(http, ("trace-create", {"id": trace_id}), ("generation-create", start), ("generation-update", end))

    (found,) = http.get(f"/api/public/traces/{trace_id}").json()["observations"]
    assert (found["usageDetails"], found["latency"]) == ({"input": 10, "output": 5, "total": 15}, 1)
    assert found["calculatedTotalCost"] > 0


def test_metrics_beside_traces_are_taken_without_an_error(http: httpx.Client):
    for kind in ("application/x-protobuf", "application/json"):
        answer = http.post("/api/public/otel/v1/metrics", content=b"", headers={"content-type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
