"""The real SDK against the real server."""

from collections.abc import Generator
from typing import Any

import httpx
import pytest
from langfuse import Langfuse, propagate_attributes
from langfuse.api import LangfuseAPI
from opentelemetry.sdk.trace import TracerProvider

from calango.local import LocalServer
from tests.support.servers import eventually

TYPES = ("span", "generation", "agent", "tool", "chain", "retriever", "evaluator", "embedding", "guardrail")
ALL_FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"


@pytest.fixture
def langfuse(server: LocalServer) -> Generator[Langfuse]:
    client = Langfuse(
        public_key=server.public_key,
        secret_key=server.secret_key,
        base_url=server.base_url,
        tracer_provider=TracerProvider(),  # the SDK keeps one client per key; every test has keys of its own
    )
    yield client
    client.shutdown()


@pytest.fixture
def api(langfuse: Langfuse) -> LangfuseAPI:
    return langfuse.api


def test_every_type_of_observation_comes_back_as_it_was_sent(langfuse: Langfuse, api: LangfuseAPI):
    with langfuse.start_as_current_observation(as_type="span", name="root") as root:
        for kind in TYPES:
            root.start_observation(as_type=kind, name=f"a-{kind}", input={"i": 1}, output="o").end()
        root.create_event(name="an-event", input="e")
        trace_id = root.trace_id
    langfuse.flush()

    found = api.observations.get_many(trace_id=trace_id, fields=ALL_FIELDS, limit=100).data
    types = {item.name: item.type for item in found}
    assert types == {f"a-{kind}": kind.upper() for kind in TYPES} | {"root": "SPAN", "an-event": "EVENT"}


def test_a_generation_keeps_model_usage_cost_and_first_token(langfuse: Langfuse, api: LangfuseAPI):
    generation = langfuse.start_observation(as_type="generation", name="llm", model="my-model", input="héllo ✓")
    generation.update(
        output={"content": "hi"},
        usage_details={"input": 10, "output": 5, "total": 15},
        cost_details={"input": 0.1, "output": 0.2},
        model_parameters={"temperature": 0.5},
    )
    generation.end()
    langfuse.flush()

    (found,) = api.observations.get_many(trace_id=generation.trace_id, fields=ALL_FIELDS).data
    assert found.model == "my-model"
    assert found.usage_details == {"input": 10, "output": 5, "total": 15}
    assert found.cost_details == {"input": 0.1, "output": 0.2, "total": pytest.approx(0.3)}
    assert (found.input, found.output) == ("héllo ✓", '{"content": "hi"}')


def test_a_trace_carries_session_user_tags_name_and_metadata(langfuse: Langfuse, server: LocalServer):
    with (
        propagate_attributes(
            session_id="s-1", user_id="ana", tags=["chat", "v1"], trace_name="turn", metadata={"plan": "pro"}
        ),
        langfuse.start_as_current_observation(as_type="span", name="root", input="question") as root,
    ):
        root.update(output="answer")
        trace_id = root.trace_id
    langfuse.flush()

    auth = (server.public_key, server.secret_key)
    trace = httpx.get(f"{server.base_url}/api/public/traces/{trace_id}", auth=auth).json()
    assert (trace["name"], trace["sessionId"], trace["userId"]) == ("turn", "s-1", "ana")
    assert (trace["tags"], trace["input"], trace["output"]) == (["chat", "v1"], "question", "answer")
    assert trace["metadata"]["plan"] == "pro"


def test_a_failed_observation_keeps_its_level_and_message(langfuse: Langfuse, api: LangfuseAPI):
    observation = langfuse.start_observation(name="failing", level="ERROR", status_message="boom")
    observation.end()
    langfuse.flush()

    (found,) = api.observations.get_many(trace_id=observation.trace_id, fields="basic").data
    assert (found.level, found.status_message) == ("ERROR", "boom")


@pytest.mark.parametrize(
    ("data_type", "value", "answered"),
    [("NUMERIC", 0.5, 0.5), ("BOOLEAN", 1, True), ("CATEGORICAL", "good", "good"), ("TEXT", "olá", "olá")],
)
def test_a_score_of_every_type_comes_back(
    langfuse: Langfuse, api: LangfuseAPI, data_type: str, value: object, answered: object
):
    trace_id = langfuse.create_trace_id()
    langfuse.create_score(name="s", value=value, trace_id=trace_id, data_type=data_type, comment="why")
    langfuse.flush()

    found = eventually(lambda: api.scores.get_many(trace_id=trace_id, fields="details,subject").data)
    assert [(_answer(score), score.comment) for score in found] == [(answered, "why")]


def _answer(score: Any) -> object:
    """SDK 4 asks an older endpoint, where text stands apart from `value` and a boolean is a number."""
    if score.data_type in {"CATEGORICAL", "TEXT"}:
        return getattr(score, "string_value", None) or score.value
    return bool(score.value) if score.data_type == "BOOLEAN" else score.value


def test_a_score_of_a_session_comes_back(langfuse: Langfuse, api: LangfuseAPI):
    langfuse.create_score(name="resolved", value=1, session_id="s-1", data_type="BOOLEAN")
    langfuse.flush()

    found = eventually(lambda: api.scores.get_many(session_id="s-1").data)
    assert [score.name for score in found] == ["resolved"]


def test_the_sdk_knows_its_keys_are_right(langfuse: Langfuse):
    assert langfuse.auth_check()


def test_the_trace_url_of_the_sdk_is_a_readable_page(langfuse: Langfuse):
    observation = langfuse.start_observation(name="<script>alert(1)</script>", input="question")
    observation.end()
    langfuse.flush()

    url = langfuse.get_trace_url(trace_id=observation.trace_id)
    assert url is not None
    page = httpx.get(url)
    assert page.status_code == 200
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text


def test_pages_of_observations_follow_each_other_without_gap_or_repetition(langfuse: Langfuse, api: LangfuseAPI):
    with langfuse.start_as_current_observation(name="root") as root:
        for number in range(24):
            root.start_observation(name=str(number)).end()
        trace_id = root.trace_id
    langfuse.flush()

    names: list[str] = []
    cursor = None
    while True:
        page = api.observations.get_many(trace_id=trace_id, limit=7, cursor=cursor)
        names += [item.name or "" for item in page.data]
        cursor = page.meta.cursor
        if cursor is None:
            break
    assert sorted(names) == sorted([*map(str, range(24)), "root"])
