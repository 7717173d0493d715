"""What reads bytes and texts from outside, given near-valid and wild input.

The property is the same for all: an answer or a refusal (ApiError, FilterError, ValueError where that is the
contract), never another exception; rows that come out can be stored, and what was stored can be answered.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.datastructures import QueryParams
from starlette.requests import Request

from calango.server import legacy, mending, otlp, params, wire, wire_scores, wire_v2
from calango.server.auth import Key
from calango.server.costs import PriceBook
from calango.server.errors import ApiError
from calango.server.http import Json
from calango.server.intake import inflate
from calango.server.mapping import observations_of
from calango.server.routes import experiments, metrics
from calango.server.times import iso_ms, parse_bound, parse_iso
from calango.server.trace_page import trace_html
from calango.store import ObservationRow, ScoreRow, migrations, query
from calango.store import metrics as stored_metrics
from calango.store.bulk import insert_observations, insert_scores
from calango.store.derive import trace_of
from calango.store.filters import OBSERVATION_COLUMNS, FilterError, where_of
from calango.store.write import patch_observations, patch_traces, put_scores
from tests.fuzz import given
from tests.fuzz.seeds import EVIL


@dataclass(frozen=True)
class Target:
    given: st.SearchStrategy[Any]
    check: Callable[[Any], None]


# ---- what is done with them


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Everything that a target stores is rolled back; one row of each kind stays, for conditions to be tried on."""
    db = duckdb.connect()
    migrations.migrate(db)
    insert_observations(
        db, [ObservationRow("p", "t", "o", given.NOW, input=EVIL, tags=["a"], metadata_json='{"a": "1"}')]
    )
    insert_scores(db, [ScoreRow("p", "s", "n", given.NOW, "NUMERIC", value=1.0, trace_id="t")])
    return db


def stored_and_answered(store: Callable[[duckdb.DuckDBPyConnection], object]) -> None:
    """Store, read again as every route does, and take it back."""
    db = database()
    db.execute("BEGIN")
    try:
        store(db)
        where = query.of_project("p")
        rows = query.observations(db, where)
        said = query.traces_said(db, "p", [row.trace_id for row in rows])
        scores = query.scores(db, where)
        for row in rows:
            Json([wire.observation_v1(row), wire_v2.observation_v2(row, wire_v2.GROUPS)])
            wire_v2.cursor_position(wire_v2.cursor_after(row))
            Json(experiments._item(row, frozenset(experiments._ITEM_GROUPS)))
        for score in scores:
            Json([wire_scores.score_v2(score), wire_scores.score_v3(score, frozenset({"details", "subject"}))])
        for id_ in {row.trace_id for row in rows} | set(said):
            trace = trace_of(id_, [row for row in rows if row.trace_id == id_], said.get(id_))
            assert trace is not None
            Json(wire.trace_v1(trace, wire.TRACE_FIELDS, observations=[], scores=[]))
            trace_html(trace, scores)
    finally:
        db.execute("ROLLBACK")


def _take_spans(body: bytes, kind: str) -> None:
    found = otlp.decode_spans(body, kind)
    decoded = observations_of(found.request, "p", now_ns=given.NOW, direct=True)
    otlp.encode_answer(decoded.rejected, decoded.message, kind)
    prices = PriceBook()
    for row in decoded.rows:
        prices.apply(row)
    stored_and_answered(lambda db: insert_observations(db, decoded.rows))


def _protobuf(body: bytes) -> None:
    with suppress(ApiError):
        _take_spans(body, otlp.PROTOBUF)


def _mapped(request: ExportTraceServiceRequest) -> None:
    _take_spans(request.SerializeToString(), otlp.PROTOBUF)


def _otlp_json(body: bytes) -> None:
    with suppress(ApiError):
        _take_spans(body, otlp.JSON)


def _inflate(body: bytes) -> None:
    with suppress(ApiError):
        assert len(inflate(body, limit=100_000)) <= 100_000


def _mend(body: bytes) -> None:
    with suppress(ApiError):
        value = mending.json_of(body, mend=True)
        for item in value if isinstance(value, list) else [value]:
            mending.check(item)
            Json(item)


def _legacy(body: bytes) -> None:
    try:
        value = mending.json_of(body, mend=True)
    except ApiError:
        return
    batch = legacy.Batch()
    for event in value if isinstance(value, list) else []:
        try:
            mending.check(event)
            legacy.add_event(batch, event if isinstance(event, dict) else {}, "p", given.NOW)
        except ApiError as error:
            Json(legacy.refusal("x", error))

    def store(db: duckdb.DuckDBPyConnection) -> None:
        patch_traces(db, batch.traces)
        patch_observations(db, batch.observations, PriceBook().apply)
        put_scores(db, batch.scores)

    stored_and_answered(store)


def _score(body: dict[str, Any]) -> None:
    with suppress(ApiError):
        mending.check(body)
        row = wire_scores.score_row(body, "p", given.NOW)
        stored_and_answered(lambda db: put_scores(db, [row]))


def _cursor(text: str) -> None:
    db = database()
    with suppress(ApiError):
        at, trace_id, id_ = wire_v2.cursor_position(text)
        where = query.of_project("p").add("(start_ns, trace_id, id) < (CAST(? AS BIGINT), ?, ?)", at, trace_id, id_)
        query.count(db, "observations", where)
    with suppress(ApiError):
        at, id_ = wire_scores.cursor_position(text)
        query.count(db, "scores", query.of_project("p").add("(timestamp_ns, id) < (CAST(? AS BIGINT), ?)", at, id_))
    with suppress(ApiError):
        if position := experiments._cursor(QueryParams({"cursor": text})):
            query.count(db, "observations", query.of_project("p").add("start_ns < ? AND id > ?", *position))


def _filter(conditions: Any) -> None:
    try:
        where = where_of(conditions, OBSERVATION_COLUMNS, parse_bound)
    except FilterError:
        return
    query.count(database(), "observations", where)


def _metrics(asked: Any) -> None:
    text = json.dumps(asked) if not isinstance(asked, str) else asked
    with suppress(UnicodeEncodeError):
        text.encode()
        for newest in (True, False):
            scope = {"type": "http", "query_string": b"", "headers": [], "state": {"key": Key("k", "p")}}
            request = Request(scope)
            request._query_params = QueryParams({"query": text})
            with suppress(ApiError):
                Json(stored_metrics.run(database(), metrics.checked(request, newest=newest)))


def _parameters(text: str) -> None:
    given = QueryParams({"x": text})
    for read in (params.moment, params.flag, params.number, params.document, params.listed, params.text):
        with suppress(ApiError):
            read(given, "x")
    with suppress(ApiError):
        assert 0 <= params.integer(given, "x", 1, minimum=0, maximum=10) <= 10
    with suppress(ApiError):
        page, limit = params.page_of(QueryParams({"page": text}))
        query.observations(database(), query.of_project("p"), limit=limit, offset=(page - 1) * limit)


def _time(text: str) -> None:
    with suppress(ValueError):
        iso_ms(parse_bound(text))
        assert abs(parse_iso(text)) < 2**63


TARGETS: dict[str, Target] = {
    "OTLP bytes": Target(st.binary(max_size=200), _protobuf),
    "OTLP, damaged": Target(
        given.mutated(given.requests().map(lambda request: request.SerializeToString())), _protobuf
    ),
    "OTLP spans": Target(given.requests(), _mapped),
    "OTLP as JSON": Target(given.SPANS.map(given.json_bytes), _otlp_json),
    "OTLP as JSON, damaged": Target(given.mutated(given.SPANS.map(given.json_bytes)), _otlp_json),
    "gzip": Target(
        st.binary(max_size=200) | given.mutated(given.GZIP | st.binary(max_size=200).map(zlib.compress)), _inflate
    ),
    "JSON": Target(st.binary(max_size=200) | given.mutated(given.JSONS.map(given.json_bytes)), _mend),
    "legacy events": Target(given.EVENTS.map(given.json_bytes), _legacy),
    "legacy events, damaged": Target(given.mutated(given.EVENTS.map(given.json_bytes)), _legacy),
    "scores": Target(given.BODY, _score),
    "cursors": Target(given.TEXTS | given.POSITIONS.map(lambda raw: base64.b64encode(raw).decode()), _cursor),
    "filters": Target(st.lists(given.CONDITION, max_size=3) | given.JSONS, _filter),
    "metrics": Target(given.METRICS | given.JSONS, _metrics),
    "parameters": Target(given.TEXTS, _parameters),
    "times": Target(given.TEXTS | st.datetimes().map(lambda at: at.isoformat() + "Z"), _time),
}
