"""A server that speaks OpenAI's wire protocol, as far as tests need it.

    with OpenAIServer() as openai:
        OpenAI(base_url=openai.url, api_key="unused").chat.completions.create(model="gpt-4o-mini", messages=[...])

A request that offers tools is answered with a call of the first one, until a tool has answered. The model `broken`
gives 500, `limited` gives 429. Every answer counts the same tokens (`USAGE`), of which some were cached and some were
thought. Protocol: OpenAI's API reference (chat completions, embeddings).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

JsonObject = dict[str, Any]

ANSWER = "The answer is 42."
CREATED = 1795164108
USAGE: JsonObject = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 6},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
_FAULTS = {"broken": (500, "server_error", "the engine stopped"), "limited": (429, "rate_limit_exceeded", "slow down")}


class OpenAIServer:
    """Listens on a free loopback port while it is entered; `requests` are the bodies it got."""

    def __init__(self) -> None:
        self.requests: list[JsonObject] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(body)
                status, kind, content = _answer(self.path, body)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(path: str, body: JsonObject) -> tuple[int, str, bytes]:
    """Status, content type and content."""
    if fault := _FAULTS.get(body["model"]):
        status, code, message = fault
        return status, "application/json", _json({"error": {"message": message, "type": code, "code": code}})
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return 200, "application/json", _json({"object": "list", "model": body["model"], "data": data, "usage": usage})
    message = _message(body)
    if body.get("stream"):
        return 200, "text/event-stream", b"".join(b"data: " + chunk + b"\n\n" for chunk in _chunks(body, message))
    choice = {"index": 0, "finish_reason": _reason(message), "message": {"role": "assistant", **message}}
    whole = _head(body, "chat.completion") | {"choices": [choice], "usage": USAGE}
    return 200, "application/json", _json(whole)


def _message(body: JsonObject) -> JsonObject:
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        name = body["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city": "Lisbon"}'}}
        return {"content": None, "tool_calls": [call]}
    return {"content": ANSWER}


def _chunks(body: JsonObject, message: JsonObject) -> Iterator[bytes]:
    """The content word by word, then the reason, then the usage if it was asked for."""
    head = _head(body, "chat.completion.chunk")
    if "tool_calls" in message:
        deltas = [{"role": "assistant", "tool_calls": [{"index": 0, **message["tool_calls"][0]}]}]
    else:
        deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in ANSWER.split())]
    for delta in deltas:
        yield _json(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _json(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": _reason(message)}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _json(head | {"choices": [], "usage": USAGE})
    yield b"[DONE]"


def _head(body: JsonObject, kind: str) -> JsonObject:
    return {"id": "chatcmpl-1", "object": kind, "created": CREATED, "model": body["model"]}


def _reason(message: JsonObject) -> str:
    return "tool_calls" if "tool_calls" in message else "stop"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
