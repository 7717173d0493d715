"""Pages for people: the recent traces, those of a session, and one trace as a tree with a waterfall.

No script runs in them. `calango.server.gate` decides who sees them.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import duckdb
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from calango.server import paths
from calango.server.auth import Key
from calango.server.http import context_of, reading
from calango.server.routes.traces import find_trace, traces_by_id
from calango.server.times import iso_ms
from calango.server.trace_page import STYLE, duration, money, trace_html
from calango.store import query
from calango.store.derive import Trace

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
RECENT = 50
SESSION_LIMIT = 500


def _opens(request: Request, project_id: str) -> bool:
    """A person at this machine sees every project; who came with a key sees that key's."""
    key: Key | None = request.state.key
    return key is None or key.project_id == project_id


async def home(request: Request) -> Response:
    def read(db: duckdb.DuckDBPyConnection) -> list[Trace]:
        found = db.execute("SELECT id FROM projects ORDER BY created_ns").fetchall()
        shown: list[Trace] = []
        for (project_id,) in found:
            if not _opens(request, project_id):
                continue
            ids, _ = query.trace_ids(db, project_id, query.TraceFilter(), limit=RECENT)
            shown.extend(traces_by_id(db, project_id, ids, io=False).values())
        return shown

    shown = await reading(request, read)
    body = (
        "<h1>Calango</h1><p>This is the local trace server: it speaks Langfuse's API and keeps everything"
        f" in one file on this machine (version {escape(context_of(request).version)}).</p>"
    )
    body += _table(shown) if shown else "<p>No traces yet. Run a turn, and it appears here.</p>"
    return _page("Calango", body)


async def session(request: Request) -> Response:
    project_id, session_id = request.path_params["project_id"], request.path_params["session_id"]

    def read(db: duckdb.DuckDBPyConnection) -> list[Trace]:
        if not _opens(request, project_id):
            return []
        wanted = query.TraceFilter(session_id=session_id)
        ids, _ = query.trace_ids(db, project_id, wanted, order="timestamp ASC", limit=SESSION_LIMIT)
        return list(traces_by_id(db, project_id, ids, io=False).values())

    shown = await reading(request, read)
    body = f'<p><a href="/">All traces</a></p><h1>Session {escape(session_id)}</h1>'
    if not shown:
        return _page("Not found", f"{body}<p>No such session.</p>", 404)
    return _page("Session", body + _table(shown))


def _table(traces: list[Trace]) -> str:
    rows = "".join(_row(trace) for trace in traces)
    return (
        "<table><thead><tr><th>Time (UTC)</th><th>Trace</th><th>User</th><th>Session</th>"
        f"<th>Duration</th><th>Cost</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(trace: Trace) -> str:
    link = f"/project/{quote(trace.project_id, safe='')}/traces/{quote(trace.id, safe='')}"
    session_link = f"/project/{quote(trace.project_id, safe='')}/sessions/{quote(trace.session_id or '', safe='')}"
    failed = any(row.level == "ERROR" for row in trace.observations)
    cells = (
        escape(iso_ms(trace.timestamp_ns)),
        f'<a href="{escape(link)}">{escape(trace.name or trace.id)}</a>',
        escape(trace.user_id or ""),
        f'<a href="{escape(session_link)}">{escape(trace.session_id)}</a>' if trace.session_id else "",
        escape(duration(trace.duration_ns)),
        escape(money(trace.total_cost)),
    )
    return f"<tr{' class=error' if failed else ''}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


async def trace(request: Request) -> Response:
    project_id, trace_id = request.path_params["project_id"], request.path_params["trace_id"]

    def read(db: duckdb.DuckDBPyConnection) -> str | None:
        found = find_trace(db, project_id, trace_id) if _opens(request, project_id) else None
        if found is None:
            return None
        return trace_html(found, query.scores(db, query.of_project(project_id).equal("trace_id", trace_id)))

    body = await reading(request, read)
    if body is None:
        return _page("Not found", '<p><a href="/">All traces</a></p><h1>No such trace</h1>', 404)
    return _page("Trace", body)


async def style(_request: Request) -> Response:
    return PlainTextResponse(STYLE, media_type="text/css", headers=HEADERS)


def _page(title: str, body: str, status: int = 200) -> Response:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head><body>{body}</body></html>'
    )
    return HTMLResponse(html, status, headers=HEADERS)


paths.know_text()
ROUTES: list[BaseRoute] = [
    Route("/", home),
    Route("/style.css", style),
    Route("/project/{project_id}/traces/{trace_id:text}", trace),
    Route("/project/{project_id}/sessions/{session_id:text}", session),
]
