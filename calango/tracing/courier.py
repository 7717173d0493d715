"""Delivers what waits in the outbox: one thread, one process at a time, in order, with backoff."""

from __future__ import annotations

import gzip
import json
import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from calango.errors import BackendError, BackendRefused, BackendUnreachable, CalangoError
from calango.tracing.destination import Address, Destination
from calango.tracing.outbox import Item, Outbox
from calango.tracing.packing import packed

logger = logging.getLogger("calango.tracing")
_POLL_S = 1.0
_BACKOFF_START_S = 0.5
_BACKOFF_MAX_S = 60.0
_RETRY_AFTER_MAX_S = 600.0
_TRIM_EVERY_S = 60.0
_PARK = {400, 401, 403, 404, 413, 422}


class _Busy(BackendError):
    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Courier:
    """Started by the first `wake()`. `max_bytes` and `max_age_s` bound what may wait."""

    def __init__(
        self, outbox: Outbox, destination: Destination, *, timeout_s: float, max_bytes: int, max_age_s: float
    ) -> None:
        self._outbox = outbox
        self._destination = destination
        self._client = httpx.Client(timeout=timeout_s, trust_env=True)
        self._bounds = (max_bytes, max_age_s)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._failures = 0
        self._trimmed_at = 0.0

    def wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="calango-courier", daemon=True)
                self._thread.start()
        self._wake.set()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is due any more; False when the time is over first. Never waits for a parked item."""
        deadline = time.monotonic() + timeout_s
        if self._outbox.is_empty():
            return True
        self.wake()
        while not self._outbox.is_empty():
            if time.monotonic() >= deadline:
                return False
            self._stop.wait(0.01)
        return True

    def close(self, timeout_s: float) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._client.close()

    def rescue(self, batches: Sequence[tuple[str, bytes]]) -> bool:
        """Send spans that could not be put on disk straight away; False when that fails too."""
        now = time.time_ns()
        try:
            self._post_spans([Item(0, "spans", trace_id, body, now, 0) for trace_id, body in batches])
        except (CalangoError, httpx.HTTPError):
            return False
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_POLL_S)
            self._wake.clear()
            try:
                self._trim()
                self._deliver_due()
            except Exception as error:  # noqa: BLE001
                # The outbox itself can't be used (full disk, lost file), or worse: this thread must outlive it all,
                # because nobody would notice that nothing is delivered any more. What waits stays; look again later.
                if self._stop.is_set():  # the outbox was closed while a request was under way
                    return
                logger.warning("delivery is interrupted: %s", error)
                self._stop.wait(_POLL_S)

    def _deliver_due(self) -> None:
        if not self._outbox.has_due() or not self._outbox.take_lease():
            return
        try:
            while not self._stop.is_set() and self._outbox.take_lease():
                items = self._outbox.due()
                if not items or not self._deliver(items):
                    return
        finally:
            self._outbox.give_up_lease()

    def _trim(self) -> None:
        if time.monotonic() - self._trimmed_at > _TRIM_EVERY_S:
            self._trimmed_at = time.monotonic()
            self._outbox.trim(*self._bounds)

    def _deliver(self, items: list[Item]) -> bool:
        """Send a run of items; True when the next run may follow at once."""
        spans = [item for item in items if item.kind == "spans"]
        votes = [item for item in items if item.kind != "spans"]
        sent = self._attempt(spans) if spans else True
        for vote in votes:
            sent = sent and self._attempt([vote])
        return sent

    def _attempt(self, items: list[Item]) -> bool:
        try:
            if items[0].kind == "spans":
                self._post_spans(items)
            else:
                self._post_vote(items[0])
        except BackendRefused as refused:
            return self._refused(items, refused)
        except _Busy as busy:
            self._postpone(items, busy.message, busy.after_s)
            return False
        except (CalangoError, httpx.HTTPError, OSError) as error:
            if isinstance(error, (httpx.HTTPError, BackendUnreachable)):
                self._destination.lost()
            self._postpone(items, str(error) or type(error).__name__)
            return False
        self._failures = 0
        self._outbox.delivered(items)
        return True

    def _refused(self, items: list[Item], refused: BackendRefused) -> bool:
        """Find the culprit among several; park a single one with what the backend said."""
        if refused.status not in _PARK:
            self._postpone(items, refused.message)
            return False
        if len(items) == 1 or refused.status in {401, 403}:
            self._outbox.park(items, refused.message)
            return True
        half = len(items) // 2
        return self._attempt(items[:half]) and self._attempt(items[half:])

    def _postpone(self, items: list[Item], reason: str, at_least_s: float = 0.0) -> None:
        self._failures += 1
        delay = min(_BACKOFF_MAX_S, _BACKOFF_START_S * 2 ** min(self._failures, 12))
        delay *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing
        self._outbox.postpone(items, max(delay, at_least_s), reason)

    def _post_spans(self, items: list[Item]) -> None:
        # Joined gzip members are one gzip stream (RFC 1952, 2.2), and joined serialized protobuf messages are their
        # fields merged, so many rows make one request without being unpacked.
        # Not every collector reads on after the first member, so there it is made one.
        body = b"".join(item.body for item in items)
        if len(items) > 1 and not self._destination.is_langfuse:
            body = packed(gzip.decompress(body))
        address = self._destination.address()
        headers = {**address.headers, "content-type": "application/x-protobuf", "content-encoding": "gzip"}
        self._send("POST", address.spans_path, content=body, headers=headers)

    def _post_vote(self, item: Item) -> None:
        if item.kind == "withdrawal":
            self._send("DELETE", f"/api/public/scores/{item.key}", missing_ok=True)
            return
        vote = json.loads(item.body)
        score = vote["score"]
        if vote["is_first_here"]:
            score["timestamp"] = self._first_timestamp(item.key) or score["timestamp"]
        headers = {"content-type": "application/json"}
        self._send("POST", "/api/public/scores", content=json.dumps(score), headers=headers)

    def _first_timestamp(self, score_id: str) -> str | None:
        """When the vote was first given, perhaps elsewhere: a score replaces another of the same UTC date only."""
        answer = self._send("GET", "/api/public/v2/scores", params={"scoreIds": score_id, "limit": 1}, missing_ok=True)
        rows = answer.json().get("data") if answer.status_code == 200 else None
        return rows[0].get("timestamp") if rows and rows[0].get("id") == score_id else None

    def _send(
        self,
        method: str,
        path: str,
        *,
        content: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str | int] | None = None,
        missing_ok: bool = False,
    ) -> httpx.Response:
        address: Address = self._destination.address()
        response = self._client.request(
            method,
            address.base_url + path,
            content=content,
            headers=headers,
            params=params,
            auth=address.auth,
        )
        if response.is_success or (missing_ok and response.status_code == 404):
            return response
        if response.status_code in {429, 503}:
            raise _Busy(_said(response), _retry_after_s(response))
        raise BackendRefused(_said(response), status=response.status_code)


def _retry_after_s(response: httpx.Response) -> float:
    """What the backend asks for (RFC 9110, 10.2.3), in seconds only, and within reason."""
    told = response.headers.get("retry-after", "")
    return min(float(told), _RETRY_AFTER_MAX_S) if told.isdigit() else 0.0


def _said(response: httpx.Response) -> str:
    """What the backend answered, short; it never contains what was sent with the request's authorization."""
    try:
        body: Any = response.json()
        detail = str(body.get("message") or body.get("error") or "")
    except (ValueError, AttributeError):
        detail = response.text
    return f"{response.status_code} {response.reason_phrase}: {detail[:300]}".rstrip(": ")
