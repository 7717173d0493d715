"""Names of hosts: which of them are this machine, and where a browser's request comes from. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/?#\[\]]+)(?::\d{1,5})?", re.IGNORECASE)


def host_name(host: str) -> str | None:
    """The name in a Host header, in lower case, without port, brackets and final dot; None when it is malformed."""
    match = _HOST.fullmatch(host)
    return match.group(1).lower().strip("[]").removesuffix(".") if match else None


def is_loopback_ip(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback(address: str) -> bool:
    """Whether only this machine can call what listens there."""
    return is_loopback_ip(address) or address.lower() == "localhost"


def is_foreign(origin: str | None, host: str) -> bool:
    """Whether another web page asks. Browsers name the page; they would send a person's credentials along."""
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()


def base_url(address: str, port: int) -> str:
    """An address to call: one to listen on everywhere is called as this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)  # noqa: S104
    return f"http://{name}:{port}"
