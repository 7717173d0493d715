"""What is spent of budgets: `POST /api/calango/spent`, asked by engines, the command line and the pages."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from calango.budgets.wire import QUESTION, TOLD
from calango.errors import InputError
from calango.insights.spending import told
from calango.server.errors import invalid, problem, refused
from calango.server.http import Json, added_up, chosen_project, object_of, reading

PATH = "/api/calango/spent"


async def spent(request: Request) -> Json:
    """Figures of one moment: of every budget that was asked about, and of single traces."""
    try:
        question = QUESTION.validate_python(await object_of(request))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise invalid(*(problem(list(one["loc"]), one["msg"]) for one in found[:10])) from None
    project_id = await chosen_project(request)
    await added_up(request)
    try:
        answer = await reading(request, lambda db: told(db, project_id, question, datetime.now(UTC)))
    except InputError as error:
        raise refused(str(error)) from None
    return Json(TOLD.dump_python(answer, mode="json"))


ROUTES: list[BaseRoute] = [Route(PATH, spent, methods=["POST"])]
