"""The gate: who may come in, and the headers that every answer carries.

The API opens with a project's keys. The pages open to a person at this machine, under a name of this machine, so
that a page from elsewhere can't read them through a name that resolves here (DNS rebinding); when the server listens
for others too, they open with a project's keys (HTTP Basic), and show that project. No other origin gets anything:
there are no CORS headers, and a request that says it comes from another web page is refused.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from calango.server.auth import Key
from calango.server.errors import ApiError
from calango.server.http import Context, Json
from calango.server.routes import media
from calango.web.headers import with_headers
from calango.web.hosts import host_name, is_foreign, is_loopback_ip

API = "/api/"
OPEN = frozenset({"/api/public/health", "/api/public/ready"})
SIGNED = f"{media.PATH}/"  # these addresses carry their own proof
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-site",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""What an answer carries unless its route says otherwise."""
_ASK = {"www-authenticate": 'Basic realm="Calango", charset="UTF-8"'}


class Gate:
    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        secured = with_headers(send, SECURITY)
        request, is_page = Request(scope), not scope["path"].startswith(API)
        try:
            request.state.key = self._key(request, is_page=is_page)
        except ApiError as error:
            headers = _ASK if is_page and error.status == 401 else None  # a browser asks the person then
            await Json(error.body(), error.status, headers=headers)(scope, receive, secured)
            return
        await self.app(scope, receive, secured)

    def _key(self, request: Request, *, is_page: bool) -> Key | None:
        """The key that came with the request; None where none is needed. ApiError when it may not come in."""
        path = request.scope["path"]
        if not path.startswith("/"):  # absolute-form names a host of its own
            raise ApiError(400, "Ask for a path, not for a whole address: this server is no proxy.")
        host = _single_host(request)
        _check_origin(request, host)
        if path in OPEN or path.startswith(SIGNED):
            return None
        authorization = request.headers.get("authorization")
        if is_page and self.context.loopback:
            self._check_neighbour(request, host)
            if authorization is None:
                return None
        return self.context.keyring.identify(authorization)

    def _check_neighbour(self, request: Request, host: str) -> None:
        """ApiError 403 unless the visitor is at this machine and used one of its own names."""
        if not is_loopback_ip(request.client.host.partition("%")[0] if request.client else ""):
            raise ApiError(403, "The pages are shown only on the machine on which the server runs.")
        name = host_name(host)
        if name is None or (name not in self.context.hosts and name != "localhost" and not is_loopback_ip(name)):
            raise ApiError(403, "The pages are shown only under 127.0.0.1 or localhost.")


def _single_host(request: Request) -> str:
    hosts = request.headers.getlist("host")
    if len(hosts) > 1:
        raise ApiError(400, "The request has more than one Host header.")
    return hosts[0] if hosts else ""


def _check_origin(request: Request, host: str) -> None:
    if is_foreign(request.headers.get("origin"), host):
        raise ApiError(403, "Requests from other web pages are refused.")
