"""`GET /metrics` for Prometheus: of all projects together, so a project's own key does not open it."""

from __future__ import annotations

from collections import Counter
from functools import partial

import duckdb
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from calango.alerts import journal, rulebook
from calango.alerts.watch import Watch
from calango.server.http import context_of, only_home, reading
from calango.web.prometheus import exposition

PATH = "/metrics"


async def scrape(request: Request) -> Response:
    """Open as the pages are: at this machine, or with the home's key."""
    context = context_of(request)
    if request.state.key is not None:
        only_home(request, "read the metrics")
    alerts: Counter[str] = Counter()
    if context.watch is not None:
        alerts = await reading(request, partial(_open_alerts, context.watch))
    context.metrics.look(alerts, context.store.path.stat().st_size)
    body, kind = exposition(context.metrics.registry, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": kind})


def _open_alerts(watch: Watch, db: duckdb.DuckDBPyConnection) -> Counter[str]:
    """By severity."""
    severities = {one.rule.name: one.rule.severity for one in rulebook.listed(db, watch.project_id, watch.rules)}
    running = journal.unsettled(db, watch.project_id).values()
    return Counter(severities.get(kept.incident.rule, "info") for kept in running if kept.incident.is_open)


ROUTES: list[BaseRoute] = [Route(PATH, scrape)]
