"""Calls to Calango's own API of the local server. The server owns the database file, so what is asked goes to it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from calango import local
from calango.errors import BackendError, BackendRefused, BackendUnreachable, NotFound

ROOT = "/api/calango"
_ANSWER_S = 30.0
_LONG_S = 3600.0  # a copy of everything may take its time before the first byte


def call(
    server: local.LocalServer,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    params: Mapping[str, str] | None = None,
    content: Iterable[bytes] | None = None,
    hint: str = "",
) -> Any:
    """The decoded answer. `hint` says what to do when something is not there (NotFound).

    Raises BackendUnreachable or BackendRefused.
    """
    with client_of(server, _ANSWER_S if content is None else _LONG_S) as client:
        return asked(client, method, f"{ROOT}{path}", json=body, params=params, content=content, hint=hint)


@contextmanager
def download(server: local.LocalServer, path: str, params: Mapping[str, str]) -> Generator[httpx.Response]:
    """An answer that is read in pieces. Raises as `call` does."""
    with client_of(server, _LONG_S) as client, streamed(client, f"{ROOT}{path}", params) as answer:
        yield answer


@contextmanager
def streamed(client: httpx.Client, path: str, params: Mapping[str, Any]) -> Generator[httpx.Response]:
    """The same over a connection that is there."""
    with _reached(), client.stream("GET", path, params=dict(params)) as answer:
        if not answer.is_success:
            answer.read()
            raise _refusal(answer, "")
        yield answer


def lines(answer: httpx.Response) -> Generator[bytes]:
    """Of JSON lines, without their ends. (`iter_lines` would break a line at U+2028, which JSON texts may contain.)"""
    rest = b""
    for piece in answer.iter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def project_named(server: local.LocalServer, wanted: str) -> dict[str, Any]:
    """A project by its name or id. Raises NotFound."""
    found = next((item for item in projects(server) if wanted in {item["id"], item["name"]}), None)
    if found is None:
        raise NotFound(f"There is no project '{wanted}'.", "`calango project list` shows them.")
    return found


def projects(server: local.LocalServer) -> list[dict[str, Any]]:
    return call(server, "GET", "/projects")["data"]


def quoted(part: str) -> str:
    return quote(part, safe="")


def client_of(server: local.LocalServer, timeout_s: float = _ANSWER_S) -> httpx.Client:
    """A connection with the server's keys, for who asks more than once. Close it."""
    auth = (server.public_key, server.secret_key)
    return httpx.Client(base_url=server.base_url, auth=auth, timeout=timeout_s, trust_env=False)


def asked(client: httpx.Client, method: str, path: str, *, hint: str = "", **content: Any) -> Any:
    """The decoded answer over such a connection. Raises BackendUnreachable, BackendRefused or NotFound."""
    with _reached():
        answer = client.request(method, path, **content)
    if not answer.is_success:
        raise _refusal(answer, hint)
    return orjson.loads(answer.content) if answer.content else None


@contextmanager
def _reached() -> Generator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise BackendUnreachable(
            f"The local server does not answer ({type(error).__name__}).", f"See {local.LOG} in CALANGO_HOME."
        ).because("local_down", log=local.LOG) from error


def _refusal(answer: httpx.Response, hint: str) -> BackendError:
    message, said = f"The local server answered {answer.status_code}.", {}
    if "json" in answer.headers.get("content-type", ""):
        said: dict[str, Any] = orjson.loads(answer.content)
        message = str(said.get("message") or message)
    missing = answer.status_code == 404
    error = NotFound(message, hint) if missing else BackendRefused(message, status=answer.status_code)
    if answer.status_code in {401, 403}:
        return error.because("keys", where="127.0.0.1")
    return error.because(said["code"], **said.get("facts", {})) if said.get("code") else error
