"""Turns over HTTP: as JSON, as events while they come, stopped, resumed, and left alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

from calango.api import events
from calango.api.shapes import Result
from calango.ids import trace_id_for
from calango.records import TurnResult
from tests.support.apis import events_of
from tests.support.graphs import asking_graph
from tests.support.ollama import OllamaServer, Reply
from tests.support.priced import priced_graph, set_budgets
from tests.support.servers import eventually
from tests.unit.api.conftest import Api


def ollama(api: Api, server: OllamaServer) -> httpx.Client:
    return api(model=f"ollama:{server.models[0]}", ollama_base_url=server.base_url)


def test_a_message_is_answered_with_the_result_and_its_trace_id(api: Api):
    about = {"text": "quanto é 17*23?", "user_id": "ana", "tags": ["x"], "message_id": "m"}
    answer = api().post("/sessions/s/messages", json=about)

    result = answer.json()
    assert (answer.status_code, result["content"], result["status"]) == (200, "17 * 23 = 391", "ok")
    assert result["trace_id"] == trace_id_for("s", "m")
    assert (result["session_id"], result["user_id"]) == ("s", "ana")
    assert result["usage"]["total"] > 0


def test_without_a_session_a_message_begins_a_conversation_that_goes_on_by_its_id(api: Api):
    client = api()
    first = client.post("/messages", json={"text": "quanto é 17*23?"}).json()
    second = client.post("/messages", json={"text": "e o dobro?", "session_id": first["session_id"]}).json()

    assert second["content"] == "2 * 391 = 782"


@pytest.mark.parametrize("how", ["body", "header"])
def test_the_same_turn_comes_as_events_while_it_runs(api: Api, how: str):
    body = {"text": "quanto é 17*23?"} | ({"stream": True} if how == "body" else {})
    headers = {"accept": "text/event-stream"} if how == "header" else {}
    with api().stream("POST", "/messages", json=body, headers=headers) as answer:
        found = events_of(answer)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "".join(data["text"] for name, data in found if name == "token") == "17 * 23 = 391"
    assert [data["name"] for name, data in found if name in {"tool_call", "tool_result"}] == ["calculator"] * 2
    assert found[-1][0] == "done"
    assert Result.model_validate(found[-1][1]).content == "17 * 23 = 391"


def test_a_silent_turn_shows_that_its_stream_goes_on(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "PING_S", 0.02)
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)]) as server:
        client, lines = ollama(api, server), list[str]()
        with client.stream("POST", "/messages", json={"text": "conte", "stream": True}) as answer:
            for line in answer.iter_lines():
                lines.append(line)
                if line.startswith(":"):
                    gate.set()

    assert ": still here" in lines
    assert "event: done" in lines


def test_a_turn_that_fails_is_an_answer_with_what_happened(api: Api):
    with OllamaServer(replies=[Reply(status=404, error="not found")]) as server:
        answer = ollama(api, server).post("/messages", json={"text": "oi"})

    assert (answer.status_code, answer.json()["status"]) == (200, "error")
    assert "ollama pull" in answer.json()["error"]
    assert answer.json()["trace_id"]


def test_a_running_turn_can_be_stopped_and_its_sender_gets_what_was_said(api: Api):
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)]) as server, ThreadPoolExecutor(1) as pool:
        client = ollama(api, server)
        asked = pool.submit(client.post, "/sessions/s/messages", json={"text": "conte"})
        assert eventually(lambda: server.chats)
        stopped = eventually(lambda: client.post("/sessions/s/stop").json()["stopped"])
        result = asked.result(20).json()
        gate.set()

    assert stopped
    assert result["status"] == "cancelled"
    assert client.post("/sessions/s/stop").json() == {"stopped": False}


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_its_turn(api: Api, stream: bool):
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)]) as server:
        client = ollama(api, server)
        body = {"text": "conte", "stream": stream}
        with pytest.raises(httpx.ReadTimeout):  # its connection is closed then
            httpx.post(f"{client.base_url}/sessions/s/messages", json=body, timeout=httpx.Timeout(20, read=1.5))
        assert server.chats
        ended = eventually(lambda: not client.get("/sessions/s").json()["is_running"])
        gate.set()

    assert ended
    assert client.get("/sessions/s").json()["messages"][-1]["status"] == "cancelled"


def test_an_interrupted_turn_is_resumed_with_its_answer_in_the_same_trace(api: Api):
    client = api(graph=asking_graph())
    asked = client.post("/sessions/s/messages", json={"text": "book"}).json()
    waiting = client.get("/sessions/s").json()["waiting_for"]
    resumed = client.post("/sessions/s/resume", json={"answer": "Friday"}).json()
    again = client.post("/sessions/s/resume", json={"answer": "Friday"})

    assert (asked["status"], waiting) == ("interrupted", ["Which day?"])
    assert (resumed["content"], resumed["trace_id"]) == ("Booked for Friday.", asked["trace_id"])
    assert again.status_code == 400
    assert "does not wait" in again.json()["error"]["message"]


def test_a_used_up_budget_answers_429_and_says_when_to_come_back(api: Api, home: Path):
    set_budgets(home, '[[budgets]]\nname = "team"\nusd = 0.01\nper = "day"\nthen = "stop"\n')
    client = api(graph=priced_graph(), tracing_enabled=False)
    first = client.post("/messages", json={"text": "oi"})
    refused = [client.post("/messages", json={"text": "oi", "stream": stream}) for stream in (False, True)]

    assert [share["state"] for share in first.json()["budgets"]] == ["exceeded"]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert refused[0].json()["error"]["type"] == "BudgetExceeded"
    assert 0 < int(refused[0].headers["retry-after"]) <= 25 * 3600


def test_many_sessions_are_answered_at_the_same_time_each_with_its_own(api: Api):
    client = api()

    def ask(number: int) -> tuple[str, str, str]:
        body = {"text": f"quanto é {number}+1?", "user_id": f"u{number}"}
        result = client.post(f"/sessions/s{number}/messages", json=body).json()
        return result["session_id"], result["user_id"], result["content"]

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(ask, range(20)))
    assert found == [(f"s{n}", f"u{n}", f"{n} + 1 = {n + 1}") for n in range(20)]


def test_an_answer_has_every_field_of_a_turns_result() -> None:
    assert Result.model_fields.keys() == {field.name for field in fields(TurnResult)}
