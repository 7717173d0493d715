"""The application: which path leads where, and how failures are worded."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from calango.errors import CalangoError
from calango.server import left_out, openapi, pages, paths
from calango.server.errors import ApiError
from calango.server.gate import SECURITY, Gate
from calango.server.http import Context, Json
from calango.server.intake import Share
from calango.server.routes import (
    alerts,
    archive,
    comments,
    configs,
    datasets,
    datasets_v1,
    experiments,
    ingestion,
    insights,
    media,
    meta,
    metrics,
    models,
    observations,
    otel,
    projects,
    prompts,
    runs,
    scores,
    scrape,
    sessions,
    spending,
    traces,
)

log = logging.getLogger(__name__)
PUBLIC = "/api/public"
_LATER = {"retry-after": "2"}

paths.know_text()
ROUTES: list[BaseRoute] = [
    Route(f"{PUBLIC}/health", meta.health),
    Route(f"{PUBLIC}/ready", meta.health),
    Route(f"{PUBLIC}/projects", meta.projects),
    Route("/api/calango/status", meta.status),
    Route(openapi.PATH, meta.document),
    Route(projects.PATH, projects.list_projects),
    Route(projects.PATH, projects.create, methods=["POST"]),
    Route(f"{projects.PATH}/{{project_id}}/keys", projects.create_key, methods=["POST"]),
    Route(f"{projects.KEYS_PATH}/{{public_key}}", projects.revoke_key, methods=["DELETE"]),
    Route(f"{PUBLIC}/otel/v1/traces", otel.export_traces, methods=["POST"]),
    Route(f"{PUBLIC}/otel/v1/metrics", otel.drop_metrics, methods=["POST"]),
    Route(f"{PUBLIC}/ingestion", ingestion.ingest, methods=["POST"]),
    Route(f"{PUBLIC}/traces", traces.list_traces),
    Route(f"{PUBLIC}/traces", traces.delete_many, methods=["DELETE"]),
    Route(f"{PUBLIC}/traces/{{trace_id:text}}", traces.get_trace),
    Route(f"{PUBLIC}/traces/{{trace_id:text}}", traces.delete_trace, methods=["DELETE"]),
    Route(f"{PUBLIC}/observations", observations.list_v1),
    Route(f"{PUBLIC}/observations/{{observation_id:text}}", observations.get_v1),
    Route(f"{PUBLIC}/v2/observations", observations.list_v2),
    Route(f"{PUBLIC}/scores", scores.create, methods=["POST"]),
    Route(f"{PUBLIC}/scores", scores.list_v1),
    Route(f"{PUBLIC}/scores/{{score_id:text}}", scores.get_v1),
    Route(f"{PUBLIC}/scores/{{score_id:text}}", scores.delete, methods=["DELETE"]),
    Route(f"{PUBLIC}/v2/scores", scores.list_v2),
    Route(f"{PUBLIC}/v2/scores/{{score_id:text}}", scores.get_v2),
    Route(f"{PUBLIC}/v3/scores", scores.list_v3),
    Route(f"{PUBLIC}/sessions", sessions.list_sessions),
    Route(f"{PUBLIC}/sessions/{{session_id:text}}", sessions.get_session),
    Route(f"{PUBLIC}/metrics", metrics.v1),
    Route(f"{PUBLIC}/metrics/daily", metrics.daily),
    Route(f"{PUBLIC}/v2/metrics", metrics.v2),
    Route(f"{PUBLIC}/v2/prompts", prompts.list_prompts),
    Route(f"{PUBLIC}/v2/prompts", prompts.create, methods=["POST"]),
    Route(f"{PUBLIC}/v2/prompts/{{name:text}}/versions/{{version}}", prompts.set_labels, methods=["PATCH"]),
    Route(f"{PUBLIC}/v2/prompts/{{name:text}}", prompts.get),
    Route(f"{PUBLIC}/v2/prompts/{{name:text}}", prompts.delete, methods=["DELETE"]),
    Route(f"{PUBLIC}/v2/datasets", datasets.list_datasets),
    Route(f"{PUBLIC}/v2/datasets", datasets.create, methods=["POST"]),
    Route(f"{PUBLIC}/v2/datasets/{{name:text}}", datasets.get),
    Route(f"{PUBLIC}/dataset-items", datasets.list_items),
    Route(f"{PUBLIC}/dataset-items", datasets.put_item, methods=["POST"]),
    Route(f"{PUBLIC}/dataset-items/{{item_id:text}}", datasets.get_item),
    Route(f"{PUBLIC}/dataset-items/{{item_id:text}}", datasets.delete_item, methods=["DELETE"]),
    Route(f"{PUBLIC}/datasets/{{name:text}}/runs", runs.list_runs),
    Route(f"{PUBLIC}/datasets/{{name:text}}/runs/{{run_name:text}}", runs.get_run),
    Route(f"{PUBLIC}/datasets/{{name:text}}/runs/{{run_name:text}}", runs.delete_run, methods=["DELETE"]),
    Route(f"{PUBLIC}/datasets", datasets_v1.list_datasets),
    Route(f"{PUBLIC}/datasets", datasets_v1.create, methods=["POST"]),
    Route(f"{PUBLIC}/datasets/{{name:text}}", datasets_v1.get),
    Route(f"{PUBLIC}/dataset-run-items", runs.list_run_items),
    Route(f"{PUBLIC}/dataset-run-items", runs.put_item, methods=["POST"]),
    Route(f"{PUBLIC}/experiments", experiments.list_experiments),
    Route(f"{PUBLIC}/experiment-items", experiments.list_items),
    Route(f"{PUBLIC}/score-configs", configs.list_configs),
    Route(f"{PUBLIC}/score-configs", configs.create, methods=["POST"]),
    Route(f"{PUBLIC}/score-configs/{{config_id}}", configs.get),
    Route(f"{PUBLIC}/score-configs/{{config_id}}", configs.change, methods=["PATCH"]),
    Route(f"{PUBLIC}/comments", comments.list_comments),
    Route(f"{PUBLIC}/comments", comments.create, methods=["POST"]),
    Route(f"{PUBLIC}/comments/{{comment_id}}", comments.get),
    Route(f"{PUBLIC}/models", models.list_models),
    Route(f"{PUBLIC}/models", models.create, methods=["POST"]),
    Route(f"{PUBLIC}/models/{{model_id}}", models.get),
    Route(f"{PUBLIC}/models/{{model_id}}", models.put, methods=["PUT"]),
    Route(f"{PUBLIC}/models/{{model_id}}", models.delete, methods=["DELETE"]),
    Route(f"{PUBLIC}/media", media.create, methods=["POST"]),
    Route(f"{PUBLIC}/media/{{media_id}}", media.get),
    Route(f"{PUBLIC}/media/{{media_id}}", media.report, methods=["PATCH"]),
    Route(f"{media.PATH}/{{project_id}}/{{media_id}}", media.upload, methods=["PUT"]),
    Route(f"{media.PATH}/{{project_id}}/{{media_id}}", media.download),
    Route(f"{archive.PATH}/backup", archive.backup),
    Route(f"{archive.PATH}/export", archive.export),
    Route(f"{archive.PATH}/changes/{{table}}", archive.changed),
    Route(f"{archive.PATH}/import/{{table}}", archive.load, methods=["POST"]),
    *insights.ROUTES,
    *spending.ROUTES,
    *alerts.ROUTES,
    *scrape.ROUTES,
    *pages.ROUTES,
]


def create_app(context: Context) -> Starlette:
    app = Starlette(
        routes=[*ROUTES, *left_out.ROUTES],
        middleware=[Middleware(Activity, context=context), Middleware(Gate, context=context)],
        exception_handlers={
            ApiError: _refusal,
            HTTPException: _http_error,
            CalangoError: _failure,
            ClientDisconnect: _gone,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False  # it would lead to whatever Host the request named
    app.state.context = context
    return app


class Activity:
    """Notes when the last request came and how many run, for the idle end of a background server."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.context.active += 1
        share = Share(self.context.room)
        scope.setdefault("state", {})["share"] = share
        try:
            await self.app(scope, receive, send)
        finally:
            share.end()
            self.context.active -= 1
            self.context.last_request = time.monotonic()


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return Json(error.body(), error.status, headers=_LATER if error.status == 503 else None)


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, as Langfuse words them."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return Json({"message": f"No such path: {request.url.path}", "error": "LangfuseNotFoundError"}, 404)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{request.method} is not allowed here."
        return Json({"message": message, "error": "MethodNotAllowedError"}, 405, headers=error.headers)
    return Json({"message": str(error.detail)}, error.status_code)


async def _failure(_request: Request, error: Exception) -> Response:
    """The store refused or failed (disk full, closing): the sender keeps what it has and tries again."""
    log.error("%s", error)
    return Json({"message": str(error), "error": type(error).__name__}, 503, headers=_LATER)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The sender left, or was too slow, in the middle of its body; nobody hears this."""
    return Json({"message": "The body is not complete."}, 400)


async def _bug(_request: Request, _error: Exception) -> Response:
    """Starlette logs the traceback; the answer says nothing about the inside. It does not pass the gate."""
    return Json({"message": "Internal server error", "error": "InternalServerError"}, 500, headers=SECURITY)
