"""What people write about their OTLP collector, checked when settings are read and read again when spans are sent."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: token
_TRACES = "/v1/traces"


def check_endpoint(url: str) -> str:
    """ValueError when it holds credentials: an address is shown and stored, a header is not."""
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an address without user, query and fragment; credentials belong in CALANGO_OTLP_HEADERS")
    return url


def traces_url(endpoint: str) -> str:
    """An address that ends in /traces is taken as it is; to any other /v1/traces is appended."""
    return endpoint if urlsplit(endpoint).path.endswith("/traces") else endpoint.rstrip("/") + _TRACES


def parse_headers(text: str) -> dict[str, str]:
    """`name=value,name=value`, values percent-encoded where they must be, as OTEL_EXPORTER_OTLP_HEADERS has them.

    ValueError names what is wrong, never a value.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), unquote(value.strip())
        if not equals or not _NAME.fullmatch(name):
            raise ValueError("name=value pairs, separated by commas")
        if not value.isascii() or not value.isprintable():
            raise ValueError("name=value pairs whose values are printable ASCII")
        found[name] = value
    return found
