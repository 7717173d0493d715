"""`POST /api/public/otel/v1/traces`: OTLP over HTTP, answered after the commit. Metrics are taken and not kept."""

from __future__ import annotations

import asyncio
import time

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from calango.server import otlp
from calango.server.counting import Counted, counted
from calango.server.http import context_of, project_of
from calango.server.intake import body_of
from calango.server.mapping import Decoded, observations_of

V4 = 4  # the protocol version from which on a writer is visible in the v2 endpoints at once


async def export_traces(request: Request) -> Response:
    kind = otlp.media_type(request.headers.get("content-type", ""))
    body = await body_of(request)
    version = request.headers.get("x-langfuse-ingestion-version", "")
    direct = version.isdecimal() and len(version) < 10 and int(version) >= V4
    project_id, prices = project_of(request), context_of(request).prices

    def decode() -> tuple[Decoded, Counted]:
        found = otlp.decode_spans(body, kind)
        decoded = observations_of(found.request, project_id, now_ns=time.time_ns(), direct=direct)
        decoded.rejected += found.lost
        decoded.reasons |= {found.why} if found.why else set()
        for row in decoded.rows:
            prices.apply(row)
        return decoded, counted(decoded.rows)

    decoded, count = await to_thread.run_sync(decode, limiter=context_of(request).decoders)
    if decoded.rows:
        await asyncio.wrap_future(context_of(request).store.insert(decoded.rows))
    context_of(request).metrics.add(count, decoded.rejected)
    return Response(otlp.encode_answer(decoded.rejected, decoded.message, kind), media_type=kind)


async def drop_metrics(request: Request) -> Response:
    """As Langfuse does: whoever exports metrics beside traces to one address is not told of an error."""
    kind = otlp.media_type(request.headers.get("content-type", ""))
    await body_of(request)
    return Response(b"" if kind == otlp.PROTOBUF else b"{}", media_type=kind)
