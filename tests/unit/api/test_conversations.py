"""Sessions, history and votes over HTTP."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from calango.local import LocalServer
from calango.tracing import Tracing
from tests.support.servers import client_of, eventually, settings_for
from tests.support.tracing import Fixed
from tests.unit.api.conftest import Api


@pytest.fixture
def delivered(server: LocalServer, home: Path) -> Generator[Tracing]:
    """Tracing into the local server."""
    made = Tracing(settings_for(home), Fixed(server.base_url, server.public_key, server.secret_key))
    yield made
    made.close(1)


def test_history_shows_each_answer_with_the_trace_id_to_rate_it_by(api: Api):
    client = api()
    result = client.post("/sessions/a%2Fb/messages", json={"text": "quanto é 17*23?", "user_id": "ana"}).json()
    shown = client.get("/sessions/a%2Fb").json()

    assert [(m["role"], m["content"]) for m in shown["messages"]][::2] == [
        ("user", "quanto é 17*23?"),
        ("assistant", "17 * 23 = 391"),
    ]
    assert {m["trace_id"] for m in shown["messages"]} == {result["trace_id"]}
    assert (shown["is_running"], shown["waiting_for"]) == (False, [])


def test_a_users_sessions_are_listed_and_no_other_users(api: Api):
    client = api()
    for session, user in (("a", "ana"), ("b", "ana"), ("c", "bob")):
        client.post(f"/sessions/{session}/messages", json={"text": f"conversa {session}", "user_id": user})

    found = client.get("/sessions", params={"user_id": "ana"}).json()["sessions"]
    assert [(one["session_id"], one["title"], one["turns"]) for one in found] == [
        ("b", "conversa b", 1),
        ("a", "conversa a", 1),
    ]


def test_a_session_that_does_not_exist_is_not_found(api: Api):
    answer = api().get("/sessions/nobody")

    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFound")


def test_a_vote_says_that_it_waits_until_the_backend_has_it(api: Api):
    client = api()
    trace = client.post("/messages", json={"text": "oi"}).json()["trace_id"]
    vote = client.put(f"/feedback/{trace}", json={"thumbs": True, "comment": "bom"}).json()

    assert (vote["state"], vote["value"], vote["comment"], vote["name"]) == ("pending", 1.0, "bom", "user-feedback")


def test_a_vote_is_changed_read_and_taken_back_down_to_the_backend(api: Api, server: LocalServer, delivered: Tracing):
    client = api(delivered)
    trace = client.post("/messages", json={"text": "oi", "user_id": "ana"}).json()["trace_id"]
    given = client.put(f"/feedback/{trace}?wait=10", json={"thumbs": True, "user_id": "ana"}).json()
    changed = client.put(f"/feedback/{trace}?wait=10", json={"thumbs": False, "user_id": "ana"}).json()
    read = client.get(f"/feedback/{trace}", params={"user_id": "ana"}).json()["votes"]
    foreign = client.get(f"/feedback/{trace}", params={"user_id": "bob"}).json()["votes"]
    with client_of(server) as backend:

        def scores() -> list[float]:
            return [one["value"] for one in backend.get(f"/api/public/v2/scores?traceId={trace}").json()["data"]]

        stored = scores()
        gone = client.delete(f"/feedback/{trace}", params={"user_id": "ana", "wait": 10}).json()
        left = eventually(lambda: scores() == [])

    assert (given["state"], given["value"], changed["state"], changed["value"]) == ("sent", 1.0, "sent", 0.0)
    assert given["score_id"] == changed["score_id"]
    assert [one["value"] for one in read] == [0.0]
    assert foreign == []
    assert stored == [0.0]
    assert (gone["value"], gone["state"], left) == (None, "withdrawn", True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either thumbs or stars"),
        ({"thumbs": True, "stars": 3}, "either thumbs or stars"),
        ({"stars": 6}, "stars: Input should be less than or equal to 5"),
        ({"thumbs": True, "comment": "x" * 2001}, "comment has 2001 characters"),
        ({"thumbs": True, "user_id": "a\u202eb"}, "user_id contains the control character"),
    ],
)
def test_a_vote_that_makes_no_sense_is_refused_by_name(api: Api, body: dict[str, object], said: str):
    client = api()
    trace = client.post("/messages", json={"text": "oi"}).json()["trace_id"]
    answer = client.put(f"/feedback/{trace}", json=body)

    assert answer.status_code in {400, 422}
    assert said in answer.json()["error"]["message"]


def test_a_vote_on_a_trace_that_nobody_knows_is_not_found(api: Api, delivered: Tracing):
    answer = api(delivered).put(f"/feedback/{'ab' * 16}", json={"thumbs": True})

    assert answer.status_code == 404


def test_a_turn_over_http_is_one_trace_and_the_request_adds_none(api: Api, server: LocalServer, delivered: Tracing):
    client = api(delivered)
    trace = client.post("/messages", json={"text": "oi"}).json()["trace_id"]
    delivered.flush(10)
    with client_of(server) as backend:
        found = backend.get("/api/public/traces").json()["data"]

    assert [(one["id"], one["name"]) for one in found] == [(trace, "calango-turn")]
