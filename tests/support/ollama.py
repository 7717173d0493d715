"""A server that speaks Ollama's wire protocol, so that tests run the real client over real HTTP.

    with OllamaServer(replies=["Hello there", Reply(tool_calls=[call("calculator", expression="2+2")])]) as ollama:
        ChatOllama(base_url=ollama.base_url, model="llama3.1:8b").invoke("hi")
        assert ollama.requests[0]["stream"] is True

A request with `format` asks for structured output. It is answered from `intents`, so that a script of answers need not
count the classifications in between. Protocol: ollama/docs/api.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Event, Lock, Thread
from typing import Any, Literal, Self

JsonObject = dict[str, Any]

PATIENCE_S = 20.0  # how long a silence or a closed gate lasts at most, so that a broken test ends
_MS = 1_000_000
_CREATED = "2026-01-02T03:04:05.678901Z"


def call(name: str, **arguments: Any) -> JsonObject:
    """A tool call as Ollama writes it: the arguments are an object, not a string."""
    return {"function": {"name": name, "arguments": arguments}}


@dataclass(frozen=True)
class Reply:
    """What the model says to one request.

    `content` as text is sent word by word; as a sequence, piece by piece. `gate` holds back all pieces but the first
    until the test sets it. `fault` strikes after the last piece: `error` sends an error line, `cut` drops the
    connection, `silence` keeps it open and says nothing. `status` other than 200 answers with `error` instead.
    A count of None is left out, as Ollama leaves out `prompt_eval_count` for a prompt that it has cached.
    """

    content: str | Sequence[str] = ""
    tool_calls: Sequence[JsonObject] = ()
    thinking: str | Sequence[str] = ""
    done_reason: str = "stop"
    prompt_eval_count: int | None = 26
    eval_count: int | None = 7
    fault: Literal["error", "cut", "silence"] | None = None
    gate: Event | None = None
    status: int = 200
    error: str = "the model runner has unexpectedly stopped"


Script = Sequence[str | Reply] | Callable[[JsonObject], str | Reply]


class OllamaServer:
    """Listens on a free loopback port while it is entered. Replies are used in order; the last one repeats."""

    def __init__(
        self,
        replies: Script = ("Hello from the test server.",),
        *,
        intents: Sequence[str | Reply] = ("question",),
        models: Sequence[str] = ("llama3.1:8b",),
        capabilities: Sequence[str] = ("completion", "tools", "thinking"),
        version: str = "0.12.6",
    ) -> None:
        self.models = tuple(models)
        self.capabilities = tuple(capabilities)
        self.version = version
        self.requests: list[JsonObject] = []
        self.disconnected = Event()  # a client went away before its answer was complete
        self.closing = Event()
        self._replies = replies
        self._intents = intents
        self._lock = Lock()
        self._answered = {"replies": 0, "intents": 0}
        handler = type("Handler", (_Handler,), {"ollama": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(PATIENCE_S)

    @property
    def chats(self) -> list[JsonObject]:
        """The requests that were not about the intent."""
        return [request for request in self.requests if not request.get("format")]

    def reply_to(self, request: JsonObject) -> Reply:
        """Records `request` and picks what is said to it."""
        with self._lock:
            self.requests.append(request)
            if request.get("format"):
                given = self._next("intents", self._intents)
                return _intent(given) if isinstance(given, str) else given
            given = self._replies(request) if callable(self._replies) else self._next("replies", self._replies)
            return Reply(given) if isinstance(given, str) else given

    def _next(self, kind: str, script: Sequence[str | Reply]) -> str | Reply:
        place = min(self._answered[kind], len(script) - 1)
        self._answered[kind] += 1
        return script[place]

    def refusal(self, request: JsonObject) -> tuple[int, str] | None:
        """Status and message when Ollama would not even start to answer."""
        model = request.get("model", "")
        if not {model, f"{model}:latest"} & set(self.models):
            return 404, f'model "{model}" not found, try pulling it first'
        for wanted, capability in (("tools", "tools"), ("think", "thinking")):
            if request.get(wanted) and capability not in self.capabilities:
                return 400, f'"{model}" does not support {capability}'
        return None


def _intent(name: str) -> Reply:
    return Reply([f'{{"intent": "{name}"}}'])


class _Handler(BaseHTTPRequestHandler):
    ollama: OllamaServer
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that hangs up between two requests is no fault of the server
            super().handle()

    def do_GET(self) -> None:
        pages = {
            "/": lambda: "Ollama is running",
            "/api/version": lambda: {"version": self.ollama.version},
            "/api/tags": lambda: {"models": [_described(name) for name in self.ollama.models]},
        }
        page = pages.get(self.path)
        self._answer(200, page()) if page else self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        request: JsonObject = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path not in {"/api/chat", "/api/show"}:
            self._answer(404, {"error": "not found"})
        elif refusal := self.ollama.refusal(request):
            self._answer(refusal[0], {"error": refusal[1]})
        elif self.path == "/api/show":
            self._answer(200, _shown(self.ollama.capabilities))
        else:
            self._chat(request, self.ollama.reply_to(request))

    def _chat(self, request: JsonObject, reply: Reply) -> None:
        try:
            if reply.status != 200:
                self._answer(reply.status, {"error": reply.error})
            elif request.get("stream", True):
                self._stream(request, reply)
            else:
                self._whole(request, reply)
        except (BrokenPipeError, ConnectionResetError):
            self.ollama.disconnected.set()
            self.close_connection = True

    def _stream(self, request: JsonObject, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for place, message in enumerate(_messages(reply)):
            if place and reply.gate is not None:
                self._wait(reply.gate)
            self._line({**_head(request), "message": message, "done": False})
        if reply.fault == "error":
            self._line({"error": reply.error})
        elif reply.fault is not None:
            self._break_off(reply)
            return
        else:
            self._line({**_head(request), "message": {"role": "assistant", "content": ""}, **_end(reply)})
        self.wfile.write(b"0\r\n\r\n")

    def _whole(self, request: JsonObject, reply: Reply) -> None:
        if reply.gate is not None:
            self._wait(reply.gate)
        if reply.fault == "error":
            self._answer(500, {"error": reply.error})
        elif reply.fault is not None:
            self._break_off(reply)
        else:
            self._answer(200, {**_head(request), "message": _merged(_messages(reply)), **_end(reply)})

    def _break_off(self, reply: Reply) -> None:
        if reply.fault == "silence":
            self.ollama.closing.wait(PATIENCE_S)
        self.close_connection = True

    def _wait(self, gate: Event) -> None:
        """Until the gate opens, the server closes, the client leaves or patience ends: whichever is first."""
        self.connection.settimeout(0.02)
        for _ in range(int(PATIENCE_S / 0.02)):
            if gate.is_set() or self.ollama.closing.is_set():
                break
            with suppress(TimeoutError):
                if self.connection.recv(1) == b"":
                    raise BrokenPipeError
        self.connection.settimeout(self.timeout)

    def _line(self, value: JsonObject) -> None:
        data = json.dumps(value, ensure_ascii=False).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _answer(self, status: int, value: JsonObject | str) -> None:
        data = value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _pieces(text: str | Sequence[str]) -> Sequence[str]:
    if not isinstance(text, str):
        return text
    starts = [0, *(place + 1 for place, letter in enumerate(text) if letter == " "), len(text)]
    return [text[start:end] for start, end in pairwise(starts) if start < end]


def _messages(reply: Reply) -> Iterator[JsonObject]:
    for piece in _pieces(reply.thinking):
        yield {"role": "assistant", "content": "", "thinking": piece}
    for piece in _pieces(reply.content):
        yield {"role": "assistant", "content": piece}
    if reply.tool_calls:
        yield {"role": "assistant", "content": "", "tool_calls": list(reply.tool_calls)}


def _merged(messages: Iterator[JsonObject]) -> JsonObject:
    whole: JsonObject = {"role": "assistant", "content": ""}
    for message in messages:
        whole["content"] += message["content"]
        if "thinking" in message:
            whole["thinking"] = whole.get("thinking", "") + message["thinking"]
        if "tool_calls" in message:
            whole["tool_calls"] = message["tool_calls"]
    return whole


def _head(request: JsonObject) -> JsonObject:
    return {"model": request["model"], "created_at": _CREATED}


def _end(reply: Reply) -> Mapping[str, Any]:
    """Durations are nanoseconds."""
    counts = {"prompt_eval_count": reply.prompt_eval_count, "eval_count": reply.eval_count}
    return {
        "done": True,
        "done_reason": reply.done_reason,
        "total_duration": 900 * _MS,
        "load_duration": 100 * _MS,
        "prompt_eval_duration": 300 * _MS,
        "eval_duration": 500 * _MS,
        **{name: count for name, count in counts.items() if count is not None},
    }


def _described(name: str) -> JsonObject:
    details = {"format": "gguf", "family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_K_M"}
    return {
        "name": name,
        "model": name,
        "modified_at": _CREATED,
        "size": 4_920_753_328,
        "digest": "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e",
        "details": details,
    }


def _shown(capabilities: Sequence[str]) -> JsonObject:
    return {
        "details": _described("")["details"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        "capabilities": list(capabilities),
    }
