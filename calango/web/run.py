"""A socket that listens from the start, and uvicorn with signals that end it in order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Generator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from calango.web.connections import Limits, bounded

GRACE_S = 10
BACKLOG = 1024  # connections that may wait to be accepted, and be accepted at once; a full queue costs clients a second


def bound(address: str, port: int) -> socket.socket:
    """Listening from here on, so that nobody else gets the port in between. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; without, every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.set_inheritable(False)
    except BaseException:
        listener.close()
        raise
    return listener


class OrderlyServer(uvicorn.Server):
    """uvicorn with bounded connections. Signals end it without killing the process before it has cleaned up."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=bounded(limits),
                ws="none",
                backlog=BACKLOG,
                timeout_keep_alive=limits.idle_s,
                h11_max_incomplete_event_size=limits.head_bytes,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

    def when_ready(self) -> None:
        """Called on the loop once requests are answered."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(_signal: int, _frame: FrameType | None) -> None:
            self.should_exit = True

        before = {name: signal.signal(name, end) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)
