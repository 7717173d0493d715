"""The agent's HTTP API for a test: a real uvicorn on a free port, on a thread of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from calango.api.serve import ApiServer
from calango.chat import ChatService
from calango.web.run import bound


@contextmanager
def serving_api(chat: ChatService, *, token: str | None = None) -> Generator[str]:
    """Its base URL."""
    with bound("127.0.0.1", 0) as listener:
        server = ApiServer(chat, token=token, turns_s=0.1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def events_of(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events as they come: name and data, to the end of the stream."""
    found: list[tuple[str, dict[str, Any]]] = []
    name = ""
    for line in answer.iter_lines():
        kind, _, rest = line.partition(": ")
        if kind == "event":
            name = rest
        elif kind == "data":
            found.append((name, json.loads(rest)))
    return found
