"""The same spans to an OTLP collector over real HTTP, beside Langfuse and alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from calango.chat import ChatService
from calango.errors import ConfigError, InputError
from calango.settings import Settings
from calango.tracing import Tracing, TracingService, close_all, connect, connect_spans, feedback
from calango.tracing import attributes as at
from calango.tracing.destination import collector
from tests.support.collector import Collector
from tests.support.servers import eventually, settings_for
from tests.support.tracing import Nowhere, SentSpan, sent_spans

SECRET = "token-very-secret"
LEFT_OUT = "f" * 32


@pytest.fixture
def receiver() -> Generator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def beside(home: Path) -> Generator[Callable[..., Tracing]]:
    """Tracing into a Langfuse that never answers, with a collector beside it."""
    made: list[Tracing] = []

    def build(url: str, **values: Any) -> Tracing:
        settings = settings_for(home, otlp_endpoint=url, otlp_headers=f"api_key={SECRET},x-space=a%20b", **values)
        made.append(Tracing(settings, Nowhere(), collector(settings)))
        return made[-1]

    yield build
    for tracing in made:
        tracing.close(0)


def turn(tracing: Tracing, text: str = "quanto é 17*23?") -> None:
    with ChatService(tracing.settings.model_copy(update={"model": "offline"}), tracing=tracing) as chat:
        assert chat.send_message(text, session_id="s-1", user_id="ana", tags=["beta"]).content == "17 * 23 = 391"
    tracing.store()


def arrived(receiver: Collector, count: int) -> list[SentSpan]:
    assert eventually(lambda: len(receiver.spans) >= count), len(receiver.spans)
    return receiver.spans


def test_a_whole_turn_arrives_with_the_same_spans_in_openinferences_words(receiver, beside):
    tracing = beside(receiver.url)
    turn(tracing)
    ours = {span.span_id: span for span in sent_spans(tracing)}
    theirs = {span.span_id: span for span in arrived(receiver, len(ours))}

    assert len(ours) == 13
    assert {key: _place(span) for key, span in theirs.items()} == {key: _place(span) for key, span in ours.items()}
    kinds = sorted(span.attributes["openinference.span.kind"] for span in theirs.values())
    assert kinds == ["AGENT"] * 3 + ["CHAIN"] * 6 + ["LLM"] * 3 + ["TOOL"]
    for span in theirs.values():
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s-1", "ana")
        assert span.attributes["tag.tags"] == ["calango", "beta"]
        assert not [name for name in span.attributes if name.startswith("langfuse.")]


def test_question_answer_tokens_and_tool_calls_arrive(receiver, beside):
    turn(beside(receiver.url))
    spans = arrived(receiver, 13)

    root = next(span for span in spans if span.name == "calango-turn")
    assert (root.attributes["input.value"], root.attributes["output.value"]) == ("quanto é 17*23?", "17 * 23 = 391")
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    asked = next(span for span in spans if span.attributes.get(f"{call}.name") == "calculator")
    assert json.loads(asked.attributes[f"{call}.arguments"]) == {"expression": "17 * 23"}
    assert asked.attributes["llm.token_count.total"] > 0
    tool = next(span for span in spans if span.attributes["openinference.span.kind"] == "TOOL")
    assert (tool.attributes["tool.name"], tool.attributes["output.value"]) == ("calculator", "391")


def test_headers_are_sent_to_the_traces_address_and_no_keys_of_langfuse(receiver, beside):
    turn(beside(receiver.url))
    arrived(receiver, 13)

    assert set(receiver.paths) == {"/v1/traces"}
    for sent in receiver.headers:
        assert (sent["api_key"], sent["x-space"]) == (SECRET, "a b")
        assert (sent["content-type"], sent["content-encoding"]) == ("application/x-protobuf", "gzip")
        assert not {"authorization", "x-langfuse-sdk-name"} & set(sent)


def test_what_waits_while_the_collector_is_down_arrives_later_as_one_gzip_member(beside):
    with Collector() as gone:
        pass
    tracing = beside(gone.url)
    turn(tracing)
    turn(tracing)
    lane = tracing.lanes[1]
    assert eventually(lambda: lane.outbox.depth().last_error)
    assert lane.outbox.depth().spans >= 2
    with Collector(port=gone.port) as back:
        lane.outbox.retry()
        lane.courier.wake()

        assert len(arrived(back, 26)) == 26
        assert eventually(lane.outbox.is_empty)
        assert all(count == 1 for count in back.members)


def test_what_one_process_left_behind_the_next_one_delivers(home, receiver):
    settings = settings_for(home, otlp_endpoint=receiver.url)
    receiver.status = 503
    first = Tracing(settings, Nowhere(), collector(settings))
    TracingService(tracing=first).create_trace("s", "ana")
    assert not first.close(0.3)
    receiver.status = 200
    second = Tracing(settings, Nowhere(), collector(settings))
    second.lanes[1].outbox.retry()
    second.store()

    assert eventually(lambda: second.lanes[1].courier.drain(0.1))
    assert [span.name for span in receiver.spans] == ["calango-turn"]
    second.close(0)


def test_what_the_collector_refuses_is_parked_for_it_alone(receiver, beside):
    receiver.status = 401
    tracing = beside(receiver.url)
    TracingService(tracing=tracing).create_trace("s", "ana")
    tracing.store()

    assert eventually(tracing.lanes[1].outbox.parked)
    assert tracing.outbox.parked() == []
    assert tracing.outbox.depth().spans == 1


def test_sampling_holds_a_trace_back_here_too_until_a_vote(receiver, beside):
    tracing = beside(receiver.url, sample_rate=0.5, slow_ms=60_000)
    tracing.start_span("left out", {at.TYPE: "span"}, trace_id=LEFT_OUT).end()
    tracing.store()
    assert (tracing.lanes[1].outbox.is_empty(), receiver.spans) == (True, [])
    feedback.vote(tracing, LEFT_OUT, thumbs=True)

    assert [span.name for span in arrived(receiver, 1)] == ["left out"]


def test_personal_data_is_masked_for_the_collector_while_the_local_server_gets_it_as_it_is(receiver, beside):
    tracing = beside(receiver.url)
    TracingService(tracing=tracing).create_trace("s", "ana", input="write to ana@example.com")
    tracing.store()

    (span,) = arrived(receiver, 1)
    assert "ana@example.com" not in repr(span.attributes)
    assert span.attributes["input.value"].startswith("write to ")
    assert [span.input for span in sent_spans(tracing)] == ["write to ana@example.com"]


def test_with_langfuse_off_spans_go_to_the_collector_alone_and_feedback_stays_disabled(home, receiver):
    settings = settings_for(home, tracing_enabled=False, model="offline", otlp_endpoint=receiver.url)
    assert connect(settings) is None
    with ChatService(settings) as chat:
        result = chat.send_message("quanto é 17*23?", session_id="s", user_id="ana")
        assert chat.tracing is None
        with pytest.raises(InputError, match="tracing is off"):
            chat.submit_feedback(result.trace_id or "0" * 31 + "1", thumbs=True)
    with pytest.raises(InputError, match="tracing is off"):
        TracingService(settings).submit_feedback("0" * 31 + "1", True)
    tracing = connect_spans(settings)
    assert tracing is not None
    assert tracing.flush(10)

    assert {span.trace_id for span in arrived(receiver, 13)} == {result.trace_id}
    assert result.trace_url is None
    close_all(0)


def test_without_a_collector_nothing_changes(home):
    assert connect_spans(settings_for(home, tracing_enabled=False)) is None
    assert collector(settings_for(home)) is None


def test_with_langfuse_on_there_is_one_tracing_for_both(home, receiver):
    remote = {"public_key": "pk-lf-x", "secret_key": "sk-lf-x", "base_url": "http://127.0.0.1:9"}
    settings = settings_for(home, otlp_endpoint=receiver.url, **remote)
    tracing = connect(settings)

    assert tracing is connect_spans(settings)
    assert tracing is not None
    assert [lane.destination.is_langfuse for lane in tracing.lanes] == [True, False]
    close_all(0)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:6006", "http://127.0.0.1:6006/v1/traces"),
        ("127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("https://otlp.arize.com/v1/traces", "https://otlp.arize.com/v1/traces"),
        ("https://gateway.example/otlp", "https://gateway.example/otlp/v1/traces"),
        ("https://intake.example/api/v0.2/traces", "https://intake.example/api/v0.2/traces"),
    ],
)
def test_the_address_is_a_base_or_the_traces_address_itself(home, given, url):
    found = collector(settings_for(home, otlp_endpoint=given))

    assert found is not None
    assert found.address().base_url + found.address().spans_path == url


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALANGO_OTLP_ENDPOINT", f"http://me:{SECRET}@collector"),
        ("CALANGO_OTLP_ENDPOINT", f"http://collector/v1/traces?key={SECRET}"),
        ("CALANGO_OTLP_HEADERS", SECRET),
        ("CALANGO_OTLP_HEADERS", f"a b={SECRET}"),
        ("CALANGO_OTLP_HEADERS", f"a={SECRET}%0d%0ax"),
    ],
)
def test_a_bad_address_or_header_is_told_by_name_and_never_repeated(home, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=variable) as caught:
        Settings.load()
    assert SECRET not in str(caught.value)


def test_secrets_are_in_no_representation_log_or_outbox(receiver, beside, home, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    tracing = beside(receiver.url)
    TracingService(tracing=tracing).create_trace("s", "ana")
    tracing.store()
    assert eventually(lambda: tracing.lanes[1].outbox.depth().last_error)

    to = tracing.lanes[1].destination
    shown = repr(tracing.settings) + str(tracing.settings.model_dump()) + repr(to.address()) + to.key + caplog.text
    assert SECRET not in shown + str(tracing.lanes[1].outbox.depth())
    assert all(SECRET.encode() not in path.read_bytes() for path in home.glob("outbox.sqlite*"))


def _place(span: SentSpan) -> tuple[object, ...]:
    return (span.name, span.trace_id, span.parent_id, span.start_ns, span.end_ns, span.is_error)
