from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import SimpleNamespace

import pytest
from langchain_ollama import ChatOllama

from graph.models import PROVIDERS, Models, ModelUnavailable, split_spec
from graph.offline import OfflineChatModel
from tests.support.ollama import OllamaServer, Reply, call

LLAMA = "ollama:llama3.1:8b"


def models_of(ollama: OllamaServer, timeout_s: float = 10.0) -> Models:
    return Models(LLAMA, ollama_base_url=ollama.base_url, timeout_s=timeout_s)


def test_a_model_lives_as_long_as_its_event_loop() -> None:
    with OllamaServer(["first", "second"]) as ollama:
        models = models_of(ollama)

        async def ask() -> tuple[int, str]:
            model = models.get("response")
            assert models.get("response") is model
            return id(model), (await model.ainvoke("hi")).text

        one, two = asyncio.run(ask()), asyncio.run(ask())
    assert (one[1], two[1]) == ("first", "second")


def test_models_of_closed_loops_are_let_go() -> None:
    with OllamaServer() as ollama:
        models = models_of(ollama)

        async def ask() -> None:
            await models.get("response").ainvoke("hi")

        for _ in range(4):
            asyncio.run(ask())
        gc.collect()
        alive = [
            thing for thing in gc.get_objects() if isinstance(thing, ChatOllama) and ollama.base_url == thing.base_url
        ]
    assert len(alive) <= 1


def test_threads_without_a_loop_share_one_model() -> None:
    numbers = count(1)
    with OllamaServer(lambda _: str(next(numbers))) as ollama:
        models = models_of(ollama)

        def ask(_: int) -> tuple[int, str]:
            return id(models.get("response")), models.get("response").invoke("hi").text

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(ask, range(12)))
    assert len({model for model, _ in answers}) == 1
    assert sorted(int(text) for _, text in answers) == list(range(1, 13))


def test_each_role_has_its_own_options() -> None:
    with OllamaServer() as ollama:
        models = Models(LLAMA, ollama_base_url=ollama.base_url, context_tokens=2048)
        models.get("intent").invoke("hi")
        models.get("response").invoke("hi")
    intent, response = ollama.requests
    assert intent["options"] == {"num_ctx": 2048, "temperature": 0.0}
    assert intent["think"] is False
    assert response["options"] == {"num_ctx": 2048}
    assert "think" not in response


def test_the_callers_choice_wins_then_the_role_then_the_answering_model() -> None:
    assert Models("offline").spec("intent") == "offline"
    assert Models("offline", LLAMA).spec("intent") == LLAMA
    assert Models("offline", LLAMA).spec("response") == "offline"
    assert Models("offline", LLAMA).spec("intent", "offline") == "offline"
    assert isinstance(Models(LLAMA).get("response", "offline"), OfflineChatModel)


def test_a_thousand_different_specs_do_not_pile_up() -> None:
    models = Models()
    for number in range(1000):
        models.get("response", f"offline:{number}")
    assert len(models._without_loop) <= 32


@pytest.mark.parametrize("stream", [False, True])
def test_usage_and_durations_arrive(stream: bool) -> None:
    with OllamaServer([Reply("a b c", prompt_eval_count=31, eval_count=3)]) as ollama:
        model = models_of(ollama).get("response")
        if stream:
            first, *rest = model.stream("hi")
            reply = sum(rest, start=first)
        else:
            reply = model.invoke("hi")
    assert reply.text == "a b c"
    assert reply.usage_metadata == {"input_tokens": 31, "output_tokens": 3, "total_tokens": 34}
    assert reply.response_metadata["eval_duration"] == 500_000_000


def test_without_a_prompt_count_there_is_no_usage_but_the_output_count_can_be_found() -> None:
    with OllamaServer([Reply("a b c", prompt_eval_count=None, eval_count=3)]) as ollama:
        reply = models_of(ollama).get("response").invoke("hi")
    assert reply.usage_metadata is None
    assert reply.response_metadata["eval_count"] == 3


def test_thinking_is_no_part_of_the_answer() -> None:
    with OllamaServer([Reply("42", thinking="six times seven")]) as ollama:
        assert models_of(ollama).get("response").invoke("hi").text == "42"


def test_tool_calls_and_structured_output_come_over_the_wire() -> None:
    with OllamaServer([Reply(tool_calls=[call("calculator", expression="2+2")])]) as ollama:
        reply = models_of(ollama).get("response").invoke("hi")
    assert [(made["name"], made["args"]) for made in reply.tool_calls] == [("calculator", {"expression": "2+2"})]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply("a b", fault="error"), "Ollama failed with llama3.1:8b: the model runner has unexpectedly stopped."),
        (Reply("a b", fault="cut"), "The connection to Ollama broke before the answer was complete."),
        (Reply("a b", fault="silence"), "Ollama was silent for 0.2 seconds."),
        (Reply(status=400, error="llama3.1:8b does not support tools"), "does not support tools"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_broken_answer_ends_with_what_happened(reply: Reply, message: str, asynchronous: bool) -> None:
    with OllamaServer([reply]) as ollama:
        models = models_of(ollama, timeout_s=0.2 if reply.fault == "silence" else 10.0)

        async def ask() -> None:
            await models.get("response").ainvoke("hi")

        with pytest.raises(ModelUnavailable) as caught, models.explaining(LLAMA):
            asyncio.run(ask()) if asynchronous else models.get("response").invoke("hi")
    assert message in caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is not None


def test_a_missing_model_comes_with_the_command_that_gets_it() -> None:
    with OllamaServer(models=["qwen3:8b"]) as ollama:
        models = models_of(ollama)
        with (
            pytest.raises(ModelUnavailable, match="does not have the model") as caught,
            models.explaining(LLAMA),
        ):
            models.get("response").invoke("hi")
    assert caught.value.hint == "Run `ollama pull llama3.1:8b`."


def test_an_ollama_that_is_not_there_is_named_with_its_address() -> None:
    with OllamaServer() as ollama:
        models = models_of(ollama)
    with pytest.raises(ModelUnavailable, match="does not answer at http"), models.explaining(LLAMA):
        models.get("response").invoke("hi")


def test_an_error_of_another_kind_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), Models().explaining(LLAMA):
        _ = 1 / 0


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_provider_whose_package_is_missing_names_the_extra(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.models.find_spec", lambda _: None)
    with pytest.raises(ModelUnavailable) as caught:
        Models(f"{provider}:some-model").get("response")
    assert caught.value.hint == f'Run `pip install "calango[{provider}]"`.'


def test_a_cloud_model_is_built_by_langchain_and_a_missing_key_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, float]] = []

    def init_chat_model(name: str, *, model_provider: str, timeout: float) -> OfflineChatModel:
        if name == "keyless":
            raise KeyError("api_key")
        asked.append((name, model_provider, timeout))
        return OfflineChatModel()

    monkeypatch.setattr("graph.models.find_spec", lambda _: object())
    monkeypatch.setattr("graph.models.import_module", lambda _: SimpleNamespace(init_chat_model=init_chat_model))
    Models("google:gemini", timeout_s=33.0).get("response")
    assert asked == [("gemini", "google_genai", 33.0)]
    with pytest.raises(ModelUnavailable, match="can't be set up") as caught:
        Models("google:keyless").get("response")
    assert "GOOGLE_API_KEY" in caught.value.hint


@pytest.mark.parametrize("spec", ["llama3.1:8b", "llama3", "azure:gpt"])
def test_an_unknown_provider_is_told_which_are_known(spec: str) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        Models(spec).get("response")
    assert all(provider in caught.value.message for provider in PROVIDERS)
    assert f"ollama:{spec}" in caught.value.hint


def test_a_spec_keeps_the_colons_of_its_name() -> None:
    assert split_spec("ollama:hf.co/some/model:Q4_K_M") == ("ollama", "hf.co/some/model:Q4_K_M")
    with pytest.raises(ModelUnavailable, match="has no name"):
        split_spec("ollama:")
