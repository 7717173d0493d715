"""Where traces and scores go: a remote Langfuse, or the local server, which is started when it is needed.

And a collector, which takes traces only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from calango import local
from calango.errors import BackendUnreachable, CalangoError
from calango.otlp_settings import parse_headers, traces_url
from calango.settings import Settings

_RETRY_START_S = 2.0
_LANGFUSE_HEADERS = {"x-langfuse-sdk-name": "python", "x-langfuse-ingestion-version": "4"}


@dataclass(frozen=True, slots=True)
class Address:
    """`spans_path` is below `base_url`; `headers` go with spans. Without a public key nobody signs in."""

    base_url: str
    public_key: str
    secret_key: str = field(repr=False)
    spans_path: str = "/api/public/otel/v1/traces"
    headers: Mapping[str, str] = field(default_factory=lambda: _LANGFUSE_HEADERS, repr=False)

    @property
    def auth(self) -> tuple[str, str] | None:
        return (self.public_key, self.secret_key) if self.public_key else None


class Destination:
    """One Langfuse project. `key` names it in the outbox, so that what was meant for it goes nowhere else."""

    is_langfuse = True
    is_remote = False

    def __init__(self, key: str, public_key: str) -> None:
        self.key = key
        self.public_key = public_key

    @property
    def label(self) -> str:
        """For people: where it leads, without keys."""
        return self.key.partition("#")[0]

    def address(self) -> Address:
        """Where it answers now. May take long (it can start a server): never call it on a turn's way."""
        raise BackendUnreachable("This destination has no address.")

    def known_address(self) -> Address | None:
        """The address as far as it is known without waiting."""
        return None

    def lost(self) -> None:
        """Told when a request found nobody there."""


class Remote(Destination):
    is_remote = True

    def __init__(self, settings: Settings) -> None:
        public = settings.public_key or ""
        secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
        super().__init__(f"{settings.base_url}#{public}", public)
        self._address = Address(settings.base_url, public, secret)

    def address(self) -> Address:
        return self._address

    def known_address(self) -> Address | None:
        return self._address


class Local(Destination):
    """The local server of CALANGO_HOME. Its keys are known before it runs; its port may change when it restarts."""

    def __init__(self, settings: Settings) -> None:
        keys = local.keys(settings.home)
        super().__init__(f"local#{keys.project_id}", keys.public_key)
        self._settings = settings
        self._lock = threading.Lock()
        self._address: Address | None = None
        self._not_before = 0.0

    def address(self) -> Address:
        with self._lock:
            if self._address is not None:
                return self._address
            if time.monotonic() < self._not_before:
                raise BackendUnreachable("The local server could not be started a moment ago.", "Try `calango doctor`.")
            try:
                server = local.ensure(self._settings)
            except CalangoError:
                self._not_before = time.monotonic() + _RETRY_START_S
                raise
            self._address = Address(server.base_url, server.public_key, server.secret_key)
            return self._address

    def known_address(self) -> Address | None:
        with self._lock:
            if self._address is None:
                found = local.find(self._settings.home)
                if found is not None:
                    self._address = Address(found.base_url, found.public_key, found.secret_key)
            return self._address

    def lost(self) -> None:
        with self._lock:
            self._address = None


class Collector(Destination):
    """Phoenix, Arize or any OTLP/HTTP collector; it reads OpenInference's attributes and knows no votes."""

    is_langfuse = False
    is_remote = True

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        url = traces_url(endpoint)
        super().__init__(f"otlp#{url}", "calango-otlp")
        self._address = Address(url, "", "", spans_path="", headers=headers)

    def address(self) -> Address:
        return self._address


def destination(settings: Settings) -> Destination | None:
    """The Langfuse of these settings; None when tracing is off."""
    if settings.mode == "off":
        return None
    return Remote(settings) if settings.mode == "remote" else Local(settings)


def collector(settings: Settings) -> Collector | None:
    """The collector that gets the same spans; None when none is set."""
    if settings.otlp_endpoint is None:
        return None
    told = settings.otlp_headers.get_secret_value() if settings.otlp_headers is not None else ""
    return Collector(settings.otlp_endpoint, parse_headers(told))
