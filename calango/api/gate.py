"""The gate: who may come in, and how large a body may be.

With a token, every request carries it (`Authorization: Bearer`), but for `/health`. Without one the API listens on this
machine only, and is called under a name of this machine, so that no page from elsewhere reaches it through a name that
resolves here (DNS rebinding). There are no CORS headers, and what another web page asks is refused.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calango.web.headers import with_headers
from calango.web.hosts import host_name, is_foreign, is_loopback_ip

OPEN = frozenset({"/health"})
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class TooLarge(HTTPException):
    """Raised where the body is read, once it is larger than `most` bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"The body is larger than {most} bytes.")


class Gate:
    """`token` None: only this machine is let in, under `names` and its own ones. `most` is a body's size in bytes."""

    def __init__(self, app: ASGIApp, token: str | None, names: frozenset[str], most: int) -> None:
        self.app = app
        self._token = None if token is None else token.encode()
        self._names = names
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        secured = with_headers(send, SECURITY)
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise TooLarge(self._most)
            return message

        headers = Headers(scope=scope)
        if (answer := self._refusal(scope["path"], headers)) is not None:
            await answer(scope, receive, secured)
            return
        await self.app(scope, counted, secured)

    def _refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) > 1:
            return refusal(400, "InputError", "The request has more than one Host header.")
        host = hosts[0] if hosts else ""
        if is_foreign(headers.get("origin"), host):
            return refusal(403, "Forbidden", "Requests from other web pages are refused.")
        if self._token is None and not self._is_here(host):
            return refusal(403, "Forbidden", "Without a token the API answers only as 127.0.0.1 or localhost.")
        if self._token is not None and path not in OPEN and not self._is_known(headers.get("authorization", "")):
            said = refusal(401, "Unauthorized", "The bearer token is missing or wrong.", "It is CALANGO_API_TOKEN.")
            said.headers["www-authenticate"] = 'Bearer realm="Calango"'
            return said
        announced = headers.get("content-length", "")
        if len(announced) > 15 or (announced.isdecimal() and int(announced) > self._most):
            return refusal(413, "InputError", f"The body is larger than {self._most} bytes.")
        return None

    def _is_here(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name in self._names or name == "localhost" or is_loopback_ip(name))

    def _is_known(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token or b"")


def refusal(status: int, kind: str, message: str, hint: str = "") -> JSONResponse:
    """An answer in the shape of `shapes.Refusal`."""
    return JSONResponse({"error": {"type": kind, "message": message, "hint": hint}}, status)
