"""Every call of the SDK's own API client is served, or told that it is left out and what to use instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import httpx
import langfuse.api
import pytest

from calango.local import LocalServer
from calango.server.app import ROUTES
from calango.server.left_out import LEFT_OUT
from tests.support.routing import route_of
from tests.support.servers import client_of


def sdk_calls() -> Iterator[tuple[str, str]]:
    """Method and path of every request in the generated clients; what is put into a path becomes `1`."""
    for file in Path(langfuse.api.__file__).parent.rglob("raw_client.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="request"), args=[path, *_], keywords=options):
                    method = next((o.value.value for o in options if o.arg == "method"), "GET")
                    yield method, "/" + _text(path)
                case _:
                    pass


def _text(path: ast.expr) -> str:
    match path:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "1" for part in parts)
    raise AssertionError(ast.dump(path))


CALLS = sorted(set(sdk_calls()))
UNSERVED = [call for call in CALLS if route_of(ROUTES, *call) is None]


def test_the_sdk_has_many_calls():
    assert len(CALLS) > 90


def test_every_call_of_the_sdk_that_is_not_served_is_answered_501(server: LocalServer):
    with client_of(server) as client:
        answers = {call: client.request(*call, json={} if call[0] in {"POST", "PUT"} else None) for call in UNSERVED}

    assert {call: answer.status_code for call, answer in answers.items() if answer.status_code != 501} == {}
    for answer in answers.values():
        assert answer.json()["error"] == "NotImplementedError"
        assert "Instead: " in answer.json()["message"]


@pytest.mark.parametrize("path", sorted({entry[0] for entry in LEFT_OUT}))
def test_no_path_is_left_out_that_is_served(path: str):
    concrete = f"/api/public/{path.replace('{project_id}', '1')}"
    methods = next(entry[1] for entry in LEFT_OUT if entry[0] == path) or ("GET", "POST", "PUT", "PATCH", "DELETE")

    assert [method for method in methods if route_of(ROUTES, method, concrete)] == []


@pytest.mark.parametrize("path", ["nothing", "scimitar", "v2/evaluatorsX", "organization"])
def test_an_unknown_path_stays_unknown(server: LocalServer, path: str):
    with client_of(server) as client:
        assert client.get(f"/api/public/{path}").status_code == 404


def test_what_is_left_out_asks_for_keys_too(server: LocalServer):
    assert httpx.get(f"{server.base_url}/api/public/scim/Users").status_code == 401
