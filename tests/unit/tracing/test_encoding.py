from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from calango.tracing.encoding import Encoder, message_dict, text_of, to_json


class Model(BaseModel):
    number: int


@dataclass
class Data:
    text: str


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ({"é": 1}, {"é": 1}),
        ({1: "a"}, {"1": "a"}),
        ({1}, [1]),
        ((1, 2), [1, 2]),
        (Model(number=3), {"number": 3}),
        (Data("x"), {"text": "x"}),
        (b"abc", "<3 bytes>"),
        (ValueError("no"), "ValueError: no"),
        (float("nan"), None),
        (2**80, 2**80),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ([HumanMessage("oi"), 5], [{"role": "user", "content": "oi"}, 5]),
    ],
)
def test_anything_becomes_json(value, encoded):
    assert json.loads(to_json(value)) == encoded


def test_half_a_character_is_escaped_and_nothing_is_lost():
    assert json.loads(to_json({"text": "a\ud800b"})) == {"text": "a\ud800b"}


def test_what_has_no_json_is_named():
    assert json.loads(to_json(object())) == "<builtins.object>"


def test_a_value_that_contains_itself_is_not_encodable_but_does_not_raise():
    loop: list[object] = []
    loop.append(loop)

    assert json.loads(to_json(loop)) == "<not encodable>"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_values_survive_unchanged(value):
    assert json.loads(to_json(value)) == value


def test_a_message_shows_role_content_and_tool_calls():
    call = {"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}

    assert message_dict(AIMessage("", tool_calls=[call])) == {"role": "assistant", "content": "", "tool_calls": [call]}


def test_reasoning_stands_apart_from_the_answer():
    message = AIMessage("391", additional_kwargs={"reasoning_content": "17 * 23"})

    assert message_dict(message) == {"role": "assistant", "content": "391", "reasoning": "17 * 23"}


def test_a_failed_tool_message_says_so():
    assert message_dict(ToolMessage("boom", tool_call_id="c", status="error"))["status"] == "error"


def test_text_leaves_out_what_is_no_text():
    message = AIMessage([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, "b"])

    assert text_of(message) == "ab"


def test_only_messages_since_the_turn_began_are_encoded_with_a_count_of_the_others():
    old = [SystemMessage("s"), HumanMessage("1", id="m1"), AIMessage("2")]
    asked = HumanMessage("3", id="m3")
    encoder = Encoder()
    encoder.begin({"messages": [asked]})

    state = json.loads(encoder.state({"messages": [*old, asked.model_copy(), AIMessage("4")], "intent": "chat"}))

    assert [message["content"] for message in state["messages"]] == ["3", "4"]
    assert (state["messages_before"], state["intent"]) == (3, "chat")


def test_a_prompt_is_always_complete():
    encoder = Encoder()
    encoder.begin({"messages": [HumanMessage("3", id="m3")]})

    assert len(json.loads(encoder.messages([HumanMessage("1"), HumanMessage("3", id="m3")]))) == 2


def test_a_message_is_encoded_once_however_often_it_is_seen(monkeypatch):
    from calango.tracing import encoding

    seen: list[object] = []
    real = encoding._encoded
    monkeypatch.setattr(encoding, "_encoded", lambda message: seen.append(message) or real(message))
    encoder, messages = Encoder(), [HumanMessage("a"), AIMessage("b")]
    for _ in range(5):
        encoder.messages(messages)

    assert len(seen) == 2
