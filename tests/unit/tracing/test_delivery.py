"""From the outbox to a real server over real HTTP, and what happens when the server is away or says no."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from calango.local import LocalServer
from calango.reader import LangfuseReader
from calango.tracing import Tracing, TracingService, create_handler
from calango.tracing.destination import Destination
from tests.support.servers import eventually, settings_for
from tests.support.tracing import Fixed, Nowhere


class Refusing:
    """An HTTP server that answers every request with one status, and counts."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.requests.append(f"{self.command} {self.path}")
                body = json.dumps({"message": "because"}).encode()
                self.send_response(outer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def refusing() -> Generator[Callable[[int], Refusing]]:
    made: list[Refusing] = []

    def build(status: int) -> Refusing:
        made.append(Refusing(status))
        return made[-1]

    yield build
    for server in made:
        server.close()


@pytest.fixture
def tracing_to(home: Path) -> Generator[Callable[[Destination], Tracing]]:
    made: list[Tracing] = []

    def build(to: Destination) -> Tracing:
        made.append(Tracing(settings_for(home, flush_interval_s=0.05), to))
        return made[-1]

    yield build
    for tracing in made:
        tracing.close(0.1)


def there(server: LocalServer) -> Fixed:
    return Fixed(server.base_url, server.public_key, server.secret_key)


def reader_of(server: LocalServer) -> LangfuseReader:
    return LangfuseReader(server.base_url, server.public_key, server.secret_key)


def trace_something(tracing: Tracing) -> str:
    trace = TracingService(tracing=tracing).create_trace("s", "ana", ["t"], input="oi")
    assert trace.trace_id is not None
    return trace.trace_id


def test_a_trace_is_delivered_without_anyone_asking(server, tracing_to):
    trace_id = trace_something(tracing_to(there(server)))

    with reader_of(server) as reader:
        assert eventually(lambda: reader.observations(trace_id))


def test_what_waits_while_the_backend_is_down_arrives_when_it_is_back(server, tracing_to):
    to = there(server)
    to.moved_to("http://127.0.0.1:9")
    tracing = tracing_to(to)
    trace_id = trace_something(tracing)
    TracingService(tracing=tracing).submit_feedback(trace_id, True, "bom")
    tracing.store()
    assert eventually(lambda: tracing.outbox.depth().last_error)
    to.moved_to(server.base_url)
    tracing.outbox.retry()

    assert tracing.flush(10)
    with reader_of(server) as reader:
        assert [score.comment for score in reader.scores(trace_id)] == ["bom"]
        assert len(reader.observations(trace_id)) == 1


def test_what_one_process_left_behind_another_delivers(server, home, tracing_to):
    to = there(server)
    to.moved_to("http://127.0.0.1:9")
    first = tracing_to(to)
    trace_id = trace_something(first)
    assert not first.close(0.1)
    to.moved_to(server.base_url)
    second = tracing_to(to)
    second.outbox.retry()

    assert second.flush(10)
    with reader_of(server) as reader:
        assert len(reader.observations(trace_id)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_what_the_backend_refuses_is_parked_with_its_reason(refusing, tracing_to, status):
    tracing = tracing_to(Fixed(refusing(status).url, "pk", "sk"))
    trace_something(tracing)
    tracing.store()

    assert eventually(tracing.outbox.parked)
    assert tracing.outbox.parked()[0].reason == f"{status} {_phrase(status)}: because"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_the_backend_can_not_take_now_waits(refusing, tracing_to, status):
    tracing = tracing_to(Fixed(refusing(status).url, "pk", "sk"))
    trace_something(tracing)
    tracing.store()

    assert eventually(lambda: tracing.outbox.depth().last_error)
    assert (tracing.outbox.depth().spans, tracing.outbox.parked()) == (1, [])


def test_one_bad_batch_among_good_ones_is_parked_alone(server, tracing_to):
    to = there(server)
    to.moved_to("http://127.0.0.1:9")
    tracing = tracing_to(to)
    good = [trace_something(tracing), trace_something(tracing)]
    tracing.store()
    tracing.outbox.put_spans([("f" * 32, gzip.compress(b"\xff\xff this is no protobuf"))])
    to.moved_to(server.base_url)
    tracing.outbox.retry()
    tracing.courier.wake()

    assert eventually(tracing.outbox.is_empty)
    assert [item.key for item in tracing.outbox.parked()] == ["f" * 32]
    with reader_of(server) as reader:
        assert all(reader.observations(trace_id) for trace_id in good)


def test_a_changed_vote_is_one_score_with_its_first_timestamp(server, tracing_to):
    tracing = tracing_to(there(server))
    service = TracingService(tracing=tracing)
    trace_id = trace_something(tracing)
    with reader_of(server) as reader:
        service.submit_feedback(trace_id, False, "ruim", user_id="ana")
        tracing.flush(10)
        first = reader.scores(trace_id)
        service.submit_feedback(trace_id, True, "bom", user_id="ana")
        tracing.flush(10)
        second = reader.scores(trace_id)

    assert [(score.value, score.comment) for score in second] == [(1.0, "bom")]
    assert second[0].timestamp_ns == first[0].timestamp_ns


def test_a_vote_given_on_another_machine_is_replaced_and_keeps_its_timestamp(server, home, tmp_path, tracing_to):
    here, elsewhere = tracing_to(there(server)), Tracing(settings_for(tmp_path / "elsewhere"), there(server))
    trace_id = trace_something(here)
    with reader_of(server) as reader:
        TracingService(tracing=elsewhere).submit_feedback(trace_id, False, user_id="ana")
        elsewhere.flush(10)
        first = reader.scores(trace_id)
        TracingService(tracing=here).submit_feedback(trace_id, True, user_id="ana")
        here.flush(10)
        second = reader.scores(trace_id)
    elsewhere.close(0)

    assert [score.value for score in second] == [1.0]
    assert second[0].timestamp_ns == first[0].timestamp_ns


def test_a_withdrawn_vote_is_gone_from_the_backend(server, tracing_to):
    tracing = tracing_to(there(server))
    service = TracingService(tracing=tracing)
    trace_id = trace_something(tracing)
    service.submit_feedback(trace_id, True)
    tracing.flush(10)
    service.submit_feedback(trace_id, None)
    tracing.flush(10)

    with reader_of(server) as reader:
        assert reader.scores(trace_id) == []


def test_two_users_votes_on_one_answer_are_two_scores(server, tracing_to):
    tracing = tracing_to(there(server))
    service = TracingService(tracing=tracing)
    trace_id = trace_something(tracing)
    service.submit_feedback(trace_id, True, user_id="ana")
    service.submit_feedback(trace_id, False, user_id="bob")
    tracing.flush(10)

    with reader_of(server) as reader:
        assert sorted(score.value or 0 for score in reader.scores(trace_id)) == [0.0, 1.0]


def test_a_full_disk_does_not_lose_spans_while_the_backend_answers(server, tracing_to, monkeypatch):
    tracing = tracing_to(there(server))
    tracing.outbox.close()  # from now on it can't be written, as on a full disk
    trace_id = trace_something(tracing)
    tracing.store()
    monkeypatch.setattr(tracing, "_closed", True)

    with reader_of(server) as reader:
        assert eventually(lambda: reader.observations(trace_id))


def test_closing_takes_no_longer_than_it_may_when_nobody_answers(tracing_to):
    tracing = tracing_to(Nowhere())
    trace_something(tracing)

    assert tracing.close(0.2) is False


def test_secrets_are_in_no_representation(server):
    assert server.secret_key not in repr(there(server).address()) + repr(server)


def test_a_handler_of_the_factory_delivers_through_the_same_outbox(server, tracing_to):
    from langchain_core.runnables import RunnableLambda

    tracing = tracing_to(there(server))
    handler = create_handler(session_id="s", user_id="ana", tags=["t"], tracing=tracing)
    RunnableLambda(lambda text: text.upper()).invoke("oi", {"callbacks": [handler]})
    tracing.flush(10)

    with reader_of(server) as reader:
        found = reader.observations(handler.last_trace_id or "")
    assert [(item.input, item.output, item.session_id) for item in found] == [("oi", "OI", "s")]


def _phrase(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase
