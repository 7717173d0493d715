"""What Langfuse has and this server leaves out. It says so (501), and names what to use instead."""

from __future__ import annotations

from typing import NoReturn

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from calango.server.errors import ApiError

PUBLIC = "/api/public"
_LANGFUSE = "use Langfuse itself (cloud or self-hosted)"
_PROJECTS = "`calango project` manages projects and their keys on this machine"

LEFT_OUT: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    # path, methods (none: all), what it is, what to do instead
    ("scim", (), "SCIM", "there are no users here, only projects and their keys: `calango project`"),
    ("organizations", (), "Organizations", _PROJECTS),
    ("projects", ("POST",), "Creating projects through the organization API", _PROJECTS),
    ("projects/{project_id}", ("PUT", "DELETE"), "Changing projects through the organization API", _PROJECTS),
    ("projects/{project_id}/apiKeys", (), "API keys of the organization API", _PROJECTS),
    ("projects/{project_id}/memberships", (), "Memberships", _PROJECTS),
    ("annotation-queues", (), "Annotation queues", "score traces with POST /api/public/scores"),
    ("llm-connections", (), "LLM connections", "this server calls no model; set the agent's with CALANGO_MODEL"),
    ("integrations/blob-storage", (), "Blob storage integrations", "read traces over the API"),
    ("v2/evaluators", (), "Evaluators", "evaluate in your own code and send scores to POST /api/public/scores"),
    ("v2/evaluation-rules", (), "Evaluation rules", "evaluate in your own code and send scores"),
    ("feedback", (), "Feedback about Langfuse", "rate answers with POST /api/public/scores"),
    ("unstable/dashboards", (), "Dashboards", "query GET /api/public/v2/metrics"),
    ("unstable/dashboard-widgets", (), "Dashboard widgets", "query GET /api/public/v2/metrics"),
    ("unstable", (), "Unstable APIs", _LANGFUSE),
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _route(path: str, methods: tuple[str, ...], what: str, instead: str) -> list[BaseRoute]:
    async def answer(_request: Request) -> NoReturn:
        raise ApiError(501, f"{what}: not part of Calango's local server. Instead: {instead}.", "NotImplementedError")

    whole = f"{PUBLIC}/{path}"
    exact = Route(whole, answer, methods=list(methods or _METHODS))
    return [exact] if methods else [exact, Route(f"{whole}/{{rest:path}}", answer, methods=list(_METHODS))]


ROUTES: list[BaseRoute] = [route for entry in LEFT_OUT for route in _route(*entry)]
