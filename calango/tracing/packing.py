"""Gzip by ISA-L: zlib would cost more than everything else that tracing does."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from isal import igzip

_LEVEL = 1
_compress = cast("Callable[[bytes, int], bytes]", igzip.compress)  # pyright: ignore[reportUnknownMemberType]


def packed(body: bytes) -> bytes:
    return _compress(body, _LEVEL)
