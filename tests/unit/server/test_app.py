"""The application over real HTTP."""

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.local import LocalServer

PUBLIC = "/api/public"
TRACE = "ab" * 16


def spans(trace_id: str = TRACE, **values: object) -> dict[str, object]:
    span = {"traceId": trace_id, "spanId": "cd" * 8, "name": "n", "startTimeUnixNano": "1795164111322303532"}
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "x"}, "spans": [span | values]}]}]}


def test_a_request_without_keys_is_told_so(anyone: httpx.Client):
    answer = anyone.get(f"{PUBLIC}/projects")

    assert (answer.status_code, answer.json()) == (401, {"message": "No authorization header"})


@pytest.mark.parametrize("auth", [("pk-lf-nobody", "sk"), ("", "")])
def test_wrong_keys_are_refused(anyone: httpx.Client, auth: tuple[str, str]):
    answer = anyone.get(f"{PUBLIC}/projects", auth=auth)

    assert answer.status_code == 401
    assert answer.json()["message"].startswith("Invalid credentials")


def test_the_right_public_key_with_a_wrong_secret_is_refused(anyone: httpx.Client, shared: LocalServer):
    assert anyone.get(f"{PUBLIC}/projects", auth=(shared.public_key, "sk-lf-wrong")).status_code == 401


@pytest.mark.parametrize("header", ["Bearer x", "Basic !!!", "Basic", "Basic /w=="])
def test_a_malformed_authorization_header_is_refused(anyone: httpx.Client, header: str):
    assert anyone.get(f"{PUBLIC}/projects", headers={"authorization": header}).status_code == 401


def test_health_needs_no_key(anyone: httpx.Client):
    assert anyone.get(f"{PUBLIC}/health").json()["status"] == "OK"


def test_an_unknown_path_is_answered_in_langfuses_shape(api: httpx.Client):
    answer = api.get(f"{PUBLIC}/nothing-here")

    assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")


def test_a_method_that_is_not_allowed_is_named(api: httpx.Client):
    assert api.put(f"{PUBLIC}/scores", json={}).status_code == 405


def test_a_body_that_is_no_json_is_refused(api: httpx.Client):
    answer = api.post(f"{PUBLIC}/scores", content=b"{", headers={"content-type": "application/json"})

    assert (answer.status_code, "JSON" in answer.json()["message"]) == (400, True)


def test_spans_are_readable_as_soon_as_they_are_answered(api: httpx.Client):
    trace_id = "01" * 16
    answer = api.post(f"{PUBLIC}/otel/v1/traces", json=spans(trace_id))

    assert (answer.status_code, answer.content) == (200, b"{}")
    assert api.get(f"{PUBLIC}/traces/{trace_id}").json()["observations"][0]["name"] == "n"


def test_rejected_spans_are_reported_in_the_requests_encoding(api: httpx.Client):
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="no ids")
    headers = {"content-type": "application/x-protobuf"}
    answer = api.post(f"{PUBLIC}/otel/v1/traces", content=request.SerializeToString(), headers=headers)

    assert answer.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1


def test_a_list_of_scores_is_accepted_whole(api: httpx.Client):
    scores = [
        {"id": "list-1", "name": "n", "traceId": "list", "value": 1},
        {"name": "m", "traceId": "list", "value": 2},
    ]
    answer = api.post(f"{PUBLIC}/scores", json=scores)

    assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
    assert len(api.get(f"{PUBLIC}/v3/scores", params={"traceId": "list"}).json()["data"]) == 2


def test_a_bad_score_in_a_list_is_named_and_the_others_are_stored(api: httpx.Client):
    scores = [{"name": "n", "traceId": "part", "value": 1}, {"name": "m", "traceId": "part"}]
    answer = api.post(f"{PUBLIC}/scores", json=scores)

    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (207, 1, 1)
    assert answer.json()["errors"][0]["message"].startswith("Score 1:")


def test_deleting_a_trace_takes_its_observations_and_scores(api: httpx.Client):
    trace_id = "02" * 16
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans(trace_id))
    api.post(f"{PUBLIC}/scores", json={"name": "n", "traceId": trace_id, "value": 1})
    api.delete(f"{PUBLIC}/traces/{trace_id}")

    assert api.get(f"{PUBLIC}/traces/{trace_id}").status_code == 404
    assert api.get(f"{PUBLIC}/v3/scores", params={"traceId": trace_id}).json()["data"] == []


def test_a_legacy_update_changes_only_what_it_names(api: httpx.Client):
    create = {"id": "o-1", "traceId": "t-1", "name": "g", "input": "in", "startTime": "2026-11-20T08:00:00Z"}
    update = {"id": "o-1", "traceId": "t-1", "output": "out", "endTime": "2026-11-20T08:00:02Z"}
    for number, (kind, body) in enumerate([("generation-create", create), ("generation-update", update)]):
        event = {"id": str(number), "type": kind, "timestamp": "2026-11-20T08:00:00Z", "body": body}
        assert api.post(f"{PUBLIC}/ingestion", json={"batch": [event]}).json()["errors"] == []

    found = api.get(f"{PUBLIC}/observations/o-1").json()
    assert (found["input"], found["output"], found["latency"]) == ("in", "out", 2)


def test_the_status_counts_what_is_stored(api: httpx.Client):
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans("03" * 16))

    status = api.get("/api/calango/status").json()
    assert status["counts"]["observations"] >= 1
    assert status["database"].endswith("calango.duckdb")


def test_a_page_escapes_what_the_trace_says(api: httpx.Client, anyone: httpx.Client, shared: LocalServer):
    trace_id = "04" * 16
    evil = '"><img src=x onerror=alert(1)>'
    attributes = [{"key": "langfuse.observation.input", "value": {"stringValue": evil}}]
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans(trace_id, name=evil, attributes=attributes))

    page = anyone.get(f"/project/{shared.project_id}/traces/{trace_id}")
    assert page.status_code == 200
    assert "<img" not in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_first_page_lists_recent_traces(api: httpx.Client, anyone: httpx.Client):
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans("05" * 16, name="my-turn"))

    assert "my-turn" in anyone.get("/").text


def test_a_session_has_a_page_with_its_traces(api: httpx.Client, anyone: httpx.Client, shared: LocalServer):
    attributes = [{"key": "session.id", "value": {"stringValue": "a/b <i>"}}]
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans("07" * 16, name="first-turn", attributes=attributes))

    page = anyone.get(f"/project/{shared.project_id}/sessions/a%2Fb%20%3Ci%3E")
    assert (page.status_code, "first-turn" in page.text, "<i>" in page.text) == (200, True, False)


@pytest.mark.parametrize("path", ["/", "/project/p/traces/t", "/project/p/sessions/s", "/style.css"])
def test_a_page_under_a_foreign_name_is_refused(anyone: httpx.Client, path: str):
    assert anyone.get(path, headers={"host": "evil.example"}).status_code == 403


def test_a_page_for_a_trace_that_does_not_exist_says_so(anyone: httpx.Client):
    page = anyone.get("/project/p/traces/none")

    assert (page.status_code, "No such trace" in page.text) == (404, True)


def test_traces_are_found_by_every_filter(api: httpx.Client):
    trace_id = "06" * 16
    pairs = {
        "session.id": "s-6",
        "user.id": "u-6",
        "langfuse.trace.name": "name-6",
        "langfuse.release": "r-6",
        "langfuse.version": "v-6",
        "langfuse.environment": "env-6",
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans(trace_id, attributes=attributes))

    for name, value in zip(
        ("sessionId", "userId", "name", "release", "version", "environment"), pairs.values(), strict=True
    ):
        found = api.get(f"{PUBLIC}/traces", params={name: value}).json()
        assert [trace["id"] for trace in found["data"]] == [trace_id], name
        assert api.get(f"{PUBLIC}/traces", params={name: "other"}).json()["data"] == [], name


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("traces", {"limit": "0"}),
        ("traces", {"limit": "1000"}),
        ("traces", {"page": "x"}),
        ("traces", {"orderBy": "1; DROP TABLE"}),
        ("traces", {"fromTimestamp": "yesterday"}),
        ("v2/observations", {"limit": "-1"}),
        ("v2/observations", {"filter": "{"}),
        ("v2/observations", {"filter": '[{"column": "x"}]'}),
        ("v2/observations", {"isRootObservation": "maybe"}),
        ("v3/scores", {"fields": "nonsense"}),
        ("v3/scores", {"value": "1"}),
        ("v3/scores", {"observationId": "o"}),
        ("v3/scores", {"traceId": "t", "sessionId": "s"}),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api: httpx.Client, path: str, query: dict[str, str]):
    answer = api.get(f"{PUBLIC}/{path}", params=query)

    assert (answer.status_code, "message" in answer.json()) == (400, True)
