"""Schemas of what travels. Names and shapes are those of Langfuse's API, as its SDK's types have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
SOME_TEXT: Schema = {"type": "string", "minLength": 1}
NAME: Schema = {"type": "string", "minLength": 1}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
OBJECT: Schema = {"type": "object"}
ANY: Schema = {}
_KINDS: Mapping[str, Schema] = {
    "text": TEXT,
    "some": SOME_TEXT,
    "number": NUMBER,
    "whole": WHOLE,
    "flag": FLAG,
    "time": TIME,
    "object": OBJECT,
    "any": ANY,
    "texts": {"type": "array", "items": TEXT},
    "list": {"type": "array", "items": ANY},
    "objects": {"type": "array", "items": OBJECT},
}


def or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]} if "type" in schema else schema


def record(fields: str, *, required: bool = True, **more: Schema) -> Schema:
    """`"id:text name:text?"`: names and kinds; `?` allows null. All are required, unless `required` is False: then
    those are that end in `!`. `more` are fields with schemas of their own, never required."""
    properties: dict[str, Schema] = {}
    wanted: list[str] = []
    for field in fields.split():
        name, _, kind = field.partition(":")
        schema = _KINDS[kind.rstrip("?!")]
        properties[name] = or_null(schema) if kind.endswith("?") else schema
        if required or kind.endswith("!"):
            wanted.append(name)
    return {"type": "object", "properties": properties | more} | ({"required": wanted} if wanted else {})


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def page(item: Schema) -> Schema:
    """An answer of a list by pages."""
    return {"type": "object", "properties": {"data": listed(item), "meta": ref("Page")}, "required": ["data", "meta"]}


def cursor_page(item: Schema) -> Schema:
    """An answer of a list by cursors; without a cursor there is no more."""
    meta = record("", required=False, cursor=TEXT)
    return {"type": "object", "properties": {"data": listed(item), "meta": meta}, "required": ["data", "meta"]}


_TIMES = "createdAt:time updatedAt:time"
_OBSERVATION = "id:text traceId:text projectId:text type:text startTime:time endTime:time? parentObservationId:text?"
_SCORE = "id:text projectId:text name:text source:text dataType:text timestamp:time environment:text " + _TIMES
_TRACE = (
    "id:text projectId:text name:text? timestamp:time environment:text tags:texts release:text? version:text?"
    " userId:text? sessionId:text? public:flag input:any output:any metadata:any latency:number totalCost:number"
    " htmlPath:text scores:list observations:list " + _TIMES
)
_CATEGORY = record("label:some! value:number?", required=False)
_TARGETS = "traceId:text? observationId:text? sessionId:text? datasetRunId:text?"
FILTER = record(
    "column:text! operator:text! key:text value:any",
    required=False,
    type=one_of(
        *("string", "number", "datetime", "boolean", "null", "stringOptions", "arrayOptions"),
        *("stringObject", "numberObject", "categoryOptions"),
    ),
)
FILTER["required"].append("type")
SCORE = record(
    f"id:text? name:some! {_TARGETS} comment:text? configId:text? queueId:text? metadata:any", required=False
)
SCORE["properties"] |= {
    "value": {"type": ["string", "number"]},
    "dataType": {"enum": ["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION", None]},
    "source": {"enum": ["API", "ANNOTATION", "EVAL", None]},
    "environment": {"type": ["string", "null"], "pattern": "^(?!langfuse)[a-z0-9_-]{1,40}$"},
    "timestamp": {"type": ["string", "null"], "format": "date-time"},
}
SCORE["required"].append("value")
EVENT = record("id:text! type:text! timestamp:time! body:object! metadata:any", required=False)
OTLP_SPAN = record(
    "name:text attributes:objects events:objects links:objects",
    required=False,
    traceId={"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    spanId={"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
    parentSpanId={"type": "string", "pattern": "^([0-9a-fA-F]{16})?$"},
    startTimeUnixNano={"type": "string", "pattern": "^[0-9]{1,19}$"},
    endTimeUnixNano={"type": "string", "pattern": "^[0-9]{1,19}$"},
)
OTLP = record(
    "",
    required=False,
    resourceSpans=listed(
        record(
            "",
            required=False,
            resource=record("attributes:objects", required=False),
            scopeSpans=listed(
                record(
                    "",
                    required=False,
                    scope=record("name:text version:text", required=False),
                    spans=listed(OTLP_SPAN),
                )
            ),
        )
    ),
)
METRICS = record(
    "fromTimestamp:time! toTimestamp:time!",
    required=False,
    view=one_of("traces", "observations", "scores-numeric", "scores-categorical", "scores-boolean"),
    dimensions=listed(record("field:text")),
    metrics=listed(record("measure:text aggregation:text")),
    filters=listed(FILTER),
    timeDimension=record("", granularity=one_of("auto", "minute", "hour", "day", "week", "month")),
    orderBy=listed(record("field:text", direction=one_of("asc", "desc"))),
    config=record(
        "",
        row_limit={"type": "integer", "minimum": 1, "maximum": 1000},
        bins={"type": "integer", "minimum": 1, "maximum": 100},
    ),
)
METRICS["required"].append("view")
PRICING = record("inputPrice:number? outputPrice:number? totalPrice:number?", required=False)["properties"]
MODEL = record(
    "modelName:some! matchPattern:some! startDate:text? tokenizerId:text? tokenizerConfig:any pricingTiers:objects",
    required=False,
    unit={"enum": ["TOKENS", "CHARACTERS", "MILLISECONDS", "SECONDS", "IMAGES", "REQUESTS", None]},
    **PRICING,
)
CONFIG = record("minValue:number? maxValue:number? description:text?", required=False)
CONFIG["properties"] |= {"categories": {"type": ["array", "null"], "items": _CATEGORY, "minItems": 1}}
NEW_CONFIG = record(
    "name:some!",
    required=False,
    dataType=one_of("NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT"),
    **CONFIG["properties"],
)
NEW_CONFIG["required"].append("dataType")
MEDIA = record(
    "traceId:text? observationId:text? datasetId:text? datasetItemId:text?",
    required=False,
    sha256Hash={"type": "string", "minLength": 44, "maxLength": 44},
    contentLength={"type": "number", "exclusiveMinimum": 0, "maximum": 64 * 1024 * 1024},
    contentType={"type": "string", "pattern": r"^[a-z]+/[a-z0-9.+-]{1,80}$"},
    field=one_of("input", "output", "metadata", "expectedOutput"),
)
MEDIA["required"] = ["sha256Hash", "contentLength", "contentType", "field"]
COMMENT = record("projectId:some! objectId:some! authorUserId:text?", required=False)
COMMENT["properties"] |= {
    "content": {"type": "string", "minLength": 1, "maxLength": 5000},
    "objectType": one_of("TRACE", "OBSERVATION", "SESSION", "PROMPT"),
}
COMMENT["required"] += ["content", "objectType"]
PROMPT = record("name:some! config:any commitMessage:text?", required=False)
PROMPT["properties"] |= {
    "type": {"enum": ["text", "chat", None]},
    "prompt": {"type": ["string", "array"]},
    "labels": {"type": ["array", "null"], "items": TEXT},
    "tags": {"type": ["array", "null"], "items": TEXT},
}
PROMPT["required"].append("prompt")
DATASET = record("name:some! description:text? metadata:any inputSchema:any expectedOutputSchema:any", required=False)
ITEM = record(
    "datasetName:some! id:text? input:any expectedOutput:any metadata:any sourceTraceId:text?"
    " sourceObservationId:text?",
    required=False,
    status={"enum": ["ACTIVE", "ARCHIVED", None]},
)
RUN_ITEM = record(
    "runName:some! datasetItemId:some! traceId:text? observationId:text? runDescription:text? metadata:any",
    required=False,
)

COMPONENTS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "properties": {"message": TEXT, "error": {"type": ["string", "array"], "items": ref("Problem")}},
        "required": ["message"],
    },
    "Problem": record("code:text path:list message:text"),
    "Page": record("page:whole limit:whole totalItems:whole totalPages:whole"),
    "Trace": record(_TRACE),
    "Observation": record(
        f"{_OBSERVATION} name:text level:text environment:text usageDetails:object costDetails:object"
    ),
    "ObservationV2": record(_OBSERVATION),
    "Score": record(_SCORE + " traceId:text? observationId:text? stringValue:text? metadata:any"),
    "ScoreV3": record(_SCORE + " value:any"),
    "Session": record("id:text projectId:text createdAt:time environment:text"),
    "Prompt": record(
        "id:text projectId:text name:text version:whole type:text prompt:any config:any labels:texts tags:texts"
    ),
    "PromptMeta": record("name:text type:text versions:list labels:texts tags:texts lastUpdatedAt:time lastConfig:any"),
    "Dataset": record("id:text projectId:text name:text description:text? metadata:any " + _TIMES),
    "DatasetItem": record("id:text datasetId:text datasetName:text status:text input:any version:time " + _TIMES),
    "Run": record("id:text name:text datasetId:text datasetName:text metadata:any " + _TIMES),
    "RunItem": record("id:text datasetRunId:text datasetRunName:text datasetItemId:text traceId:text " + _TIMES),
    "Experiment": record("id:text name:text startTime:time endTime:time itemCount:whole datasetId:text?"),
    "ExperimentItem": record("id:text traceId:text startTime:time experimentId:text"),
    "ScoreConfig": record("id:text name:text projectId:text dataType:text isArchived:flag " + _TIMES),
    "Comment": record("id:text projectId:text objectType:text objectId:text content:text " + _TIMES),
    "Model": record(
        "id:text modelName:text matchPattern:text prices:object pricingTiers:objects isLangfuseManaged:flag"
    ),
    "Media": record("mediaId:text contentType:text contentLength:whole uploadedAt:time? url:text urlExpiry:time"),
    "Message": record("message:text"),
    "Project": record("id:text name:text createdAt:time keys:objects"),
    "NewKey": record("id:text publicKey:text secretKey:text"),
}
_ALERT_LIMIT: Schema = {"type": "number", "minimum": 0}
ALERT_RULE: Schema = record(
    "name:some! metric:some! window:text min_turns:number severity:text quiet:text to:texts enabled:flag budget:text",
    required=False,
    above=_ALERT_LIMIT,
    below=_ALERT_LIMIT,
    jump=_ALERT_LIMIT,
    filters=OBJECT,
    remind={"type": ["string", "boolean"]},
) | {"description": "The keys of a rule in `alerts.toml`: one of above, below and jump."}
