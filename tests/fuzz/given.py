"""Near-valid and wild input: the shapes that are read, with values at the ends of what there can be."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from calango.server import legacy, wire_scores
from calango.server.mapping import families, langfuse
from calango.store.filters import OBSERVATION_COLUMNS
from calango.store.views import AGGREGATIONS, V1_VIEWS, V2_VIEWS
from tests.fuzz.seeds import DEEP, DEEPER, EVIL

NOW = 1_795_164_108_315_135_988
_FAMILIES = families._FAMILIES


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            EVIL,
            DEEP,
            DEEPER,
            "true",
            "null",
            "NaN",
            "1e400",
            "-1",
            "9" * 30,
            "9" * 5000,
            "٣٣",
            '{"input": 1e308}',
            '{"a": "\\ud800"}',
            '["a", 1, null, {}]',
            "1600-01-01",
            "9999-12-31T23:59:59+00:01",
            "0001-01-01T00:00:00+23:59",
            "2026-11-20T08:00:00Z",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.sampled_from([0, 1, 2**53, 2**63 - 1, 2**63, -(2**63), 1e12, 999999999999.9999, 5e-324, 1.7e308]),
)
JSONS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
USAGE = st.dictionaries(
    st.sampled_from(["input", "output", "total", "prompt_tokens", "input_x", "audio", "prompt_tokens_details"]),
    NUMBERS | st.dictionaries(TEXTS, NUMBERS, max_size=2),
    max_size=5,
).map(json.dumps)


def _names() -> list[str]:
    found = set(langfuse._TEXTS) | set(langfuse._SPECIAL) | set(langfuse._SHARED)
    for module in _FAMILIES:
        family = module.FAMILY
        found |= set(family.types) | set(family.tags) | set(family.parameter_objects) | set(family.metadata_objects)
        for names in (*family.columns.values(), *family.usage.values(), *family.cost.values()):
            found |= set(names)
        found |= {f"{prefix}.0.content" for prefix in family.messages.values()}
        found |= {prefix + "x" for prefix in (*family.parameter_prefixes, *family.metadata_prefixes)}
    found |= {"langfuse.metadata", "langfuse.experiment.id", "langfuse.observation.metadata", "langfuse.trace.metadata"}
    return sorted(found | {"gen_ai.system_instructions", "ai.operationId", "gen_ai.response.time_to_first_chunk", ""})


NAMES = st.sampled_from(_names())
_INT64 = st.integers(-(2**63), 2**63 - 1)
ANY_VALUES = st.recursive(
    st.one_of(
        (TEXTS | USAGE).map(lambda text: AnyValue(string_value=text)),
        _INT64.map(lambda value: AnyValue(int_value=value)),
        st.floats().map(lambda value: AnyValue(double_value=value)),
        st.booleans().map(lambda value: AnyValue(bool_value=value)),
        st.binary(max_size=8).map(lambda value: AnyValue(bytes_value=value)),
        st.just(AnyValue()),
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value=ArrayValue(values=items)))
        | st.lists(st.tuples(TEXTS, inner), max_size=3).map(
            lambda pairs: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value) for key, value in pairs])
            )
        )
    ),
    max_leaves=5,
)
_TIMES = st.sampled_from([0, 1, NOW, 2**63 - 1, 2**63, 2**64 - 1])


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """One to three spans whose attributes have names that count."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(draw(_pairs(2)))
    part = group.scope_spans.add()
    part.scope.name = draw(st.sampled_from(["langfuse-sdk", "ai", "other"]))
    for index in range(draw(st.integers(1, 3))):
        span = part.spans.add(trace_id=b"\1" * 16, span_id=bytes([index + 1]) * 8, name=draw(TEXTS))
        span.start_time_unix_nano = draw(_TIMES)
        span.end_time_unix_nano = draw(_TIMES)
        span.attributes.extend(draw(_pairs(8)))
        span.status.code = draw(st.integers(0, 2))
        if draw(st.booleans()):
            name = st.sampled_from(["exception", "gen_ai.choice", "gen_ai.user.message", "First Token Stream Event"])
            event = span.events.add(name=draw(name), time_unix_nano=draw(_TIMES))
            event.attributes.extend(draw(_pairs(2)))
    return request


def _pairs(most: int) -> st.SearchStrategy[list[KeyValue]]:
    pair = st.builds(lambda key, value: KeyValue(key=key, value=value), NAMES | TEXTS, ANY_VALUES)
    return st.lists(pair, max_size=most)


def mutated(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes that were cut, or in which some were changed."""

    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        body = bytearray(draw(whole))
        for _ in range(draw(st.integers(0, 4))):
            if body:
                body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
        return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)

    return change()


def near(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, each as it should be or as it comes."""
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(value, value, value, value, JSONS) for name, value in fields.items()}
    )


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode(errors="replace")


MOMENTS = st.sampled_from(["2026-11-20T08:00:00Z", "1600-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "now", EVIL])
_IDS = st.sampled_from(["a", "b", EVIL])
BODY = near(
    {
        **dict.fromkeys(("id", "traceId", "parentObservationId", "sessionId", "observationId"), _IDS),
        **dict.fromkeys(("name", "model", "version", "environment", "input", "output", "metadata"), TEXTS),
        **dict.fromkeys(("startTime", "endTime", "completionStartTime", "timestamp"), MOMENTS),
        **dict.fromkeys(("usage", "usageDetails", "costDetails"), near({"input": NUMBERS, "total": NUMBERS})),
        "value": NUMBERS | TEXTS,
        "dataType": st.sampled_from(wire_scores.TYPES),
        "promptVersion": NUMBERS,
        "level": st.sampled_from(["ERROR", "x"]),
        "tags": st.lists(TEXTS, max_size=3),
        "public": st.booleans(),
        "modelParameters": st.dictionaries(TEXTS, JSONS, max_size=2),
    }
)
_KINDS = st.sampled_from([*legacy._KINDS, *legacy._OTHERS, "sdk-log"])
EVENTS = st.lists(near({"id": _IDS, "type": _KINDS, "timestamp": MOMENTS, "body": BODY}), max_size=4)
_SPAN = near(
    {
        "traceId": st.sampled_from(["ab" * 16, "AB" * 16, "ab", "00" * 16, "zz" * 16]),
        "spanId": st.sampled_from(["cd" * 8, "c", ""]),
        "name": TEXTS,
        "startTimeUnixNano": st.sampled_from([str(NOW), NOW, "-1", str(2**64)]),
        "attributes": st.lists(
            near({"key": NAMES, "value": near({"stringValue": TEXTS, "intValue": NUMBERS, "doubleValue": NUMBERS})}),
            max_size=3,
        ),
    }
)
SPANS = near(
    {
        "resourceSpans": st.lists(
            near({"scopeSpans": st.lists(near({"spans": st.lists(_SPAN, max_size=3)}), max_size=2)}), max_size=2
        )
    }
)
CONDITION = near(
    {
        "column": st.sampled_from(list(OBSERVATION_COLUMNS)),
        "type": st.sampled_from(
            [
                *("string", "number", "datetime", "boolean", "null", "stringOptions", "arrayOptions"),
                *("stringObject", "numberObject", "categoryOptions"),
            ]
        ),
        "operator": st.sampled_from(
            ["=", "<>", "<", ">=", "contains", "matches", "any of", "none of", "all of", "is null", "is not null"]
        ),
        "value": TEXTS | NUMBERS | MOMENTS,
        "key": TEXTS,
    }
)
_VIEW_NAMES = sorted({*V1_VIEWS, *V2_VIEWS})
_DIMENSIONS = sorted({name for view in (*V1_VIEWS.values(), *V2_VIEWS.values()) for name in view.dimensions})
_MEASURES = sorted({name for view in (*V1_VIEWS.values(), *V2_VIEWS.values()) for name in view.measures})
METRICS = st.fixed_dictionaries(
    {
        "view": st.sampled_from(_VIEW_NAMES),
        "fromTimestamp": st.sampled_from(["0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
        "toTimestamp": st.sampled_from(["9999-12-31T23:59:59Z", "2027-01-01T00:00:00Z"]),
    },
    optional={
        "dimensions": st.lists(near({"field": st.sampled_from(_DIMENSIONS)}), max_size=2),
        "metrics": st.lists(
            near({"measure": st.sampled_from(_MEASURES), "aggregation": st.sampled_from(sorted(AGGREGATIONS))}),
            max_size=3,
        ),
        "filters": st.lists(CONDITION, max_size=2),
        "timeDimension": near({"granularity": st.sampled_from(["auto", "minute", "week", "month", "x"])}),
        "orderBy": st.lists(near({"field": TEXTS, "direction": st.sampled_from(["asc", "desc"])}), max_size=2),
        "config": near({"row_limit": NUMBERS, "bins": NUMBERS}),
    },
)
GZIP = st.lists(st.binary(max_size=300), min_size=1, max_size=3).map(lambda parts: b"".join(map(gzip.compress, parts)))

_POSITION = near(
    {
        **dict.fromkeys(("lastStartTimeTo", "lastTimestamp"), MOMENTS),
        "lastTraceId": _IDS,
        "lastId": _IDS,
        "at": NUMBERS,
        "id": _IDS,
    }
)
POSITIONS = mutated(_POSITION.map(json_bytes))
