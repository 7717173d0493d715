"""What each route takes and gives. A test holds this against the routes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calango.server.openapi import insights
from calango.server.openapi import parameters as q
from calango.server.openapi import schemas as s
from calango.server.openapi.schemas import Schema, cursor_page, listed, one_of, page, record, ref
from calango.store import changes

Content = dict[str, Any]
Answers = dict[int, tuple[str, Content]]
P = "/api/public"
C = "/api/calango"
_JSON = "application/json"


def _json(schema: Schema) -> Content:
    return {_JSON: {"schema": schema}}


_ERROR = _json(ref("Error"))
_HTML: Content = {"text/html": {"schema": s.TEXT}}
_TEXT: Content = {"text/plain": {"schema": s.TEXT}}
_DUCKDB: Content = {"application/vnd.duckdb": {}}
_BYTES: Content = {"application/octet-stream": {}}


def _no_names() -> dict[str, Schema]:
    return {}


@dataclass(frozen=True, slots=True)
class Operation:
    """`names` are schemas of path parameters that are more than some text."""

    summary: str
    answers: Answers
    parameters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    body: Content | None = None
    names: dict[str, Schema] = field(default_factory=_no_names)
    is_open: bool = False
    refusal: Content = field(default_factory=lambda: _ERROR)


def _ok(schema: Schema, text: str = "Done") -> Answers:
    return {200: (text, _json(schema))}


_ROWS = _ok(record("data:objects"))
_WRITTEN = _ok(ref("Message"))
_GONE: Answers = {204: ("It is gone", {})}
_TABLE = one_of(
    *("observations", "traces", "scores", "prompts", "datasets", "dataset_items", "dataset_items_before"),
    *("dataset_runs", "dataset_run_items", "score_configs", "comments", "models", "media", "media_uses"),
)
_PROTOBUF: Content = {"schema": {"type": "string", "format": "binary"}}
_OTLP_ANSWER: Content = {**_json(record("", partialSuccess=s.OBJECT)), "application/x-protobuf": {}}

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", f"{P}/health"): Operation("Whether it runs", _ok(record("status:text version:text")), is_open=True),
    ("GET", f"{P}/ready"): Operation("Whether it runs", _ok(record("status:text version:text")), is_open=True),
    ("GET", f"{P}/projects"): Operation("The project of the key", _ROWS),
    ("GET", f"{C}/status"): Operation("What is stored", _ok(record("version:text project_id:text counts:object"))),
    ("GET", f"{C}/openapi.json"): Operation("This document", _ok(record("openapi:text paths:object"))),
    ("GET", f"{C}/projects"): Operation("All projects (home's key)", _ok(record("", data=listed(ref("Project"))))),
    ("POST", f"{C}/projects"): Operation(
        "A new project with its first keys (home's key)",
        {201: ("Created", _json(ref("NewKey"))), 409: ("There is one of that name", _ERROR)},
        body=_json(record("name:some")),
    ),
    ("POST", f"{C}/projects/{{project_id}}/keys"): Operation(
        "One more pair of keys (home's key)", {201: ("Created", _json(ref("NewKey")))}
    ),
    ("DELETE", f"{C}/keys/{{public_key}}"): Operation("Revoke a key (home's key)", _WRITTEN),
    ("POST", f"{P}/otel/v1/traces"): Operation(
        "Spans, as OTLP",
        {200: ("Stored; `partialSuccess` counts and explains what was not", _OTLP_ANSWER)},
        body={**_json(s.OTLP), "application/x-protobuf": _PROTOBUF},
    ),
    ("POST", f"{P}/otel/v1/metrics"): Operation(
        "Taken and not kept",
        {200: ("Taken", _OTLP_ANSWER)},
        body={**_json(s.OBJECT), "application/x-protobuf": _PROTOBUF},
    ),
    ("POST", f"{P}/ingestion"): Operation(
        "A batch of events, as older SDKs send them",
        {207: ("A verdict for each event", _json(record("successes:objects errors:objects")))},
        body=_json(record("", batch=listed(s.EVENT)) | {"required": ["batch"]}),
    ),
    ("GET", f"{P}/traces"): Operation(
        "Traces",
        _ok(page(ref("Trace"))),
        [
            *q.texts("userId", "sessionId", "name", "tags", "version", "release", "environment"),
            *q.FROM_TO,
            q.TRACE_FIELDS,
            q.query("orderBy", {"type": "string", "pattern": "^[a-zA-Z]+(\\.(asc|desc))?$"}),
            *q.PAGED,
        ],
    ),
    ("DELETE", f"{P}/traces"): Operation(
        "Delete many",
        _WRITTEN,
        body=_json(record("", traceIds=listed(s.TEXT) | {"minItems": 1}) | {"required": ["traceIds"]}),
    ),
    ("GET", f"{P}/traces/{{trace_id}}"): Operation("One trace, whole", _ok(ref("Trace")), [q.TRACE_FIELDS]),
    ("DELETE", f"{P}/traces/{{trace_id}}"): Operation("Delete one", _WRITTEN),
    ("GET", f"{P}/observations"): Operation(
        "Observations (v1)", _ok(page(ref("Observation"))), [*q.OBSERVATIONS, *q.PAGED]
    ),
    ("GET", f"{P}/observations/{{observation_id}}"): Operation("One observation", _ok(ref("Observation"))),
    ("GET", f"{P}/v2/observations"): Operation(
        "Observations (v2)",
        _ok(cursor_page(ref("ObservationV2"))),
        [
            *q.OBSERVATIONS,
            *q.texts("fields", "expandMetadata", "cursor"),
            q.query("parseIoAsJson", s.FLAG),
            q.whole("limit", 0, 1000),
        ],
    ),
    ("POST", f"{P}/scores"): Operation(
        "One score, or a list of them",
        {
            200: ("One is stored", _json(record("id:text"))),
            202: ("All are stored", _json(ref("Message"))),
            207: ("Some were refused", _json(record("accepted:whole rejected:whole errors:objects"))),
        },
        body=_json({"anyOf": [s.SCORE, listed(s.SCORE)]}),
    ),
    ("GET", f"{P}/scores"): Operation("Scores of traces", _ok(page(ref("Score"))), q.SCORES),
    ("GET", f"{P}/scores/{{score_id}}"): Operation("One score of a trace", _ok(ref("Score"))),
    ("DELETE", f"{P}/scores/{{score_id}}"): Operation("Delete one", {202: ("It is gone", _json(ref("Message")))}),
    ("GET", f"{P}/v2/scores"): Operation("Scores (v2)", _ok(page(ref("Score"))), q.SCORES),
    ("GET", f"{P}/v2/scores/{{score_id}}"): Operation("One score", _ok(ref("Score"))),
    ("GET", f"{P}/v3/scores"): Operation("Scores (v3)", _ok(cursor_page(ref("ScoreV3"))), q.SCORES_V3),
    ("GET", f"{P}/sessions"): Operation(
        "Sessions", _ok(page(ref("Session"))), [*q.texts("environment"), *q.FROM_TO, *q.PAGED]
    ),
    ("GET", f"{P}/sessions/{{session_id}}"): Operation("A session with its traces", _ok(ref("Session"))),
    ("GET", f"{P}/metrics"): Operation("Metrics (v1)", _ROWS, q.METRICS),
    ("GET", f"{P}/metrics/daily"): Operation(
        "Counts, tokens and cost per day",
        _ok(page(record("date:text countTraces:whole countObservations:whole totalCost:number usage:objects"))),
        [*q.texts("userId", "traceName", "environment", "tags"), *q.FROM_TO, *q.PAGED],
    ),
    ("GET", f"{P}/v2/metrics"): Operation("Metrics (v2)", _ROWS, q.METRICS),
    ("GET", f"{P}/v2/prompts"): Operation(
        "Prompts by name",
        _ok(page(ref("PromptMeta"))),
        [*q.texts("name", "label", "tag"), *q.times("fromUpdatedAt", "toUpdatedAt"), *q.PAGED],
    ),
    ("POST", f"{P}/v2/prompts"): Operation(
        "A new version", {201: ("Created", _json(ref("Prompt")))}, body=_json(s.PROMPT)
    ),
    ("PATCH", f"{P}/v2/prompts/{{name}}/versions/{{version}}"): Operation(
        "Add labels to a version",
        _ok(ref("Prompt")),
        body=_json(record("", newLabels={"type": ["array", "null"], "items": s.TEXT})),
        names={"version": {"type": "integer", "minimum": 1, "maximum": 999_999_999}},
    ),
    ("GET", f"{P}/v2/prompts/{{name}}"): Operation(
        "One version, `production` if none is named", _ok(ref("Prompt")), [*q.PROMPT, q.query("resolve", s.FLAG)]
    ),
    ("DELETE", f"{P}/v2/prompts/{{name}}"): Operation("Delete versions", _GONE, q.PROMPT),
    ("GET", f"{P}/v2/datasets"): Operation("Datasets", _ok(page(ref("Dataset"))), q.PAGED),
    ("POST", f"{P}/v2/datasets"): Operation("Create or change one", _ok(ref("Dataset")), body=_json(s.DATASET)),
    ("GET", f"{P}/v2/datasets/{{name}}"): Operation("One dataset", _ok(ref("Dataset"))),
    ("GET", f"{P}/dataset-items"): Operation(
        "Items",
        _ok(page(ref("DatasetItem"))),
        [*q.texts("datasetName", "sourceTraceId", "sourceObservationId"), *q.times("version"), *q.PAGED],
    ),
    ("POST", f"{P}/dataset-items"): Operation("Create or change one", _ok(ref("DatasetItem")), body=_json(s.ITEM)),
    ("GET", f"{P}/dataset-items/{{item_id}}"): Operation("One item", _ok(ref("DatasetItem"))),
    ("DELETE", f"{P}/dataset-items/{{item_id}}"): Operation("Delete one", _WRITTEN),
    ("GET", f"{P}/datasets/{{name}}/runs"): Operation("Runs of a dataset", _ok(page(ref("Run"))), q.PAGED),
    ("GET", f"{P}/datasets/{{name}}/runs/{{run_name}}"): Operation("A run with its items", _ok(ref("Run"))),
    ("DELETE", f"{P}/datasets/{{name}}/runs/{{run_name}}"): Operation("Delete a run", _WRITTEN),
    ("GET", f"{P}/datasets"): Operation("Datasets, as older SDKs ask", _ok(page(ref("Dataset"))), q.PAGED),
    ("POST", f"{P}/datasets"): Operation("Create or change one", _ok(ref("Dataset")), body=_json(s.DATASET)),
    ("GET", f"{P}/datasets/{{name}}"): Operation("A dataset with its items", _ok(ref("Dataset"))),
    ("GET", f"{P}/dataset-run-items"): Operation(
        "Items of a run",
        _ok(page(ref("RunItem"))),
        [*(q.query(name, s.SOME_TEXT, required=True) for name in ("datasetId", "runName")), *q.PAGED],
    ),
    ("POST", f"{P}/dataset-run-items"): Operation("Add an item to a run", _ok(ref("RunItem")), body=_json(s.RUN_ITEM)),
    ("GET", f"{P}/experiments"): Operation(
        "Experiments",
        _ok(cursor_page(ref("Experiment"))),
        [*q.EXPERIMENTS, *q.texts("id", "name"), q.query("fields", one_of("core", "metadata", "scores"))],
    ),
    ("GET", f"{P}/experiment-items"): Operation(
        "Items of experiments",
        _ok(cursor_page(ref("ExperimentItem"))),
        [
            *q.EXPERIMENTS,
            *q.texts("experimentId", "experimentName", "experimentItemId"),
            q.query(
                "fields",
                one_of("core", "dataset", "io", "metadata", "itemMetadata", "experimentMetadata", "scores"),
            ),
        ],
    ),
    ("GET", f"{P}/score-configs"): Operation("Score configs", _ok(page(ref("ScoreConfig"))), q.PAGED),
    ("POST", f"{P}/score-configs"): Operation("Create one", _ok(ref("ScoreConfig")), body=_json(s.NEW_CONFIG)),
    ("GET", f"{P}/score-configs/{{config_id}}"): Operation("One score config", _ok(ref("ScoreConfig"))),
    ("PATCH", f"{P}/score-configs/{{config_id}}"): Operation(
        "Change one",
        _ok(ref("ScoreConfig")),
        body=_json(
            s.CONFIG | {"properties": s.CONFIG["properties"] | record("name:some? isArchived:any")["properties"]}
        ),
    ),
    ("GET", f"{P}/comments"): Operation(
        "Comments", _ok(page(ref("Comment"))), [*q.texts("objectType", "objectId", "authorUserId"), *q.PAGED]
    ),
    ("POST", f"{P}/comments"): Operation("Create one", _ok(record("id:text")), body=_json(s.COMMENT)),
    ("GET", f"{P}/comments/{{comment_id}}"): Operation("One comment", _ok(ref("Comment"))),
    ("GET", f"{P}/models"): Operation("Models with prices", _ok(page(ref("Model"))), q.PAGED),
    ("POST", f"{P}/models"): Operation("Create one", _ok(ref("Model")), body=_json(s.MODEL)),
    ("GET", f"{P}/models/{{model_id}}"): Operation("One model", _ok(ref("Model"))),
    ("PUT", f"{P}/models/{{model_id}}"): Operation("Create or replace one", _ok(ref("Model")), body=_json(s.MODEL)),
    ("DELETE", f"{P}/models/{{model_id}}"): Operation("Delete one", _GONE),
    ("POST", f"{P}/media"): Operation(
        "Where to upload to", {201: ("Known now", _json(record("mediaId:text uploadUrl:text?")))}, body=_json(s.MEDIA)
    ),
    ("GET", f"{P}/media/{{media_id}}"): Operation("Where to read it from", _ok(ref("Media"))),
    ("PATCH", f"{P}/media/{{media_id}}"): Operation(
        "How an upload went",
        _WRITTEN,
        body=_json(
            record(
                "uploadedAt:time! uploadHttpError:text?",
                required=False,
                uploadHttpStatus={"type": ["number", "null"], "minimum": 100, "maximum": 599},
            )
        ),
    ),
    ("PUT", f"{C}/media/{{project_id}}/{{media_id}}"): Operation(
        "Upload to a signed address", {200: ("Stored", {})}, q.SIGNED, body=_BYTES, is_open=True
    ),
    ("GET", f"{C}/media/{{project_id}}/{{media_id}}"): Operation(
        "Download from a signed address", {200: ("The bytes", _BYTES)}, q.SIGNED, is_open=True
    ),
    ("GET", f"{C}/backup"): Operation(
        "The whole database (home's key)", {200: ("A DuckDB file", {"application/vnd.duckdb": {}})}
    ),
    ("GET", f"{C}/changes/{{table}}"): Operation(
        "Stored rows of a table in the order in which they changed",
        {200: ("JSON lines", {"application/x-ndjson": {}})},
        [*q.PROJECT, q.whole("after_ns", 0, 2**62), *q.texts("after_key")],
        names={"table": one_of(*changes.TABLES)},
    ),
    ("GET", f"{C}/export"): Operation("A project", {200: ("A tar", {"application/x-tar": {}})}, [q.FORMAT, *q.PROJECT]),
    ("POST", f"{C}/import/{{table}}"): Operation(
        "Exported rows of a table",
        _ok(record("table:text rows:whole")),
        [q.FORMAT, *q.PROJECT],
        body=_BYTES,
        names={"table": _TABLE},
    ),
    **{
        ("GET", f"{C}/insights/{question}"): Operation(
            summary,
            _ok(record("", period=record("start:time end:time zone:text"), answer=insights.ANSWERS[question])),
            [*q.INSIGHTS, *q.QUESTIONS.get(question, [])],
        )
        for question, summary in insights.SUMMARIES.items()
    },
    ("GET", f"{C}/insights/rows/{{what}}"): Operation(
        "The rows behind the answers, the oldest first, as they are read",
        {200: ("JSON lines", {"application/x-ndjson": {}})},
        q.INSIGHTS,
        names={"what": one_of("traces", "costs", "scores")},
    ),
    ("POST", f"{C}/spent"): Operation(
        "What is spent of budgets, and what single traces cost, as of one moment",
        _ok(record("spent:list usd_per_turn:texts traces:object")),
        q.PROJECT,
        body=_json(record("budgets:objects! traces:texts")),
    ),
    ("GET", f"{C}/alerts"): Operation(
        "Alert rules, mutes and incidents (home's key)",
        _ok(record("rules:objects targets:texts incidents:objects")),
        q.LATEST,
    ),
    ("POST", f"{C}/alerts/rules"): Operation(
        "A rule of one's own (home's key)", _ok(record("name:text")), body=_json(s.ALERT_RULE)
    ),
    ("PUT", f"{C}/alerts/rules/{{name}}"): Operation(
        "Put another rule in the place of an own one (home's key)", _ok(record("name:text")), body=_json(s.ALERT_RULE)
    ),
    ("DELETE", f"{C}/alerts/rules/{{name}}"): Operation("Forget an own rule (home's key)", _ok(record("name:text"))),
    ("POST", f"{C}/alerts/preview"): Operation(
        "What a rule would say now; nothing is kept (home's key)",
        _ok(record("data:object reading:object points:objects")),
        body=_json(s.ALERT_RULE),
    ),
    ("GET", f"{C}/alerts/messages"): Operation("What was told (home's key)", _ok(record("messages:objects")), q.LATEST),
    ("POST", f"{C}/alerts/check"): Operation("Evaluate every rule now (home's key)", _ok(record("rules:objects"))),
    ("PUT", f"{C}/alerts/mutes"): Operation(
        "Mute a rule for some seconds, 0 ends it (home's key)",
        _ok(record("rule:text mutedUntil:text?")),
        body=_json(record("rule:text!", seconds={"type": "number", "minimum": 0, "maximum": 7_776_000})),
    ),
    ("POST", f"{C}/alerts/incidents/{{incident_id}}/acknowledge"): Operation(
        "No more reminders of an incident (home's key)", _ok(record("id:text"))
    ),
    ("POST", f"{C}/alerts/targets/{{target}}/try"): Operation(
        "Send a test message (home's key)", _ok(record("target:text delivered:flag error:text?"))
    ),
    ("GET", "/metrics"): Operation("For Prometheus (home's key)", {200: ("Metrics", _TEXT)}, is_open=True),
    ("GET", "/"): Operation("Recent traces", {200: ("A page", _HTML)}, is_open=True),
    ("GET", "/style.css"): Operation("How the pages look", {200: ("A style sheet", {"text/css": {}})}, is_open=True),
    ("GET", "/project/{project_id}/traces/{trace_id}"): Operation(
        "A trace", {200: ("A page", _HTML), 404: ("A page", _HTML)}, is_open=True
    ),
    ("GET", "/project/{project_id}/sessions/{session_id}"): Operation(
        "A session", {200: ("A page", _HTML), 404: ("A page", _HTML)}, is_open=True
    ),
}
