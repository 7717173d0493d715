"""A whole traced turn, full of personal data: nothing of it is in what would leave."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langfuse import observe, propagate_attributes
from langgraph.graph import END, START, MessagesState, StateGraph
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from calango.ids import score_id
from calango.tracing import THUMBS, Tracing, TracingService, create_handler, feedback
from calango.tracing.lane import EachLane
from calango.tracing.masked_spans import MaskedSpan, masked_span
from calango.tracing.masking import Masker
from calango.tracing.otlp import encode
from calango.tracing.pii import Recognisers
from tests.support.tracing import sent_spans, unsent_tracing

MAIL = "ana.souza@exemplo.com.br"
CPF = "111.444.777-35"
PHONE = "+55 11 98765-4321"
KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
CARD = "4111 1111 1111 1111"
SECRETS = [MAIL, "ana.souza", CPF, "11144477735", PHONE, "98765", KEY, CARD, "4111"]


@pytest.fixture
def open_tracing(home: Path) -> Generator[Callable[..., Tracing]]:
    made: list[Tracing] = []

    def build(**values: Any) -> Tracing:
        made.append(unsent_tracing(home, **values))
        return made[-1]

    yield build
    for tracing in made:
        tracing.close(0)


def leaving(tracing: Tracing) -> str:
    """Everything in the outbox, spans unpacked, as text."""
    tracing.store()
    bodies = [
        gzip.decompress(item.body) if item.kind == "spans" else item.body for item in tracing.outbox.items(100_000)
    ]
    return b"\n".join(bodies).decode("utf-8", "replace")


@tool
def look_up(person: str, cpf: int) -> str:
    """Look somebody up."""
    raise LookupError(f"nobody has {cpf}, {person} or {CARD}")


def graph(public_key: str) -> Any:
    model = FakeListChatModel(responses=[f"Anotado: {CPF}, {PHONE}"])

    @observe(name=f"work for {MAIL}")
    def own_work(what: str) -> str:
        return f"done for {what}"

    def agent(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        with propagate_attributes(tags=[f"of {MAIL}"], metadata={"phone": PHONE}):
            own_work(CARD, langfuse_public_key=public_key)
        with contextlib.suppress(LookupError):
            look_up.invoke({"person": MAIL, "cpf": 11144477735}, config)
        return {"messages": [model.invoke(state["messages"], config)]}

    built = StateGraph(MessagesState)
    built.add_node("agent", agent)
    built.add_edge(START, "agent")
    built.add_edge("agent", END)
    return built.compile()


def turn(tracing: Tracing, **about: Any) -> str:
    handler = create_handler(
        session_id="s",
        user_id="ana",
        tags=[f"from {MAIL}"],
        metadata={"card": CARD, MAIL: 1, "cpf": 11144477735},
        tracing=tracing,
        **about,
    )
    question = f"Sou {MAIL}\n{MAIL}, cpf {CPF}, chave {KEY}"
    graph(tracing.destination.public_key).invoke({"messages": [("user", question)]}, {"callbacks": [handler]})
    assert handler.last_trace_id is not None
    return handler.last_trace_id


def test_nothing_personal_of_a_turn_and_its_vote_is_in_the_outbox(open_tracing):
    tracing = open_tracing(mask="on")
    trace_id = turn(tracing)
    feedback.vote(tracing, trace_id, thumbs=False, comment=f"ligue {PHONE}, {MAIL}", user_id="ana")
    left = leaving(tracing)

    assert [secret for secret in SECRETS if secret in left] == []
    spans = sent_spans(tracing)
    assert {"look_up", "agent"} <= {span.name for span in spans}
    assert any(span.name.startswith("work for <email-") for span in spans)
    assert any("<cpf-" in (span.status_message or "") for span in spans)
    assert tracing.outbox.votes([trace_id])[0].comment in left


def test_a_value_has_one_placeholder_in_the_whole_trace_in_every_batch_and_in_the_vote(open_tracing):
    tracing = open_tracing(mask="on")
    trace = TracingService(tracing=tracing).create_trace(input=f"{PHONE} {MAIL}")
    tracing.store()
    TracingService(tracing=tracing).log_generation(trace, "m", f"bob@x.com and {MAIL}", "ok")
    assert trace.trace_id is not None
    feedback.vote(tracing, trace.trace_id, stars=1, comment=f"from {MAIL}")

    assert [span.input for span in sent_spans(tracing)] == ["<phone-1> <email-1>", "<email-2> and <email-1>"]
    assert tracing.outbox.votes([trace.trace_id])[0].comment == "from <email-1>"


def test_without_masking_everything_is_sent_as_it_is(open_tracing):
    tracing = open_tracing(mask="off")
    turn(tracing)

    assert MAIL in leaving(tracing)


def test_auto_masks_what_goes_to_a_remote_destination_only(open_tracing):
    stays, leaves = open_tracing(), open_tracing()
    lane = leaves.lanes[0]
    lane.is_masked = leaves.settings.masks(is_remote=True)
    exporter = EachLane([lane], Masker.of(leaves.settings))
    exporter.export([ReadableSpan(MAIL, SpanContext(1, 2, is_remote=False))])
    stays.start_span(MAIL, {}).end()

    assert MAIL not in leaving(leaves)
    assert MAIL in leaving(stays)


def test_hashed_user_ids_are_the_same_on_spans_and_votes(open_tracing):
    tracing = open_tracing(mask="on", mask_users="hash")
    trace_id = turn(tracing)
    feedback.vote(tracing, trace_id, thumbs=True, user_id="ana")
    feedback.withdraw(tracing, trace_id, THUMBS, user_id="ana")
    feedback.vote(tracing, trace_id, thumbs=True, user_id="ana")

    users = {span.attributes.get("user.id") for span in sent_spans(tracing) if span.attributes.get("session.id")}
    scores = [json.loads(item.body)["score"] for item in tracing.outbox.items() if item.kind == "score"]
    assert users == {tracing.sent_user("ana")} == {score["metadata"]["user_id"] for score in scores}
    assert users != {"ana"}


def test_every_part_of_a_span_goes_through_the_filter_and_the_rest_of_it_stays():
    about = {
        "text": MAIL,
        "list": [MAIL, "x"],
        "cpf": 11144477735,
        "bytes": MAIL.encode(),
        "n": 3,
        "on": True,
        "f": 1.5,
    }
    original = ReadableSpan(
        name=MAIL,
        context=SpanContext(7, 8, is_remote=False),
        attributes=about,
        links=[Link(SpanContext(5, 6, is_remote=True), {"why": MAIL})],
        status=Status(StatusCode.ERROR, MAIL),
        start_time=1,
        end_time=2,
    )
    span = MaskedSpan(original, Masker(Recognisers(["email", "cpf"], {}, "BR")))

    assert (span.name, span.status.description, span.links[0].attributes) == (
        "<email-1>",
        "<email-1>",
        {"why": "<email-1>"},
    )
    assert dict(span.attributes or {}) == {
        "text": "<email-1>",
        "list": ["<email-1>", "x"],
        "cpf": "<cpf-1>",
        "bytes": b"<email-1>",
        "n": 3,
        "on": True,
        "f": 1.5,
    }
    assert (span.context, span.start_time, span.end_time) == (original.context, 1, 2)


def test_a_span_that_cannot_be_taken_apart_leaves_without_content():
    class Strange(ReadableSpan):
        @property
        def links(self) -> Any:
            raise RuntimeError(MAIL)

    masker = Masker(Recognisers(["email"], {}, "BR"))
    span = masked_span(Strange(MAIL, SpanContext(1, 2, is_remote=False), attributes={"a": MAIL}), masker)

    assert span.name == "<withheld>"
    assert MAIL.encode() not in encode([span])
    assert masker.withheld == 1


def test_with_hashed_users_not_even_a_scores_id_lets_anyone_confirm_a_guess(home):
    tracing = unsent_tracing(home, mask="on", mask_users="hash")
    receipt = feedback.vote(tracing, "a" * 32, thumbs=True, user_id="ana@example.com")
    tracing.close(0)

    assert receipt.score_id != score_id("a" * 32, feedback.THUMBS, "ana@example.com")
