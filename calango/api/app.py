"""The application, and how failures are worded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response

from calango import __version__
from calango.api import conversations, shapes, turns
from calango.api.gate import SECURITY, Gate, refusal
from calango.api.metrics import AgentMetrics
from calango.chat import ChatService
from calango.errors import BackendError, BudgetExceeded, CalangoError, InputError, ModelError, NotFound
from calango.status import gather

_SPARE_BYTES = 256 * 1024  # of a body, beside its message: metadata, tags
_STATUSES: tuple[tuple[type[CalangoError], int], ...] = (
    (InputError, 400),
    (NotFound, 404),
    (BudgetExceeded, 429),
    (ModelError, 502),
    (BackendError, 503),
)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": shapes.Refusal, "description": text}
    for status, text in (
        (400, "What was sent is refused, by name"),
        (401, "The token is missing or wrong"),
        (404, "There is no such thing"),
        (413, "The body is too large"),
        (422, "The body or a parameter is not as described"),
        (503, "Langfuse or the local server does not answer"),
    )
}


def create_app(chat: ChatService, *, token: str | None = None, names: frozenset[str] = frozenset()) -> FastAPI:
    """`names` under which the API may be called without a token, beside this machine's own."""
    most = 4 * chat.settings.max_message_chars + _SPARE_BYTES
    app = FastAPI(
        title="Calango",
        version=__version__,
        description="The agent over HTTP. Each answer is rated by its `trace_id`.",
        docs_url=None,  # their pages would fetch scripts from elsewhere
        redoc_url=None,
        responses=_REFUSALS,
        middleware=[Middleware(Gate, token=token, names=names, most=most)],
        exception_handlers={
            CalangoError: _failed,
            RequestValidationError: _invalid,
            HTTPException: _http_error,
            ClientDisconnect: _left,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False
    app.state.chat = chat
    app.state.metrics = AgentMetrics(chat)
    app.include_router(turns.router)
    app.include_router(conversations.router)
    app.add_api_route("/health", health, tags=["state"])
    app.add_api_route("/status", status, tags=["state"])
    app.add_api_route("/metrics", metrics, tags=["state"], response_class=PlainTextResponse)
    return app


async def health() -> shapes.Health:
    """Open to everybody: whether the API answers."""
    return shapes.Health(status="ok", version=__version__)


def status(request: Request) -> dict[str, Any]:
    """Mode, model, graph, and what waits to be delivered, as `calango status --json` says it."""
    return gather(request.app.state.chat.settings)


def metrics(request: Request) -> Response:
    """For Prometheus."""
    body, kind = request.app.state.metrics.page(request.headers.get("accept", ""))
    return Response(body, headers={"content-type": kind})


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, CalangoError)
    if isinstance(error, InputError | BudgetExceeded):
        request.app.state.metrics.refused(type(error).__name__)
    found = next((code for kind, code in _STATUSES if isinstance(error, kind)), 500)
    answer = refusal(found, type(error).__name__, error.message, error.hint)
    if isinstance(error, BudgetExceeded) and error.share.resets_at is not None:
        left_s = (datetime.fromisoformat(error.share.resets_at) - datetime.now(UTC)).total_seconds()
        answer.headers["retry-after"] = str(max(1, round(left_s)))
    return answer


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [f"{_place(one['loc'])}: {one['msg']}" for one in error.errors()[:5]]
    return refusal(422, "InputError", "; ".join(found), "GET /openapi.json describes every field.")


def _place(loc: Sequence[str | int]) -> str:
    """The name of a field or parameter; `body` where it is about all of it, or about a place in its text."""
    return ".".join(str(part) for part in loc[1:]) if isinstance(loc[-1], str) and len(loc) > 1 else str(loc[0])


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """The framework's own: no such path, no such method, no JSON."""
    assert isinstance(error, HTTPException)
    answer = refusal(error.status_code, "HTTPError", f"{request.method} {request.url.path}: {error.detail}")
    answer.headers.update(error.headers or {})
    return answer


async def _left(_request: Request, _error: Exception) -> Response:
    """The client has gone: its turn was stopped, and nobody hears this."""
    return Response(status_code=499)


async def _bug(_request: Request, error: Exception) -> Response:
    """Starlette logs the traceback; the answer says nothing about the inside. It does not pass the gate."""
    del error
    answer = refusal(500, "InternalError", "Internal error.", "The log says more.")
    answer.headers.update(SECURITY)
    return answer
