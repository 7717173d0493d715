"""Sends prepared bodies over a few connections and says how long it took."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit


class Refused(Exception):
    """A server did not take what it was sent."""


class Connection:
    """One kept-alive connection to an OTLP endpoint."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._http = http.client.HTTPConnection(parts.hostname, parts.port, timeout=300)
        self._path = parts.path
        self._headers = dict(headers)

    def post(self, body: bytes, *, compressed: bool = True) -> None:
        encoding = {"Content-Encoding": "gzip"} if compressed else {}
        self._http.request(
            "POST", self._path, body, {"Content-Type": "application/x-protobuf", **encoding, **self._headers}
        )
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise Refused(f"{answer.status}: {said[:300]!r}")

    def close(self) -> None:
        self._http.close()


def send(url: str, headers: Mapping[str, str], bodies: Iterable[bytes], connections: int = 8) -> float:
    """Seconds until every body was answered with 200. Raises Refused."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        waiting.put(body)
    failures: list[BaseException] = []

    def work() -> None:
        connection = Connection(url, headers)
        try:
            while not failures:
                connection.post(waiting.get_nowait())
        except queue.Empty:
            pass
        except (OSError, http.client.HTTPException, Refused) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - started
