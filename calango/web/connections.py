"""Bounds for connections: how many there may be, and how slow they may be.

uvicorn waits without end for a client that says nothing, or that sends a head or body byte by byte, and counts idle
connections against busy ones. Here each has an alarm for what it owes, and when there are too many, one that owes a
request makes room: a crowd that says nothing can't keep others out. Bodies have a lowest rate, as in Apache's
mod_reqtimeout: the time they may take grows with what has come.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, ClassVar

import h11
import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

_FORGET = struct.pack("ii", 1, 0)  # the kernel drops what it still holds, instead of waiting for the reader
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds; a body or an answer may take `slack_s` more than it would at `rate` bytes per second."""

    connections: int = 512
    head_s: float = 15.0
    slack_s: float = 20.0
    rate: float = 1000.0
    idle_s: int = 5
    head_bytes: int = 64 * 1024


LIMITS = Limits()


@dataclass(slots=True)
class Doors:
    """Who is inside, the oldest first."""

    limits: Limits
    inside: dict[Connection, None] = field(default_factory=dict["Connection", None])

    def enter(self, new: Connection) -> None:
        """When it is full, one leaves that has never asked, else one that does not ask now, else `new` itself."""
        self.inside[new] = None
        if len(self.inside) > self.limits.connections:
            idle = [one for one in self.inside if one.is_idle and one is not new]
            leaving = next((one for one in idle if not one.was_answered), idle[0] if idle else new)
            self.leave(leaving)
            leaving.transport.abort()

    def leave(self, one: Connection) -> None:
        self.inside.pop(one, None)


class Connection(H11Protocol):
    """One connection. `bounded` makes the class of one server, with that server's doors."""

    doors: ClassVar[Doors]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_answered = False
        self._owed = ""  # what the client owes: the "head" of a request, its "body", or the "rest" of an unwanted one
        self._since = 0.0
        self._received = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._unsent_alarm: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """No request is being answered."""
        return self.conn.our_state not in {h11.SEND_RESPONSE, h11.SEND_BODY}

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._owes("head")
        self.doors.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.doors.leave(self)
        self._owes("")
        self._forget_unsent()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._owes(self._awaited())

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is refused in the shape of every other refusal, and ends the connection."""
        body = orjson.dumps({"message": msg, "error": "InvalidRequestError"})
        headers = [("content-type", "application/json"), ("connection", "close"), ("content-length", str(len(body)))]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        self.was_answered = True
        super().on_response_complete()
        awaited = self._awaited()
        self._owes("" if awaited == "head" else awaited)  # uvicorn's own timer waits for the next request

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self._unsent_alarm = self.loop.call_later(self.doors.limits.slack_s, self._look_at_unsent)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_unsent()

    def _awaited(self) -> str:
        if self.conn.their_state is h11.IDLE:
            return "head"
        if self.conn.their_state is h11.SEND_BODY:
            return "rest" if self.is_idle else "body"
        return ""

    def _owes(self, owed: str) -> None:
        if owed == self._owed:
            return
        self._owed, self._since, self._received = owed, self.loop.time(), 0
        if self._alarm is not None:
            self._alarm.cancel()
        limits = self.doors.limits
        wait_s = limits.slack_s if owed == "body" else limits.head_s
        self._alarm = self.loop.call_later(wait_s, self._ring) if owed else None

    def _ring(self) -> None:
        limits, now = self.doors.limits, self.loop.time()
        if self._owed == "body":
            if self.flow.read_paused:  # it is this server that does not read
                self._since, self._received = now, 0
            due = self._since + limits.slack_s + self._received / limits.rate
            if due > now:
                self._alarm = self.loop.call_later(due - now, self._ring)
                return
        if self._owed == "head" and self.conn.trailing_data[0]:
            self.transport.write(_TOO_SLOW)
            self.transport.close()
        else:
            self.transport.abort()

    def _look_at_unsent(self) -> None:
        limits, left = self.doors.limits, self.transport.get_write_buffer_size()
        if self._unsent - left < limits.rate * limits.slack_s:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FORGET)
            self.transport.abort()
            return
        self._unsent = left
        self._unsent_alarm = self.loop.call_later(limits.slack_s, self._look_at_unsent)

    def _forget_unsent(self) -> None:
        if self._unsent_alarm is not None:
            self._unsent_alarm.cancel()
            self._unsent_alarm = None


def bounded(limits: Limits) -> type[asyncio.Protocol]:
    """The protocol class of one server, for `uvicorn.Config(http=...)`."""
    return type("BoundedConnection", (Connection,), {"doors": Doors(limits)})
