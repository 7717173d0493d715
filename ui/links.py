"""The way from an answer to its trace. Where a local server answers may take a moment to find out."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from .exchanges import Exchange
from .place import Place

_FRESH_S = 1.0


def trace_url(place: Place, trace_id: str | None) -> str | None:
    """None while it is not known where traces go, and where there are none."""
    tracing = place.chat.tracing
    if tracing is None or trace_id is None or not _is_known(place):
        return None
    url = tracing.trace_url(trace_id)
    return None if url is None else quote(url, safe=":/#?&=%")


def is_pending(place: Place, talk: Sequence[Exchange]) -> bool:
    has_traces = place.chat.tracing is not None and any(item.trace_id and item.answers for item in talk)
    return has_traces and not _is_known(place)


def _is_known(place: Place) -> bool:
    tracing = place.chat.tracing
    if tracing is None:
        return False
    destination = tracing.destination
    known = place.lookups.get("address", destination.known_address, None, fresh_s=_FRESH_S)
    return known is not None
