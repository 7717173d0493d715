"""Runs the API until it is asked to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from calango.api.app import create_app
from calango.chat import ChatService
from calango.errors import ConfigError
from calango.settings import Settings
from calango.web.connections import LIMITS
from calango.web.hosts import base_url, is_loopback
from calango.web.run import OrderlyServer, bound

HOST = "127.0.0.1"
TURNS_S = 5.0  # that running turns get to end by themselves; what they said so far reaches who asked in any case


def serve(
    settings: Settings,
    *,
    host: str = HOST,
    port: int | None = None,
    turns_s: float = TURNS_S,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Turns that run then have `turns_s` to end, and are stopped then.

    `on_ready` gets the base URL once requests are answered. Raises ConfigError when the address is open to others and
    there is no token, or can't be listened on, and what ChatService raises.
    """
    token = settings.api_token.get_secret_value() if settings.api_token is not None else None
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"The API would listen on {host} for everybody.",
            "Set CALANGO_API_TOKEN, or listen on 127.0.0.1.",
        )
    wanted = settings.api_port if port is None else port
    try:
        listener = bound(host, wanted)
    except OSError as error:
        raise ConfigError(
            f"Can't listen on {host}:{wanted} ({error.strerror}).",
            "Choose another port with CALANGO_API_PORT or --port; 0 takes any free one.",
        ) from error
    with contextlib.closing(listener), ChatService(settings) as chat:
        server = ApiServer(chat, token=token, names=frozenset({host.lower()}), turns_s=turns_s)
        url = base_url(host, listener.getsockname()[1])
        server.on_ready = lambda: on_ready(url)
        server.run(sockets=[listener])


class ApiServer(OrderlyServer):
    def __init__(
        self, chat: ChatService, *, token: str | None, names: frozenset[str] = frozenset(), turns_s: float = TURNS_S
    ) -> None:
        super().__init__(create_app(chat, token=token, names=names), LIMITS)
        self._chat = chat
        self._turns_s = turns_s
        self.on_ready: Callable[[], None] = lambda: None

    def when_ready(self) -> None:
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopping = asyncio.create_task(self._stop_turns())
        await super().shutdown(sockets)
        stopping.cancel()

    async def _stop_turns(self) -> None:
        await asyncio.sleep(self._turns_s)
        self._chat.engine.stop_all()
