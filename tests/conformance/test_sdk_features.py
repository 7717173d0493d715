"""What the SDK offers beside plain spans: `observe`, scores of what runs, LangChain, OpenAI, media, prompts offline."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import openai as plain_openai
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langfuse import Langfuse, observe
from langfuse.langchain import CallbackHandler
from langfuse.media import LangfuseMedia
from langfuse.openai import openai
from opentelemetry.sdk.trace import TracerProvider

from calango import local
from calango.local import LocalServer
from tests.support.openai_wire import ANSWER, OpenAIServer
from tests.support.servers import eventually, running_server

ASKED = [{"role": "user", "content": "Why?"}]


@pytest.fixture
def key(shared: LocalServer) -> dict[str, str]:
    """Other tests of this process have clients too, so each call names the key it goes with."""
    return {"langfuse_public_key": shared.public_key}


def trace(http: httpx.Client, trace_id: str) -> dict[str, Any]:
    return http.get(f"/api/public/traces/{trace_id}").raise_for_status().json()


def observations(http: httpx.Client, trace_id: str) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in trace(http, trace_id)["observations"]}


def test_observe_nests_what_it_decorates(sdk: Langfuse, http: httpx.Client, key: dict[str, str]):
    @observe(as_type="generation", name="model")
    def model(question: str) -> str:
        sdk.update_current_generation(model="gpt-4o-mini", usage_details={"input": 3, "output": 4})
        return question.upper()

    @observe(name="turn")
    def turn(question: str) -> str:
        return model(question)

    trace_id = sdk.create_trace_id()
    assert turn("why?", langfuse_trace_id=trace_id, **key) == "WHY?"
    sdk.flush()

    found = observations(http, trace_id)
    assert found["model"]["parentObservationId"] == found["turn"]["id"]
    assert (found["model"]["type"], found["model"]["usageDetails"]["total"]) == ("GENERATION", 7)
    assert (found["turn"]["input"], found["turn"]["output"]) == ({"args": ["why?"], "kwargs": {}}, "WHY?")


def test_observe_waits_for_what_is_asynchronous_and_collects_what_is_generated(
    sdk: Langfuse, http: httpx.Client, key: dict[str, str]
):
    @observe(name="words")
    def words() -> Generator[str]:
        yield from ("a", "b")

    @observe(name="later")
    async def later() -> str:
        await asyncio.sleep(0)
        return "done"

    @observe(name="stream")
    async def stream() -> AsyncGenerator[str]:
        for word in ("c", "d"):
            yield word

    async def everything(trace_id: str) -> list[str]:
        first = await later(langfuse_trace_id=trace_id, **key)
        return [first, *[word async for word in stream(langfuse_trace_id=trace_id, **key)]]

    trace_id = sdk.create_trace_id()
    assert list(words(langfuse_trace_id=trace_id, **key)) == ["a", "b"]
    assert asyncio.run(everything(trace_id)) == ["done", "c", "d"]
    sdk.flush()

    outputs = {name: found["output"] for name, found in observations(http, trace_id).items()}
    assert outputs == {"words": "ab", "later": "done", "stream": "cd"}


def test_observe_tells_an_error(sdk: Langfuse, http: httpx.Client, key: dict[str, str]):
    @observe(name="failing")
    def failing() -> None:
        raise ValueError("boom")

    trace_id = sdk.create_trace_id()
    with pytest.raises(ValueError, match="boom"):
        failing(langfuse_trace_id=trace_id, **key)
    sdk.flush()

    found = observations(http, trace_id)["failing"]
    assert (found["level"], found["statusMessage"]) == ("ERROR", "boom")


def test_what_runs_is_scored_where_it_runs(sdk: Langfuse, http: httpx.Client):
    with sdk.start_as_current_observation(name="turn") as turn:
        sdk.score_current_trace(name="whole", value=0.5)
        sdk.score_current_span(name="part", value="good", data_type="CATEGORICAL", metadata={"by": "me"})
    sdk.flush()

    params = {"traceId": turn.trace_id}
    eventually(lambda: len(http.get("/api/public/v2/scores", params=params).json()["data"]) == 2)
    found = {score["name"]: score for score in http.get("/api/public/v2/scores", params=params).json()["data"]}
    assert (found["whole"]["value"], found["whole"]["observationId"]) == (0.5, None)
    assert (found["part"]["stringValue"], found["part"]["observationId"]) == ("good", turn.id)
    assert found["part"]["metadata"] == {"by": "me"}


def test_a_score_keeps_the_moment_and_the_place_it_was_given(sdk: Langfuse, http: httpx.Client):
    trace_id, score_id = sdk.create_trace_id(), uuid4().hex
    at = datetime(2026, 11, 1, 8, tzinfo=UTC)
    for value in (1, 2):
        sdk.create_score(name="n", value=value, trace_id=trace_id, score_id=score_id, timestamp=at)
        sdk.flush()

    def value() -> object:
        return http.get("/api/public/v2/scores", params={"traceId": trace_id}).json()["data"]

    (found,) = eventually(lambda: [score for score in value() if score["value"] == 2])
    assert (found["id"], found["timestamp"]) == (score_id, "2026-11-01T08:00:00.000Z")


def test_a_langchain_chain_becomes_a_trace(sdk: Langfuse, http: httpx.Client, shared: LocalServer):
    handler = CallbackHandler(public_key=shared.public_key)
    chain = ChatPromptTemplate.from_template("Tell {what}") | FakeListChatModel(responses=["a joke"])
    config: Any = {
        "callbacks": [handler],
        "run_name": "teller",
        "metadata": {"langfuse_user_id": "ana", "langfuse_session_id": "s-lc", "langfuse_tags": ["lc"], "plan": "pro"},
    }
    chain.invoke({"what": "a joke"}, config)
    sdk.flush()

    found = trace(http, handler.last_trace_id or "")
    assert (found["name"], found["userId"], found["sessionId"], found["tags"]) == ("teller", "ana", "s-lc", ["lc"])
    types = {one["name"]: one["type"] for one in found["observations"]}
    assert types == {"teller": "CHAIN", "ChatPromptTemplate": "CHAIN", "FakeListChatModel": "GENERATION"}


def test_a_langchain_step_that_fails_is_an_error(sdk: Langfuse, http: httpx.Client, shared: LocalServer):
    def fail(_: object) -> None:
        raise ValueError("boom")

    handler = CallbackHandler(public_key=shared.public_key)
    with pytest.raises(ValueError, match="boom"):
        RunnableLambda(fail).invoke("x", {"callbacks": [handler], "run_name": "failing"})
    sdk.flush()

    found = observations(http, handler.last_trace_id or "")["failing"]
    assert found["level"] == "ERROR"
    assert "boom" in found["statusMessage"]


@pytest.fixture
def model(openai_server: OpenAIServer) -> Generator[plain_openai.OpenAI]:
    with openai.OpenAI(base_url=openai_server.url, api_key="unused", max_retries=0) as client:
        yield client


def test_a_completion_through_openai_is_a_generation(
    sdk: Langfuse, http: httpx.Client, model: Any, key: dict[str, str]
):
    trace_id = sdk.create_trace_id()
    model.chat.completions.create(
        model="gpt-4o-mini", messages=ASKED, temperature=0.5, name="ask", trace_id=trace_id, **key
    )
    sdk.flush()

    found = observations(http, trace_id)["ask"]
    assert (found["type"], found["model"], found["input"]) == ("GENERATION", "gpt-4o-mini", ASKED)
    assert (found["output"]["content"], found["level"]) == (ANSWER, "DEFAULT")
    counted = {"input": 14, "output": 5, "total": 29, "input_cached_tokens": 6, "output_reasoning_tokens": 4}
    assert found["usageDetails"] == counted
    assert found["calculatedTotalCost"] > 0


def test_a_stream_through_openai_is_a_generation_with_its_first_token(
    sdk: Langfuse, http: httpx.Client, model: Any, key: dict[str, str]
):
    trace_id = sdk.create_trace_id()
    options = {"stream": True, "stream_options": {"include_usage": True}, "name": "stream", "trace_id": trace_id}
    list(model.chat.completions.create(model="gpt-4o-mini", messages=ASKED, **options, **key))
    sdk.flush()

    found = observations(http, trace_id)["stream"]
    assert (found["output"].strip(), found["usageDetails"]["total"]) == (ANSWER, 29)
    assert found["completionStartTime"] is not None


def test_an_error_of_openai_is_told(sdk: Langfuse, http: httpx.Client, model: Any, key: dict[str, str]):
    trace_id = sdk.create_trace_id()
    with pytest.raises(plain_openai.InternalServerError):
        model.chat.completions.create(model="broken", messages=ASKED, name="failing", trace_id=trace_id, **key)
    sdk.flush()

    found = observations(http, trace_id)["failing"]
    assert found["level"] == "ERROR"
    assert "the engine stopped" in found["statusMessage"]


def test_media_in_observe_can_be_put_back_into_what_was_said(sdk: Langfuse, http: httpx.Client, key: dict[str, str]):
    content = b"\x89PNG" + uuid4().bytes
    picture = LangfuseMedia(content_bytes=content, content_type="image/png")

    @observe(name="look")
    def look(image: LangfuseMedia) -> str:
        return "a cat"

    trace_id = sdk.create_trace_id()
    look(image=picture, langfuse_trace_id=trace_id, **key)
    sdk.flush()

    def resolved() -> str:
        said = observations(http, trace_id)["look"]["input"]
        whole = sdk.resolve_media_references(obj=said, resolve_with="base64_data_uri")
        return whole["kwargs"]["image"]

    assert eventually(lambda: resolved().startswith("data:")), "the upload never came"
    assert resolved() == f"data:image/png;base64,{b64encode(content).decode()}"


def test_a_prompt_outlives_the_server_in_the_sdks_cache(home: Any):
    with running_server(home) as server:
        client = client_for(server)
        client.create_prompt(name="kept", prompt="Hi {{name}}", labels=["production"])
        client.get_prompt("kept")
        local.stop(home)

        assert client.get_prompt("kept").compile(name="Ana") == "Hi Ana"
        fallback = client.get_prompt("other", fallback="Hello", max_retries=0, fetch_timeout_seconds=1)
        client.shutdown()
    assert (fallback.compile(), fallback.is_fallback) == ("Hello", True)


def client_for(server: LocalServer) -> Langfuse:
    return Langfuse(
        public_key=server.public_key,
        secret_key=server.secret_key,
        base_url=server.base_url,
        tracer_provider=TracerProvider(),
    )


def test_a_generation_is_linked_to_its_prompt(sdk: Langfuse, http: httpx.Client):
    sdk.create_prompt(name="linked", prompt="x", labels=["production", "latest-try"])
    prompt = sdk.get_prompt("linked", label="latest-try")
    generation = sdk.start_observation(as_type="generation", name="g", prompt=prompt)
    generation.end()
    sdk.flush()

    found = observations(http, generation.trace_id)["g"]
    assert (found["promptName"], found["promptVersion"]) == ("linked", 1)
