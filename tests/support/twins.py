"""Two projects with the same ids and different contents, and every way to read, change and delete them.

`Twin.fill` writes with the same ids, names and times whoever calls; only marks and numbers tell twins apart.
`reads` asks with any twin's ids. What is asked is remembered by route, so that a test sees what nobody asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from calango.insights.listing import COLUMNS
from calango.server.app import ROUTES
from calango.server.routes.insights import QUESTIONS
from calango.store import changes
from calango.store.filters import OBSERVATION_COLUMNS
from calango.store.views import V1_VIEWS, V2_VIEWS, View
from tests.support.routing import route_of

PUBLIC = "/api/public"
START_NS = 1_795_164_111_000_000_000
RANGE = {"fromTimestamp": "2026-11-01T00:00:00Z", "toTimestamp": "2026-12-01T00:00:00Z"}
SINCE = "fromStartTime=2026-11-01T00:00:00Z"
TRACES = [f"{number:032x}" for number in (1, 2, 3)]
SPANS = [f"{number:016x}" for number in (1, 2, 3)]
CONTENT = b"the same bytes in both"


@dataclass
class Twin:
    """One project. `mark` is in every text that it stores, `number` in every count and price."""

    project_id: str
    client: httpx.Client
    mark: str
    number: int
    ids: dict[str, str] = field(default_factory=dict[str, str])
    asked: set[tuple[str, str] | None] = field(default_factory=set[tuple[str, str] | None])

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        self.asked.add(route_of(ROUTES, method, path))
        return self.client.request(method, path, json=body, **options)

    def made(self, method: str, path: str, body: Any) -> Any:
        answer = self.ask(method, PUBLIC + path, body)
        assert answer.status_code in {200, 201, 202, 207}, (path, answer.text)
        return answer.json()

    def fill(self) -> None:
        self.made("PUT", "/models/model-1", self._model())
        self.ids["model"] = self.made("POST", "/models", self._model())["id"]
        headers = {"x-langfuse-ingestion-version": "4"}
        self.ask("POST", f"{PUBLIC}/otel/v1/traces", self._spans(), headers=headers).raise_for_status()
        self._ingest()
        config = {"name": "quality", "dataType": "NUMERIC", "minValue": self.number, "description": self.mark}
        self.ids["config"] = self.made("POST", "/score-configs", config)["id"]
        self.made("PATCH", f"/score-configs/{self.ids['config']}", {"description": f"{self.mark} changed"})
        self._datasets()
        self._scores()
        for _ in range(2):
            prompt = {"name": "p", "prompt": self.mark, "labels": ["production"], "tags": [self.mark]}
            self.made("POST", "/v2/prompts", prompt)
        self.made("PATCH", "/v2/prompts/p/versions/1", {"newLabels": ["stage"]})
        for kind, id_ in (("TRACE", TRACES[0]), ("SESSION", "s")):
            comment = {"projectId": self.project_id, "objectType": kind, "objectId": id_, "content": self.mark}
            self.ids["comment"] = self.made("POST", "/comments", comment)["id"]
        self._media()

    def _model(self) -> dict[str, Any]:
        return {"modelName": self.mark, "matchPattern": "^m$", "unit": "TOKENS", "inputPrice": self.number / 1e9}

    def _spans(self) -> dict[str, Any]:
        return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": self.mark}, "spans": list(self._each_span())}]}]}

    def _each_span(self) -> Iterator[dict[str, Any]]:
        for number, (trace_id, span_id) in enumerate(zip(TRACES, SPANS, strict=True)):
            said = {
                "session.id": "s",
                "user.id": "u",
                "langfuse.trace.name": f"{self.mark} trace",
                "langfuse.trace.metadata.where": self.mark,
                "langfuse.trace.input": self.mark,
                "langfuse.trace.tags": f'["{self.mark}"]',
                "langfuse.release": self.mark,
                "langfuse.version": self.mark,
                "langfuse.environment": self.mark,
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": "m",
                "langfuse.observation.usage_details": json.dumps({"input": self.number, "output": self.number}),
                "langfuse.observation.prompt.name": self.mark,
                "langfuse.observation.prompt.version": str(self.number),
                "langfuse.observation.input": self.mark,
                "langfuse.observation.output": self.mark,
                "langfuse.observation.status_message": self.mark,
                "langfuse.observation.metadata.mark": self.mark,
                "langfuse.experiment.id": f"experiment-{number}",
                "langfuse.experiment.name": self.mark,
                "langfuse.experiment.description": self.mark,
                "langfuse.experiment.metadata": json.dumps({"mark": self.mark}),
                "langfuse.experiment.item.id": "item",
                "langfuse.experiment.item.root_observation_id": span_id,
                "langfuse.experiment.item.expected_output": self.mark,
            }
            yield {
                "traceId": trace_id,
                "spanId": span_id,
                "name": f"{self.mark} span",
                "startTimeUnixNano": str(START_NS + number * 10**9),
                "endTimeUnixNano": str(START_NS + number * 10**9 + self.number * 10**6),
                "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
            }

    def _ingest(self) -> None:
        at = "2026-11-20T08:00:00Z"
        trace = {"id": "legacy", "name": self.mark, "sessionId": "s2", "userId": self.mark, "timestamp": at}
        step = {"id": "legacy-step", "traceId": "legacy", "input": self.mark, "startTime": at, "sessionId": "s2"}
        update = {"id": "legacy-step", "traceId": "legacy", "output": self.mark}
        events = [("trace-create", trace), ("span-create", step), ("span-update", update)]
        batch = [
            {"id": str(number), "type": kind, "timestamp": at, "body": body}
            for number, (kind, body) in enumerate(events)
        ]
        assert self.made("POST", "/ingestion", {"batch": batch})["errors"] == []

    def _datasets(self) -> None:
        made = self.made("POST", "/v2/datasets", {"name": "d", "description": self.mark, "metadata": self.mark})
        self.ids["dataset"] = made["id"]
        reference = f"@@@langfuseMedia:type=text/x|id={media_id()}|source=bytes@@@"
        item = {"datasetName": "d", "id": "item", "input": [self.mark, reference], "sourceTraceId": TRACES[0]}
        self.made("POST", "/dataset-items", item)
        self.made("POST", "/dataset-items", {"datasetName": "d", "id": "item-2", "expectedOutput": self.mark})
        self.made("POST", "/datasets", {"name": "d"})
        run = {"runName": "r", "runDescription": self.mark, "metadata": {"m": self.mark}, "datasetItemId": "item"}
        run_item = self.made("POST", "/dataset-run-items", run | {"observationId": SPANS[0]})
        self.ids["run"] = run_item["datasetRunId"]

    def _scores(self) -> None:
        at = "2026-11-20T08:00:00Z"
        common = {"name": "quality", "value": self.number + 0.5, "comment": self.mark, "timestamp": at}
        targets = (
            ("score-1", {"traceId": TRACES[0], "configId": self.ids["config"]}),
            ("score-2", {"traceId": TRACES[1], "observationId": SPANS[1], "metadata": {"m": self.mark}}),
            ("score-3", {"sessionId": "s"}),
            ("score-4", {"datasetRunId": "experiment-0"}),
            ("score-5", {"traceId": TRACES[2], "name": "word", "value": self.mark}),
            ("score-6", {"traceId": "legacy", "name": "flag", "value": self.number % 2, "dataType": "BOOLEAN"}),
        )
        for id_, target in targets:
            self.made("POST", "/scores", common | {"id": id_} | target)

    def _media(self) -> None:
        body = {
            "sha256Hash": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
            "contentLength": len(CONTENT),
            "contentType": f"text/{self.mark}",
            "traceId": TRACES[0],
            "field": "input",
        }
        made = self.made("POST", "/media", body)
        self.ask("PUT", made["uploadUrl"].removeprefix(str(self.client.base_url)), content=CONTENT).raise_for_status()
        uploaded = {"uploadedAt": "2026-11-20T08:00:00Z", "uploadHttpStatus": 200}
        self.made("PATCH", f"/media/{media_id()}", uploaded)

    def delete_all(self) -> None:
        for path in ("/scores/score-1", f"/traces/{TRACES[0]}", "/dataset-items/item", "/v2/prompts/p"):
            self.ask("DELETE", PUBLIC + path).raise_for_status()
        self.ask("DELETE", f"{PUBLIC}/datasets/d/runs/r").raise_for_status()
        for model in ("model-1", self.ids["model"]):
            self.ask("DELETE", f"{PUBLIC}/models/{model}").raise_for_status()
        self.ask("DELETE", f"{PUBLIC}/traces", {"traceIds": [*TRACES, "legacy"]}).raise_for_status()


def media_id() -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(CONTENT).digest()).decode()[:22]


def reads(owner: Twin, marks: tuple[str, str]) -> Iterator[str]:
    """Every way to read, with the ids of `owner`; filters ask for each of `marks`."""
    ids, project = owner.ids, f"/project/{owner.project_id}"
    yield from ("/", f"{project}/traces/{TRACES[0]}", f"{project}/sessions/s", "/api/calango/status")
    yield from ("/api/calango/projects", f"/api/calango/media/{owner.project_id}/{media_id()}")
    yield "/api/calango/export?format=jsonl"
    yield from (f"/api/calango/changes/{table}" for table in changes.TABLES)
    asked = [*QUESTIONS, *(f"rows/{what}" for what in COLUMNS)]
    yield from (f"/api/calango/insights/{question}?since=2026-11-01&until=2026-12-01" for question in asked)
    for path in (
        *(f"traces/{id_}" for id_ in [*TRACES, "legacy"]),
        *(f"observations/{id_}" for id_ in [*SPANS, "legacy-step"]),
        *("scores/score-1", "scores/score-5", *(f"v2/scores/score-{number}" for number in range(1, 7))),
        *("sessions/s", "sessions/s2", "v2/datasets/d", "dataset-items/item", "dataset-items/item-2"),
        *("datasets", "datasets/d", "dataset-items?datasetName=d&version=2100-01-01T00:00:00Z"),
        *("v2/prompts/p", "v2/prompts/p?version=1", "datasets/d/runs", "datasets/d/runs/r", "models/model-1"),
        "v2/prompts/p?label=stage",
        *(f"score-configs/{ids['config']}", f"comments/{ids['comment']}", f"models/{ids['model']}"),
        *("projects", "v2/prompts", "v2/datasets", "score-configs", "comments", "models?limit=2", "sessions"),
        *("dataset-items", "dataset-items?datasetName=d", f"dataset-items?sourceTraceId={TRACES[0]}"),
        *("metrics/daily", "metrics/daily?userId=u", f"media/{media_id()}"),
        f"dataset-run-items?datasetId={ids['dataset']}&runName=r",
        *("scores", "v2/scores", "v2/scores?userId=u", "v3/scores", "v3/scores?fields=details,subject,annotation"),
        *(f"v3/scores?experimentId=experiment-0&configId={ids['config']}", f"v3/scores?experimentId={ids['run']}"),
        *("traces", "traces?sessionId=s", "traces?userId=u&fields=core", "traces?limit=1&page=2"),
        *("observations", f"observations?traceId={TRACES[0]}", "observations?userId=u", "v2/observations"),
        f"experiments?{SINCE}&fields=core,metadata,scores",
        f"experiment-items?{SINCE}&fields=core,dataset,io,metadata,itemMetadata,experimentMetadata,scores",
    ):
        yield f"{PUBLIC}/{path}"
    for mark in marks:
        yield f"{PUBLIC}/v2/prompts?tag={mark}"
        for name in (
            "traces?tags",
            "traces?name",
            "v2/scores?traceTags",
            "v2/scores?environment",
            "sessions?environment",
        ):
            yield f"{PUBLIC}/{name}={mark}"
        yield from (f"{PUBLIC}/{path}&filter={text}" for text in _filters(mark) for path in _FILTERED)
    for version, views in (("", V1_VIEWS), ("v2/", V2_VIEWS)):
        for name, view in views.items():
            yield from (f"{PUBLIC}/{version}metrics?query={json.dumps(query)}" for query in _queries(name, view))


_GROUPS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
_FILTERED = ("observations?limit=100", f"v2/observations?fields={_GROUPS}&limit=100")


def _filters(mark: str) -> Iterator[str]:
    texts = ("name", "traceName", "release", "version", "environment", "promptName", "statusMessage", "input", "output")
    assert set(texts) <= set(OBSERVATION_COLUMNS)
    for column in texts:
        yield json.dumps([{"type": "string", "column": column, "operator": "contains", "value": mark}])
    yield json.dumps([{"type": "arrayOptions", "column": "tags", "operator": "any of", "value": [mark]}])
    yield json.dumps([{"type": "stringObject", "column": "metadata", "key": "mark", "operator": "=", "value": mark}])
    yield json.dumps([{"type": "null", "column": "endTime", "operator": "is not null"}])


def _queries(name: str, view: View) -> Iterator[dict[str, Any]]:
    """All measures at once, and all dimensions at once."""
    common = {"view": name, **RANGE, "config": {"row_limit": 100}}
    count = {"measure": "count", "aggregation": "count"}
    measures = [{"measure": measure, "aggregation": how} for measure in view.measures for how in ("sum", "max")]
    yield common | {"metrics": measures}
    order, dimensions = [{"field": "count_count", "direction": "desc"}], [{"field": name} for name in view.dimensions]
    yield common | {"metrics": [count], "dimensions": dimensions, "orderBy": order}
    yield common | {"metrics": [count], "timeDimension": {"granularity": "day"}}
