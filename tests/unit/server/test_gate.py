"""Who may come in, asked by hand: no client would send most of these requests."""

import asyncio
import base64
import hashlib
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from calango.local import LocalServer
from calango.server.app import create_app
from calango.server.auth import Keyring
from calango.server.costs import PriceBook
from calango.server.http import Context
from tests.support.projects import new_project
from tests.support.servers import client_of, serving
from tests.support.sockets import address_of, exchange

PUBLIC = "/api/public"
EVIL = b"<script>alert(1)</script>"


@pytest.fixture
def address(shared: LocalServer) -> tuple[str, int]:
    return address_of(shared.base_url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:4680", "localhost", "LocalHost:1", "localhost.", "[::1]", "[::1]:80", "[0:0:0:0:0:0:0:1]"],
)
def test_a_page_opens_under_a_name_of_this_machine(address: tuple[str, int], host: str):
    assert exchange(address, "GET / HTTP/1.1", f"Host: {host}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4680",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost:port",
        "localhost..",
        "192.168.0.1",
        "0.0.0.0",
        "[::]",
        "[::1",
        "::1",
        "",
    ],
)
def test_a_page_stays_shut_under_any_other_name(address: tuple[str, int], host: str):
    assert exchange(address, "GET / HTTP/1.1", f"Host: {host}").status in {400, 403}


def test_a_page_stays_shut_without_a_host(address: tuple[str, int]):
    assert exchange(address, "GET / HTTP/1.0").status == 403
    assert exchange(address, "GET / HTTP/1.1").status == 400


def test_two_hosts_are_refused(address: tuple[str, int]):
    assert exchange(address, "GET / HTTP/1.1", "Host: localhost", "Host: evil.example").status == 400


@pytest.mark.parametrize("path", ["/", "/api/public/health", "/api/public/projects"])
def test_a_whole_address_in_the_request_line_is_refused(address: tuple[str, int], path: str):
    assert exchange(address, f"GET http://evil.example{path} HTTP/1.1", "Host: localhost").status == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
@pytest.mark.parametrize("path", ["/", f"{PUBLIC}/health", f"{PUBLIC}/projects"])
def test_a_request_of_another_web_page_is_refused_also_with_keys(api: httpx.Client, path: str, origin: str):
    assert api.get(path, headers={"origin": origin}).status_code == 403


def test_a_request_of_an_own_page_is_not_refused(api: httpx.Client, shared: LocalServer):
    assert api.get(f"{PUBLIC}/projects", headers={"origin": shared.base_url}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_other_origin_is_let_in(api: httpx.Client, method: str):
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = api.request(method, f"{PUBLIC}/traces", headers=headers)

    assert [name for name in answer.headers if name.startswith("access-control")] == []


def secured(answer: httpx.Response) -> bool:
    headers = answer.headers
    return (
        headers.get_list("x-content-type-options") == ["nosniff"]
        and headers.get_list("referrer-policy") == ["no-referrer"]
        and headers.get_list("cache-control") == ["no-store"]
        and len(headers.get_list("content-security-policy")) == 1
        and "default-src 'none'" in headers["content-security-policy"]
        and ("frame-ancestors 'none'" in headers["content-security-policy"] or "sandbox" in str(headers))
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/style.css", 200),
        ("GET", "/nothing", 404),
        ("GET", "/project/p/traces/t", 404),
        ("GET", f"{PUBLIC}/health", 200),
        ("GET", f"{PUBLIC}/traces", 200),
        ("GET", f"{PUBLIC}/nothing", 404),
        ("GET", f"{PUBLIC}/scim/Users", 501),
        ("GET", f"{PUBLIC}/traces?limit=x", 400),
        ("PUT", f"{PUBLIC}/traces", 405),
        ("GET", "/api/calango/media/p/m", 403),
    ],
)
def test_every_answer_is_secured(api: httpx.Client, method: str, path: str, status: int):
    answer = api.request(method, path)

    assert (answer.status_code, secured(answer)) == (status, True)


def test_a_refusal_is_secured(anyone: httpx.Client):
    assert secured(anyone.get(f"{PUBLIC}/traces"))


def test_an_answer_about_a_fault_inside_is_secured():
    context = Context(None, Keyring({}), PriceBook(), "home", "i", "v", frozenset(), loopback=True)  # pyright: ignore
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/")

    answer = asyncio.run(ask())
    assert (answer.status_code, secured(answer)) == (500, True)


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml"])
def test_uploaded_bytes_never_run_as_a_page(api: httpx.Client, anyone: httpx.Client, kind: str):
    content = EVIL + kind.encode()
    body = {
        "sha256Hash": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "contentLength": len(content),
        "contentType": kind,
        "traceId": "t",
        "field": "input",
    }
    made = api.post(f"{PUBLIC}/media", json=body).json()
    assert anyone.put(made["uploadUrl"], content=content).status_code == 200

    answer = anyone.get(api.get(f"{PUBLIC}/media/{made['mediaId']}").json()["url"])
    assert answer.content == content
    assert answer.headers["content-disposition"] == "attachment"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "allow-scripts" not in answer.headers["content-security-policy"]
    assert secured(answer)


@pytest.mark.parametrize(
    "path", ["../../etc", "..%2f..%2fetc", "%2e%2e/x", "p/..%2f..%2fx", "p/..", "p/%00", "p/m%2fx"]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_media_address_leads_nowhere_else(address: tuple[str, int], method: str, path: str):
    line = f"{method} /api/calango/media/{path}?expires=99999999999&signature=x HTTP/1.1"

    assert exchange(address, line, "Host: localhost", "Content-Length: 0").status in {400, 403, 404}


@pytest.mark.parametrize("sha256", ["../../../../etc/passwd", "/etc/passwd", "A" * 43, "." * 44, "../" * 14 + "=="])
def test_a_hash_that_is_none_makes_no_media(api: httpx.Client, sha256: str):
    body = {"sha256Hash": sha256, "contentLength": 1, "contentType": "text/plain", "field": "input"}

    assert api.post(f"{PUBLIC}/media", json=body).status_code == 400


@pytest.fixture(scope="module")
def open_to_others(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with serving(Path(tmp_path_factory.mktemp("open")) / "home", host="0.0.0.0") as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/style.css", "/project/p/traces/t", "/project/p/sessions/s", "/nothing"])
def test_a_server_that_others_can_reach_asks_for_a_key_at_every_page(open_to_others: LocalServer, path: str):
    answer = httpx.get(open_to_others.base_url + path)

    assert (answer.status_code, answer.headers["www-authenticate"][:5]) == (401, "Basic")


def test_a_key_opens_its_own_pages_on_a_server_that_others_can_reach(open_to_others: LocalServer):
    event = {"id": "e", "type": "trace-create", "body": {"id": "t-1", "name": "a-secret", "sessionId": "s-1"}}
    paths = ["/", *(f"/project/{open_to_others.project_id}/{rest}" for rest in ("traces/t-1", "sessions/s-1"))]

    with client_of(open_to_others) as home, new_project(open_to_others, "other").client() as other:
        assert home.post(f"{PUBLIC}/ingestion", json={"batch": [event]}).json()["errors"] == []
        assert ["a-secret" in home.get(path).text for path in paths] == [True] * 3
        assert ["a-secret" in other.get(path).text for path in paths] == [False] * 3


def test_the_api_asks_for_a_key_on_a_server_that_others_can_reach(open_to_others: LocalServer):
    assert httpx.get(f"{open_to_others.base_url}{PUBLIC}/traces").status_code == 401
    assert httpx.get(f"{open_to_others.base_url}{PUBLIC}/health").status_code == 200
