from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from calango.pricing import Prices, Work
from calango.records import Usage
from calango.tracing import TracingService
from calango.tracing.generation import Answer, ModelCall, answer, cost_of, model_call
from tests.support.tracing import decoded, sent_spans, unsent_tracing

CALL = ModelCall("m", None, {}, input_chars=400)


def response(message: AIMessage, **output: Any) -> LLMResult:
    return LLMResult(generations=[[ChatGeneration(message=message)]], llm_output=output or None)


def test_parameters_that_a_model_tells_only_in_its_repr_are_found():
    repr_ = "ChatOllama(metadata={'a': 1}, model='x', num_ctx=4096, temperature=0.0, stop=['a'], base_url='http://h')"
    call = model_call({"repr": repr_}, {"ls_model_name": "x", "ls_provider": "ollama"}, {"invocation_params": {}}, 0)

    assert (call.model, call.provider) == ("x", "ollama")
    assert call.parameters == {"num_ctx": 4096, "temperature": 0.0, "stop": ["a"]}


def test_parameters_of_the_call_win_over_those_of_the_model():
    told = {"invocation_params": {"temperature": 0.7, "options": {"seed": 3}}}
    call = model_call({"repr": "Chat(temperature=0.1, top_p=0.5)"}, None, told, 0)

    assert call.parameters == {"temperature": 0.7, "top_p": 0.5, "seed": 3}


@pytest.mark.parametrize("text", ["", "not python (", "x", "f(a=open('x'))", "(" * 10_000])
def test_a_repr_that_is_no_plain_call_tells_nothing(text):
    assert model_call({"repr": text}, None, {}, 0).parameters == {}


def test_cached_tokens_stand_beside_the_input_and_not_in_it():
    counts: Any = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_token_details": {"cache_read": 60},
    }
    found = answer(response(AIMessage("a", usage_metadata=counts)), CALL)

    assert found.usage_details == {"input": 40, "output": 20, "input_cache_read": 60, "total": 120}
    assert found.usage == Usage(100, 20, cache_read=60)


def test_usage_in_openais_words_is_understood():
    found = answer(response(AIMessage("a"), token_usage={"prompt_tokens": 7, "completion_tokens": 3}), CALL)

    assert found.usage == Usage(7, 3)


def test_a_missing_prompt_count_is_estimated_and_marked():
    found = answer(response(AIMessage("a", response_metadata={"eval_count": 9})), CALL)

    assert found.usage == Usage(100, 9, estimated=True)
    assert found.metadata["usage_estimated"] == ["input"]


def test_ollamas_durations_become_milliseconds_and_tokens_per_second():
    told = {"eval_count": 50, "eval_duration": 500_000_000, "prompt_eval_count": 1, "total_duration": 2_000_000_000}
    found = answer(response(AIMessage("a", response_metadata=told)), CALL)

    assert found.metadata["ollama"] == {"total_ms": 2000.0, "generation_ms": 500.0, "tokens_per_second": 100.0}


def test_an_answer_without_counts_has_no_usage():
    assert answer(response(AIMessage("a")), CALL).usage is None


def test_a_call_that_never_answered_is_empty():
    assert answer(None, CALL).message is None


@pytest.mark.parametrize(
    ("told", "work"),
    [
        ({"total_duration": 900, "prompt_eval_duration": 300, "eval_duration": 500}, Work(300, 500)),
        ({"total_duration": 900, "eval_duration": 500}, Work(0, 500)),
        ({"total_duration": 900}, Work(0, 900)),
        ({"total_duration": 900, "prompt_eval_duration": 300}, Work(300, 0)),
        ({"eval_duration": 10**30}, None),
        ({"eval_duration": -5, "total_duration": "900"}, None),
        ({}, None),
    ],
)
def test_the_time_that_a_local_model_worked_leaves_out_loading_and_waiting(told, work):
    assert answer(response(AIMessage("a", response_metadata=told)), CALL).work == work


@pytest.mark.parametrize(
    ("call", "answered_by", "is_priced"),
    [
        (ModelCall("gpt-5-mini", "openai", {}, 0), None, True),
        (ModelCall("no-such-model", "openai", {}, 0), "gpt-5-mini", True),
        (ModelCall("no-such-model", "openai", {}, 0), None, False),
        (ModelCall("deepseek-r1:8b", "ollama", {}, 0), None, False),
    ],
)
def test_the_model_that_answered_is_priced_and_an_unknown_or_local_one_has_no_cost(call, answered_by, is_priced):
    cost = cost_of(Answer(None, "", answered_by, Usage(1000, 100)), call, Prices())

    assert (cost is not None) == is_priced
    assert cost is None or cost.total == cost.input + cost.output > Decimal(0)


@pytest.mark.parametrize("counted", [True, False])
def test_a_generation_logged_by_hand_has_the_price_of_its_time(home: Path, counted: bool):
    old = '[[models]]\nmatch = "m"\ninput = 1\noutput = 2\nuntil = 2026-01-01\n'
    home.mkdir()
    (home / "prices.toml").write_text(old + old.replace("until", "from").replace("input = 1", "input = 10"))
    tracing = unsent_tracing(home)
    service, usage = TracingService(tracing=tracing), Usage(100_000, 50_000, estimated=not counted)
    for year in (2025, 2026):
        ended_ns = int(datetime(year, 6, 1, tzinfo=UTC).timestamp()) * 10**9
        service.log_generation(service.create_trace(), "m", "oi", "olá", usage, end_ns=ended_ns)
    spans = [span for span in sent_spans(tracing) if span.type == "generation"]
    tracing.close(0)

    told = [decoded(span.attributes["langfuse.observation.cost_details"]) for span in spans]
    assert told == [{"input": 0.1, "output": 0.1, "total": 0.2}, {"input": 1.0, "output": 0.1, "total": 1.1}]
    assert [span.metadata("cost_estimated") for span in spans] == [None if counted else True] * 2
