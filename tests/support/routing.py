"""Which route of the server answers a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from starlette.routing import BaseRoute, Match, Route


def named(route: BaseRoute) -> tuple[str, str]:
    """Method and path of a route: what tells it from all others."""
    plain = cast("Route", route)
    return next(method for method in sorted(plain.methods or ()) if method != "HEAD"), plain.path


def route_of(routes: Sequence[BaseRoute], method: str, path: str) -> tuple[str, str] | None:
    """The name of the first route that takes the request, as the router would find it."""
    scope = {"type": "http", "method": method, "path": path.partition("?")[0], "root_path": "", "headers": []}
    return next((named(route) for route in routes if route.matches(scope)[0] is Match.FULL), None)
