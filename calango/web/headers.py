"""Headers that every answer carries unless its route says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Message, Send


def with_headers(send: Send, given: Mapping[str, str]) -> Send:
    """`send`, which adds those of `given` (names in lower case) that an answer does not have."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.setdefault("headers", [])
            said = {name.lower() for name, _ in headers}
            headers.extend((k.encode(), v.encode()) for k, v in given.items() if k.encode() not in said)
        await send(message)

    return sending
