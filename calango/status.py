"""How Calango is set up, and what its local server holds. Starts and sends nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from calango import __version__, local, local_api, models
from calango.local import LocalServer
from calango.mirror.copy import copied_until
from calango.settings import Settings
from calango.tracing.destination import Destination, collector, destination
from calango.tracing.outbox import Outbox


def gather(settings: Settings) -> dict[str, Any]:
    """What `status` shows, with stable keys."""
    choice = models.choose(settings)
    server = local.find(settings.home) if settings.mode == "local" else None
    backend = {
        "remote": settings.base_url,
        "local": server.base_url if server else "local server, not running",
        "off": None,
    }
    to, beside = destination(settings), collector(settings)
    return {
        "version": __version__,
        "mode": settings.mode,
        "backend": backend[settings.mode],
        "model": choice.spec,
        "model_note": choice.note,
        "graph": settings.graph or "bundled",
        "home": str(settings.home),
        "copied_until": copied_until(settings),
        "outbox": _waiting(settings, to),
        "collector": settings.otlp_endpoint,
        "collector_outbox": _waiting(settings, beside),
    }


def _waiting(settings: Settings, to: Destination | None) -> dict[str, Any]:
    """What waits for a destination, read without opening a way to it: that would begin to deliver."""
    if to is None:
        return {}
    outbox = Outbox(settings.home, to.key)
    try:
        return asdict(outbox.depth())
    finally:
        outbox.close()


def of_server(server: LocalServer) -> dict[str, Any]:
    """What a running local server says of itself: `version`, `schema`, `started_ns`, `counts`, `database`,
    `database_bytes`. Raises BackendUnreachable or BackendRefused.
    """
    return local_api.call(server, "GET", "/status")
