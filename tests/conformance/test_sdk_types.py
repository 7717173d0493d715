"""Every answer of a read is understood by the SDK's own typed clients, which refuse what lacks a field."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from langfuse import Langfuse, propagate_attributes
from langfuse.api import LangfuseAPI
from langfuse.media import LangfuseMedia

from calango.local import LocalServer
from tests.support.servers import eventually

SDK = int(version("langfuse").split(".")[0])
FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
METRICS = {
    "view": "observations",
    "metrics": [{"measure": "count", "aggregation": "count"}, {"measure": "latency", "aggregation": "p95"}],
    "dimensions": [{"field": "name"}],
    "timeDimension": {"granularity": "day"},
    "fromTimestamp": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
    "toTimestamp": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
}


@pytest.fixture(scope="module")
def made(sdk: Langfuse, shared: LocalServer, http: httpx.Client) -> SimpleNamespace:
    """One of everything; names and ids of what there is."""
    media = LangfuseMedia(content_bytes=b"\x89PNG typed", content_type="image/png")
    prompt = sdk.create_prompt(name="typed", prompt="Hi {{x}}", labels=["production"], tags=["t"], config={"a": 1})
    with (
        propagate_attributes(session_id="typed", user_id="ana", tags=["t"], trace_name="turn", metadata={"k": "v"}),
        sdk.start_as_current_observation(name="root", input={"image": media}) as root,
    ):
        child = root.start_observation(
            as_type="generation", name="llm", model="gpt-4o-mini", prompt=prompt, input=[{"role": "user"}]
        )
        child.update(usage_details={"input": 3, "output": 4}, model_parameters={"temperature": 0.5}, output="x").end()
        root.start_observation(name="bad", level="ERROR", status_message="boom").end()
    values: tuple[tuple[str, Any], ...] = (
        ("NUMERIC", 0.5),
        ("BOOLEAN", 1),
        ("CATEGORICAL", "good"),
        ("TEXT", "fine"),
    )
    for kind, value in values:
        sdk.create_score(name=kind, value=value, trace_id=root.trace_id, data_type=kind, comment="c", metadata={"a": 1})
    sdk.create_score(name="session", value=1, session_id="typed")
    sdk.create_dataset(name="typed", description="d", metadata={"a": 1}, input_schema={"type": "object"})
    item = sdk.create_dataset_item(
        dataset_name="typed",
        input={"image": media},
        expected_output=2,
        metadata={"a": 1},
        source_trace_id=root.trace_id,
    )
    sdk.get_dataset("typed").run_experiment(name="typed", run_name="typed-run", task=lambda **_: 2)
    sdk.flush()
    body = {"projectId": shared.project_id, "objectType": "TRACE", "objectId": root.trace_id, "content": "hi"}
    comment = http.post("/api/public/comments", json=body).json()["id"]
    model = {"modelName": "house", "matchPattern": "^house$", "unit": "TOKENS", "inputPrice": 1, "outputPrice": 2}
    model_id = http.post("/api/public/models", json=model).json()["id"]
    config = {"name": "c", "dataType": "CATEGORICAL", "categories": [{"label": "a", "value": 1}], "description": "d"}
    config_id = http.post("/api/public/score-configs", json=config).json()["id"]
    http.post("/api/public/score-configs", json={"name": "n", "dataType": "NUMERIC", "minValue": 0})
    eventually(lambda: len(http.get("/api/public/v3/scores").json()["data"]) >= 5)
    media_id = str(media._media_id)
    eventually(lambda: http.get(f"/api/public/media/{media_id}").status_code == 200)
    return SimpleNamespace(
        trace=root.trace_id, observation=child.id, item=item.id, comment=comment, model=model_id, config=config_id,
        media=media_id, metrics=json.dumps(METRICS), since=datetime(2020, 1, 1, tzinfo=UTC),
    )  # fmt: skip


pytestmark = pytest.mark.xdist_group("sdk-types")  # one of everything is made once

READS: dict[str, Callable[[LangfuseAPI, SimpleNamespace], Any]] = {
    "health": lambda api, _: api.health.health().version,
    "projects": lambda api, _: api.projects.get().data,
    "observations": lambda api, made: api.observations.get_many(trace_id=made.trace, fields=FIELDS).data[2],
    "scores": lambda api, made: api.scores.get_many(trace_id=made.trace).data[3],
    "scores of sessions": lambda api, _: api.scores.get_many(session_id="typed").data,
    "metrics": lambda api, made: api.metrics.metrics(query=made.metrics).data,
    "prompts": lambda api, _: api.prompts.list(name="typed").data,
    "prompt": lambda api, _: api.prompts.get("typed", label="production").prompt,
    "datasets": lambda api, _: api.datasets.list().data,
    "dataset": lambda api, _: api.datasets.get("typed").id,
    "items": lambda api, _: api.dataset_items.list(dataset_name="typed").data[0].media_references,
    "item": lambda api, made: api.dataset_items.get(made.item).id,
    "comments": lambda api, made: api.comments.get(object_type="TRACE", object_id=made.trace).data,
    "comment": lambda api, made: api.comments.get_by_id(made.comment).content,
    "models": lambda api, _: api.models.list(limit=100).data[99].id,
    "model": lambda api, made: api.models.get(made.model).pricing_tiers,
    "media": lambda api, made: api.media.get(made.media).url,
    "configs": lambda api, _: api.score_configs.get().data[1],
    "config": lambda api, made: api.score_configs.get_by_id(made.config).categories,
    "experiments": lambda api, made: api.experiments.list(from_start_time=made.since).data,
}

# clients that SDK 5 dropped
OLDER_READS: dict[str, Callable[[Any, SimpleNamespace], Any]] = {
    "traces": lambda api, _: api.trace.list(session_id="typed", fields="core,io,scores,observations,metrics").data,
    "trace": lambda api, made: api.trace.get(made.trace).observations[2],
    "sessions": lambda api, _: api.sessions.list().data,
    "session": lambda api, _: api.sessions.get("typed").traces,
    "runs": lambda api, _: api.datasets.get_runs("typed").data,
    "run": lambda api, _: api.datasets.get_run("typed", "typed-run").dataset_run_items,
    "scores v3": lambda api, made: api.scores_v3.get_many_v3(trace_id=made.trace).data[3],
    "observations v1": lambda api, made: api.legacy.observations_v1.get_many(trace_id=made.trace).data[2],
    "observation v1": lambda api, made: api.legacy.observations_v1.get(made.observation).id,
    "metrics v1": lambda api, made: api.legacy.metrics_v1.metrics(query=made.metrics).data,
}


@pytest.mark.parametrize("name", [*READS, *(OLDER_READS if SDK < 5 else ())])
def test_a_read_is_understood(sdk: Langfuse, made: SimpleNamespace, name: str):
    read = READS.get(name) or OLDER_READS[name]

    assert read(sdk.api, made)
